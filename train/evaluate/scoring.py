"""A model's scores of clips, and how these relate to what it was fitted on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monitor.errors import ConfigError, DataError
from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.metadata import Contract
from monitor.windows.clip import ClipSpec
from train.data.clips import Clip
from train.data.preparation import Prepared, Sampling, cut
from train.evaluate.clip_scores import clip_scores
from train.evaluate.measurement import Split
from train.evaluate.novelty import classify_with
from train.evaluate.playback import Scorer
from train.evaluate.scores import Scored
from train.fit.saved import load_model
from train.fit.trainer import Predict

PREVIEW_FRAMES = 4


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


def relation(contract: Contract, name: str, prepared: Prepared, tested: Sequence[Clip]) -> Split:
    """How `tested`, some clips of the data `name`, relate to what the model was fitted on.

    Told from the hash in its contract: that of all clips, of the tested ones, or of all others.
    Where it is none of them, more clips than there are others must have some of the tested ones.
    """
    fitted = contract.data.sha256
    if fitted in (prepared.sha256(prepared.clips), prepared.sha256(tested)):
        return "fitted"
    chosen = set(tested)
    others = [clip for clip in prepared.clips if clip not in chosen]
    if others and fitted == prepared.sha256(others):
        crossing = {clip.group for clip in tested} & {clip.group for clip in others}
        return "random" if crossing else "grouped"
    if contract.data.name != name:
        return "unknown"
    return "overlapping" if contract.data.clips > len(others) else "related"


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
