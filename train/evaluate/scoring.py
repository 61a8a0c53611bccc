"""A model's scores of clips, and how these relate to what it was fitted on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.keras_file import load_model
from monitor.errors import ConfigError, DataError
from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.metadata import Contract
from monitor.windows.clip import ClipSpec
from train.data.clips import Clip
from train.data.preparation import Prepared
from train.data.windows import Sampling, cut
from train.evaluate.novelty import Classify, classify_with
from train.evaluate.scores import Scored, clip_scores
from train.fit.trainer import Predict

PREVIEW_FRAMES = 4


@dataclass(frozen=True)
class Scorer:
    """A model as the monitor takes one, whatever runs it."""

    classify: Classify
    contract: Contract

    def predict(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The scores alone, (N, labels), of windows (N, T, H, W, 3)."""
        return self.classify(windows).scores


def load_scorer(model: Path) -> Scorer:
    """A .keras or .onnx model as the monitor takes one; ModelError as those say.

    TensorFlow is imported for a .keras model only.
    """
    if model.suffix == ".onnx":
        classifier = OnnxClassifier(model)
        return Scorer(classifier.classify, classifier.contract)
    if model.suffix == ".keras":
        network, contract = load_model(model)
        return Scorer(classify_with(network), contract)
    raise ConfigError(f"{model}: a model is a .keras or .onnx file")


def score_clips(
    predict: Predict,
    prepared: Prepared,
    clips: Sequence[Clip],
    labels: Sequence[str],
    spec: ClipSpec,
    *,
    sampling: Sampling,
    stride: int,
) -> Scored:
    """`clips` of `prepared` with the scores `predict` gives them; `labels` are those of the scores.

    DataError if a clip has a label that the model does not know.
    """
    check_labels(clips, labels)
    shown = np.linspace(0, spec.frames - 1, min(PREVIEW_FRAMES, spec.frames)).astype(int)
    windows = (cut(prepared.decoded(clip), spec, sampling, stride) for clip in clips)
    previews: list[NDArray[np.uint8]] = []

    def noted(found: NDArray[np.uint8]) -> NDArray[np.uint8]:
        previews.append(found[len(found) // 2][shown])
        return found

    scores = clip_scores(predict, map(noted, windows))
    return Scored(
        labels=tuple(labels),
        clips=tuple(clip.path for clip in clips),
        groups=tuple(clip.group for clip in clips),
        truth=np.array([labels.index(clip.label) for clip in clips], np.int64),
        scores=scores,
        previews=np.stack(previews),
    )


def check_labels(clips: Sequence[Clip], labels: Sequence[str]) -> None:
    """DataError if a clip has a label that is not among the model's `labels`."""
    found = sorted({clip.label for clip in clips})
    if set(found) - set(labels):
        raise DataError(
            f"the model's labels are {', '.join(labels)}; the data's are {', '.join(found)}: "
            "a model can be tested on its own labels only"
        )
