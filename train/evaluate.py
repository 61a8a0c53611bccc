"""Testing a model on clips: its scores averaged over each clip's windows, and the report."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from export.saved import MODEL_NAME
from monitor.classifier import OnnxClassifier
from monitor.clip import ClipSpec
from monitor.contract import Contract, Data
from monitor.errors import ConfigError, DataError
from train.clips import Clip, find_clips, only_labels
from train.config import TrainConfig
from train.fit import Predict
from train.known import check_told, known_against
from train.measured import WARNINGS, Split
from train.novelty import classify_with
from train.playback import Scorer
from train.prepared import Prepared, Sampling, cut, prepare_clips
from train.report import HTML_NAME, write_report
from train.saved import load_model
from train.score import clip_scores
from train.scored import Scored
from train.split import folds_of

log = logging.getLogger(__name__)

PREVIEW_FRAMES = 4


def evaluate(
    model: Path,
    data: Path,
    out: Path,
    fold: int | None,
    cache: Path,
    console: Console,
    unknown: Sequence[Path] = (),
) -> None:
    """Test `model` on the clips of `data`, or those of one fold, and write the report to `out`.

    Windows are cut as the monitor cuts them, whatever the model was fitted on. `unknown` are
    folders of clips of other activities: told is how well their windows are known from these.
    """
    if (out / MODEL_NAME).exists():
        raise ConfigError(f"--out {out}: holds a run of har-train, with its own report")
    scorer = load_scorer(model)
    contract = scorer.contract
    limit = check_told(model, contract) if unknown else 0.0
    recipe = TrainConfig()  # for the stride, and for folds where the data names none
    everything = find_clips(data)
    known = [label for label in everything.labels if label in contract.labels]
    if len(known) < 2:
        check_labels(everything.clips, contract.labels)
    dataset = only_labels(everything, known)
    prepared = prepare_clips(dataset, contract.clip, "time", cache, console)
    clips: Sequence[Clip] = prepared.clips
    if fold is not None:
        folds = folds_of(prepared.clips, recipe)
        if fold not in folds:
            raise ConfigError(f"fold {fold}: folds here: {', '.join(map(str, folds))}")
        clips = folds[fold]
    split = relation(contract, dataset.name, prepared, clips)
    scored = score_clips(
        scorer.predict,
        prepared,
        clips,
        contract.labels,
        contract.clip,
        sampling="time",
        stride=recipe.stride,
    )
    tested = dataset.name if fold is None else f"fold {fold} of {dataset.name}"
    notes = [f"The model's own evaluation: {contract.evaluation}."]
    if held := [clip.path for clip in clips if clip.path in prepared.held]:
        notes.append(
            f"{len(held)} clips are shorter than a window of {contract.clip.span_s:g} s and were "
            f"completed by holding their last frame: {', '.join(held)}."
        )
    if left := len(everything.clips) - len(dataset.clips):
        strange = sorted(set(everything.labels) - set(known))
        notes.append(f"{left} clips of labels the model does not know: {', '.join(strange)}.")
    others = []
    if unknown:
        others = known_against(scorer, limit, prepared, clips, unknown, cache, console)
    metrics = write_report(
        out,
        scored,
        title=f"{contract.name} on {tested}",
        split=split,
        contract=contract,
        data=Data(
            name=dataset.name,
            sha256=prepared.sha256(clips),
            clips=len(clips),
            groups=len({clip.group for clip in clips}),
        ),
        settings={"model": model.name, "fold": fold, "stride": recipe.stride},
        skipped=[(skip.path, skip.reason) for skip in prepared.skipped],
        notes=[*notes, *(f"{one.words}." for one in others)],
        unknown=[asdict(one) for one in others],
    )
    if split in WARNINGS:
        log.warning("%s: %s", tested, WARNINGS[split])
    log.info(
        "%s: accuracy %.3f on %d clips; report in %s",
        tested, metrics.accuracy, len(scored), out / HTML_NAME,
    )  # fmt: skip
    for one in others:
        log.info("%s", one.words)


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

    DataError where a clip has a label that the model does not know.
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
    """DataError where a clip has a label that is not among the model's `labels`."""
    found = sorted({clip.label for clip in clips})
    if set(found) - set(labels):
        raise DataError(
            f"the model's labels are {', '.join(labels)}; the data's are {', '.join(found)}: "
            "a model can be tested on its own labels only"
        )
