"""What har-train does after its options are read: fit, test, and write what a user takes away."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from export.keras_file import MODEL_NAME, load_model, save_model
from monitor import __version__
from monitor.errors import ConfigError
from monitor.names import printable
from monitor.recognition.metadata import Contract, Data, Film, Unknown
from train.data.background import footage_label
from train.data.clips import Clip, Dataset
from train.data.split import Split, final_split, fold_split, folds_of, random_split
from train.evaluate.calibration import fit_temperature, set_temperature, with_temperature
from train.evaluate.metrics import measure, summary
from train.evaluate.novelty import fit_unknown
from train.evaluate.scores import Scored, concatenate
from train.experiment.experiment import Run
from train.experiment.results import Result
from train.recipe.options import TrainConfig
from train.report.clip_page import write_report
from train.report.files import HTML_NAME

log = logging.getLogger(__name__)

FEW = 20  # test clips below which an accuracy says little


def check_names(config: TrainConfig, dataset: Dataset) -> None:
    """ConfigError if the recipe names labels or groups that the clips do not have."""
    if unknown := sorted(set(config.background) - set(dataset.labels)):
        raise ConfigError(
            f"background {unknown[0]}: no such label; labels here: {', '.join(dataset.labels)}"
        )
    if set(config.background) == set(dataset.labels):
        raise ConfigError("every label is a background label: nothing could alert")
    if unknown := sorted(set(config.exclude_groups) - {clip.group for clip in dataset.clips}):
        raise ConfigError(f"exclude_groups {unknown[0]}: no such group in {dataset.root}")
    if config.footage:
        footage_label(config, dataset.labels)


def train_split(run: Run, out: Path, fold: int | None) -> None:
    """Fit and test on one split: fold `fold`, else the first, or a random one by the recipe."""
    clips = run.prepared.clips
    if run.config.split == "random":
        split, title = random_split(clips, run.config), "random split"
        how = (
            f"tested on {len(split.test)} clips of {run.dataset.name} drawn at random: scenes are "
            "on both sides of this split, so the figures are better than new scenes would give"
        )
    else:
        folds = folds_of(clips, run.config)
        number = min(folds) if fold is None else fold
        if number not in folds:
            raise ConfigError(f"fold {number}: folds here: {', '.join(map(str, folds))}")
        split, title = fold_split(clips, folds[number], run.config), f"fold {number}"
        how = (
            f"tested on fold {number} of {len(folds)} of {run.dataset.name}: "
            f"{len(split.test)} clips {_from_where(split.test)}"
        )
    how += _trained(run)
    result = fit_split(run, split, out, title, how)
    assert result.scored is not None
    _write(run, out, result.scored, result, [how], {})


def train_folds(run: Run, out: Path) -> None:
    """Test every fold in turn, then fit the model for all clips with the same recipe."""
    clips = run.prepared.clips
    results: dict[int, Result] = {}
    folds = folds_of(clips, run.config)
    for place, (number, test) in enumerate(folds.items()):
        split, title = fold_split(clips, test, run.config), f"fold {number}"
        folder = out / f"fold-{number}"
        how = (
            f"tested on fold {number} of {len(folds)} of {run.dataset.name}: {len(test)} clips "
            f"{_from_where(test)}{_trained(run)}"
        )
        run.pace.ahead = (len(folds) - place) * run.config.epochs
        results[number] = fit_split(run, split, folder, title, how)
        log.info("%s: %s", title, _figures(results[number].scored))
    temperature: float | None = None
    if not run.is_baseline:
        temperature = fit_temperature([_scored(result) for result in results.values()])
        for number in results:
            others = [_scored(result) for n, result in results.items() if n != number]
            own = fit_temperature(others) if others else temperature
            results[number] = _calibrated(results[number], own, out / f"fold-{number}")
    unknown = fit_unknown([result.novelty for result in results.values()])
    scored = concatenate([_scored(result) for result in results.values()])
    each = _over_folds(results)
    tested = [clip for test in folds.values() for clip in test]
    how = (
        f"cross-validated on {run.dataset.name}, {len(folds)} folds, {len(scored)} clips "
        f"{_from_where(tested)}, by a model of its own for each fold{_trained(run)}"
    )
    if run.config.exclude_groups:
        how += f", never on the groups {', '.join(run.config.exclude_groups)}"
    final: Result | None = None
    if not run.is_baseline:
        split, title = final_split(clips, run.config), "all clips"
        metrics = {**summary(measure(scored)), **each}
        run.pace.ahead = 0
        final = fit_split(run, split, out, title, how, metrics, temperature, unknown)
    notes = [how, "means over the folds: " + ", ".join(f"{k} {v:g}" for k, v in each.items())]
    if temperature is not None:
        notes.append(
            f"temperature {temperature:.2f}, fitted on the held-out clips of all folds; the scores "
            "of each fold are at one fitted on the other folds' clips"
        )
    parts = {f"fold {number}": _scored(result) for number, result in results.items()}
    _write(run, out, scored, final, notes, parts)


def fit_split(
    run: Run,
    split: Split,
    out: Path,
    title: str,
    how: str,
    metrics: Mapping[str, float] | None = None,
    temperature: float | None = None,
    unknown: Unknown | None = None,
) -> Result:
    """Fit, test and save into `out`; where this very fit was finished before, what came of it.

    `how` and `metrics` go into the contract; metrics are by default measured on the split's test.
    The saved model has the `temperature`; the result is without it. `unknown` is by default fitted
    on the split's test; where there is none either, the saved model does not give novelty.
    """
    finished = run.finished(split, out, title)
    if finished is not None:
        return finished
    if run.is_baseline:
        result = run.fit_baseline(split, title)
    else:
        model, result = run.fit(split, out, title)
        wider, novelty = run.with_novelty(model, split)
        result = replace(result, novelty=novelty)
        unknown = unknown or fit_unknown([novelty])
        if metrics is None and result.scored is not None:
            metrics = summary(measure(result.scored))
        if (out / MODEL_NAME).exists():
            log.warning("%s: replaces the model of an earlier run", out / MODEL_NAME)
        run.unfinish(out)
        contract = _contract(run, split, how, metrics or {})
        if temperature is not None:
            set_temperature(model, temperature)
            contract = contract.model_copy(update={"temperature": round(temperature, 4)})
        contract = contract.model_copy(update={"motion": run.min_motion(split)})
        if unknown is not None:
            model, contract = wider, contract.model_copy(update={"unknown": unknown})
        save_model(model, contract, out / MODEL_NAME)
    run.finish(out, result)
    return result


def _scored(result: Result) -> Scored:
    """The test clips of a fit that had some."""
    assert result.scored is not None
    return result.scored


def _calibrated(result: Result, temperature: float, folder: Path) -> Result:
    """A fold's result at `temperature`, which its saved model is given too, if it has none yet."""
    path = folder / MODEL_NAME
    model, contract = load_model(path)
    if contract.temperature is None:
        set_temperature(model, temperature)
        changed = {"temperature": round(temperature, 4)}
        save_model(model, contract.model_copy(update=changed), path)
    return replace(result, scored=with_temperature(_scored(result), temperature))


