"""Loading a model, and scoring clips with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from export.keras_file import load_model
from monitor.errors import ConfigError, DataError
from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.metadata import ModelMetadata
from monitor.recognition.zoom import Classify, with_zoom
from monitor.windows.clip import ClipSpec
from train.data.clips import Clip
from train.data.decoding import DecodedClips
from train.data.windows import Sampling, sample_windows
from train.evaluate.novelty import classify_with
from train.evaluate.scores import Scored, mean_window_scores
from train.fit.trainer import Predict

if TYPE_CHECKING:
    import keras

PREVIEW_FRAMES = 4


@dataclass(frozen=True)
class Scorer:
    """A model, run by Keras or ONNX Runtime."""

    classify: Classify
    metadata: ModelMetadata
    path: Path | None = None
    sha256: str = ""

    def predict(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The scores (N, labels) of windows (N, T, H, W, 3), without novelty."""
        return self.classify(windows).scores


def load_scorer(model: Path) -> Scorer:
    """Load a .keras or .onnx model; ModelError if it cannot be loaded.

    Only a .keras model imports TensorFlow.
    """
    if model.suffix == ".onnx":
        classifier = OnnxClassifier(model)
        return Scorer(classifier.classify, classifier.metadata, model)
    if model.suffix == ".keras":
        return replace(keras_scorer(*load_model(model)), path=model)
    raise ConfigError(f"{model}: a model is a .keras or .onnx file")


def keras_scorer(network: keras.Model, metadata: ModelMetadata) -> Scorer:
    """A loaded .keras model."""
    classify = with_zoom(classify_with(network), metadata.zoom, metadata.alert_places)
    return Scorer(classify, metadata)


def score_clips(
    predict: Predict,
    decoded_clips: DecodedClips,
    clips: Sequence[Clip],
    labels: Sequence[str],
    spec: ClipSpec,
    *,
    sampling: Sampling,
    stride: int,
) -> Scored:
    """`clips` with the scores that `predict` gives them, in the order of `labels`.

    DataError if a clip has a label that the model does not know.
    """
    check_labels(clips, labels)
    shown = np.linspace(0, spec.frames - 1, min(PREVIEW_FRAMES, spec.frames)).astype(int)
    windows = (sample_windows(decoded_clips.load(clip), spec, sampling, stride) for clip in clips)
    previews: list[NDArray[np.uint8]] = []

    def noted(found: NDArray[np.uint8]) -> NDArray[np.uint8]:
        previews.append(found[len(found) // 2][shown])
        return found

    scores = mean_window_scores(predict, map(noted, windows))
    return Scored(
        labels=tuple(labels),
        clips=tuple(clip.path for clip in clips),
        groups=tuple(clip.group for clip in clips),
        truth=np.array([labels.index(clip.label) for clip in clips], np.int64),
        scores=scores,
        previews=np.stack(previews),
    )


def check_labels(clips: Sequence[Clip], labels: Sequence[str]) -> None:
    """DataError if a clip has a label that the model does not have."""
    found = sorted({clip.label for clip in clips})
    if set(found) - set(labels):
        raise DataError(
            f"the model's labels are {', '.join(labels)}; the data's are {', '.join(found)}: "
            "a model can be tested on its own labels only"
        )