def _contract(run: Run, split: Split, how: str, metrics: Mapping[str, float]) -> Contract:
    config, labels = run.config, run.dataset.labels
    return Contract(
        name=f"{run.dataset.name}-{config.arch}",
        network=config.arch,
        version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        labels=labels,
        background=config.background,
        frames=config.clip.frames,
        size=config.clip.size,
        fps=config.clip.fps,
        thresholds={name: config.threshold for name in labels if name not in config.background},
        data=_data(run, (*split.train, *split.validation), run.ordinary.films),
        metrics=dict(metrics),
        evaluation=printable(how),
    )


def _write(
    run: Run,
    out: Path,
    scored: Scored,
    result: Result | None,
    notes: Sequence[str],
    folds: Mapping[str, Scored],
) -> None:
    """The report on `scored`; `result` is of the fit whose model lies in `out`, if one does."""
    config, prepared = run.config, run.prepared
    notes = (*notes, *prepared.notes)
    if prepared.held:
        notes = (
            *notes,
            f"{len(prepared.held)} clips are shorter than a window of {config.spec.span_s:g} s and "
            f"were completed by holding their last frame: {', '.join(prepared.held)}",
        )
    tested = set(scored.clips)
    clips = [clip for clip in prepared.clips if clip.path in tested]
    write_report(
        out,
        scored,
        title=f"{config.arch} on {run.dataset.name}",
        split=config.split,
        contract=None if run.is_baseline else load_model(out / MODEL_NAME)[1],
        data=_data(run, clips),
        settings=config.model_dump(mode="json"),
        history=result.history if result else None,
        folds=folds,
        skipped=[(skip.path, skip.reason) for skip in prepared.skipped],
        notes=notes,
    )
    log.info("%s: %s; report in %s", run.dataset.name, _figures(scored), out / HTML_NAME)
    if len(scored) < FEW:
        log.warning("%d test clips are too few to tell how good it is", len(scored))
    if not run.is_baseline:
        log.info("next: har-export %s NAME.onnx", out / MODEL_NAME)


def _data(run: Run, clips: Sequence[Clip], footage: tuple[Film, ...] = ()) -> Data:
    return Data(
        name=run.dataset.name,
        sha256=run.prepared.sha256(clips),
        clips=len(clips),
        groups=_groups(clips),
        footage=footage,
    )


def _over_folds(results: Mapping[int, Result]) -> dict[str, float]:
    """Means over the folds, and how far the folds lie apart."""
    found = [measure(result.scored) for result in results.values() if result.scored is not None]
    accuracies = [metrics.accuracy for metrics in found]
    figures = {
        "fold_accuracy_mean": float(np.mean(accuracies)),
        "fold_accuracy_std": float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else 0.0,
    }
    aucs = [metrics.macro_auc for metrics in found if metrics.macro_auc is not None]
    if aucs:
        figures["fold_auc_mean"] = float(np.mean(aucs))
    return {name: round(figure, 4) for name, figure in figures.items()}


def _figures(scored: Scored | None) -> str:
    assert scored is not None
    figures = summary(measure(scored))
    text = (
        f"accuracy {figures['accuracy']:.3f} on {len(scored)} clips "
        f"({figures['accuracy_low']:.2f} to {figures['accuracy_high']:.2f})"
    )
    return text + (f", AUC {figures['auc']:.3f}" if "auc" in figures else "")


def _from_where(clips: Sequence[Clip]) -> str:
    """Of how many groups test clips are, in words that claim no more than is known."""
    if {clip.group for clip in clips} <= {clip.path for clip in clips}:
        return "that were not trained on; no groups are known, so their scenes may have been"
    return f"of {_groups(clips)} groups that were not trained on"


def _trained(run: Run) -> str:
    """What else a reader must know of the training."""
    if run.config.sampling != "time":
        return ", on frames spread over whole clips, which no live camera gives"
    if run.ordinary.films:
        return (
            f", trained beside the clips on footage in which nothing happens ({run.ordinary.words})"
        )
    return ""


def _groups(clips: Sequence[Clip]) -> int:
    return len({clip.group for clip in clips})
