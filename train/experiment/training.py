"""Training: fit and test one split or all folds, and write the model and the report."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from export.keras_file import MODEL_NAME, load_model, save_model
from monitor import __version__
from monitor.errors import ConfigError
from monitor.names import printable
from monitor.recognition.metadata import Data, Film, ModelMetadata, Unknown
from train.data.background import footage_label
from train.data.clips import Clip, Dataset
from train.data.split import Split, final_split, fold_split, folds_of, random_split
from train.evaluate.calibration import (
    fit_fold_temperatures,
    fit_temperature,
    set_temperature,
    with_temperature,
)
from train.evaluate.metrics import measure, summary
from train.evaluate.novelty import fit_novelty_threshold
from train.evaluate.scores import Scored, by_dataset, concatenate
from train.experiment.experiment import Experiment
from train.experiment.results import FitResult
from train.recipe.options import Recipe
from train.report.write import HTML_NAME, write_clip_report

log = logging.getLogger(__name__)

FEW_CLIPS = 20  # test clips below which an accuracy says little


def check_names(recipe: Recipe, dataset: Dataset) -> None:
    """ConfigError if the recipe names labels or groups that no clip has."""
    if unknown := sorted(set(recipe.background) - set(dataset.labels)):
        raise ConfigError(
            f"background {unknown[0]}: no such label; labels here: {', '.join(dataset.labels)}"
        )
    if set(recipe.background) == set(dataset.labels):
        raise ConfigError("every label is a background label: nothing could alert")
    if unknown := sorted(set(recipe.exclude_groups) - {clip.group for clip in dataset.clips}):
        raise ConfigError(
            f"exclude_groups {unknown[0]}: no such group in {dataset.where}; "
            f"a group there is {dataset.clips[0].group}"
        )
    if recipe.footage:
        footage_label(recipe, dataset.labels)


def train_split(experiment: Experiment, out: Path, fold: int | None) -> None:
    """Fit and test on one split: fold `fold`, else the first, or the recipe's random split."""
    clips = experiment.decoded_clips.clips
    if experiment.recipe.split == "random":
        split, title = random_split(clips, experiment.recipe), "random split"
        how = (
            f"tested on {len(split.test)} clips of {experiment.dataset.name} drawn at random: "
            "scenes are on both sides of this split, so the figures are better than new scenes "
            "would give"
        )
    else:
        folds = folds_of(clips, experiment.recipe)
        number = min(folds) if fold is None else fold
        if number not in folds:
            raise ConfigError(f"fold {number}: folds here: {', '.join(map(str, folds))}")
        split, title = fold_split(clips, folds[number], experiment.recipe), f"fold {number}"
        how = (
            f"tested on fold {number} of {len(folds)} of {experiment.dataset.name}: "
            f"{len(split.test)} clips {_describe_test_clips(split.test)}"
        )
    how += _training_note(experiment)
    result = fit_split(experiment, split, out, title, how)
    assert result.scored is not None
    _write(experiment, out, result.scored, result, [how], {})


@dataclass(frozen=True)
class FoldFit:
    """A fit that is tested on a fold."""

    number: int
    split: Split
    how: str  # it is tested, for the model's metadata

    @property
    def title(self) -> str:
        """What it is called."""
        return f"fold {self.number}"

    def folder(self, run: Path) -> Path:
        """Where it lies in the folder of a run."""
        return run / f"fold-{self.number}"


# Fits all folds into the folder of a run, each one's result as it comes.
FitFolds = Callable[[Experiment, Path, Sequence[FoldFit]], Iterator[tuple[FoldFit, FitResult]]]


def fit_in_turn(
    experiment: Experiment, out: Path, fits: Sequence[FoldFit]
) -> Iterator[tuple[FoldFit, FitResult]]:
    """Fit one fold after another, in this process."""
    for place, fit in enumerate(fits):
        experiment.timer.ahead = (len(fits) - place) * experiment.recipe.epochs
        yield fit, fit_split(experiment, fit.split, fit.folder(out), fit.title, fit.how)


def train_folds(experiment: Experiment, out: Path, fit_folds: FitFolds = fit_in_turn) -> None:
    """Test every fold, then fit the model on all clips with the same recipe."""
    clips = experiment.decoded_clips.clips
    folds = folds_of(clips, experiment.recipe)
    fits = [
        FoldFit(
            number,
            fold_split(clips, test, experiment.recipe),
            f"tested on fold {number} of {len(folds)} of {experiment.dataset.name}: {len(test)} "
            f"clips {_describe_test_clips(test)}{_training_note(experiment)}",
        )
        for number, test in folds.items()
    ]
    found: dict[int, FitResult] = {}
    for fit, result in fit_folds(experiment, out, fits):
        found[fit.number] = result
        log.info("%s: %s", fit.title, _describe(result.scored))
    results = {number: found[number] for number in folds}
    temperature: float | None = None
    if not experiment.is_baseline:
        tests = {number: _test_scores(result) for number, result in results.items()}
        temperature = fit_temperature(list(tests.values()))
        for number, own in fit_fold_temperatures(tests).items():
            results[number] = _with_temperature(results[number], own, out / f"fold-{number}")
    unknown = fit_novelty_threshold([result.novelty for result in results.values()])
    scored = concatenate([_test_scores(result) for result in results.values()])
    each = _fold_means(results)
    tested = [clip for test in folds.values() for clip in test]
    how = (
        f"cross-validated on {experiment.dataset.name}, {len(folds)} folds, {len(scored)} clips "
        f"{_describe_test_clips(tested)}, by a model of its own for each fold"
        f"{_training_note(experiment)}"
    )
    if experiment.recipe.exclude_groups:
        how += f", never on the groups {', '.join(experiment.recipe.exclude_groups)}"
    final: FitResult | None = None
    if not experiment.is_baseline:
        split, title = final_split(clips, experiment.recipe), "all clips"
        metrics = {**summary(measure(scored)), **each}
        experiment.timer.ahead = 0
        final = fit_split(experiment, split, out, title, how, metrics, temperature, unknown)
    notes = [how, "means over the folds: " + ", ".join(f"{k} {v:g}" for k, v in each.items())]
    if temperature is not None:
        notes.append(
            f"temperature {temperature:.2f}, fitted on the held-out clips of all folds; the scores "
            "of each fold are at one fitted on the other folds' clips"
        )
    parts = {f"fold {number}": _test_scores(result) for number, result in results.items()}
    _write(experiment, out, scored, final, notes, parts)


def fit_split(
    experiment: Experiment,
    split: Split,
    out: Path,
    title: str,
    how: str,
    metrics: Mapping[str, float] | None = None,
    temperature: float | None = None,
    unknown: Unknown | None = None,
) -> FitResult:
    """Fit, test and save into `out`; a fit that was finished before is loaded instead.

    `how` and `metrics` go into the model's metadata; by default the metrics are those of the test
    clips. The saved model has the `temperature`, the result does not. `unknown` is by default
    fitted on the test clips; without any, the saved model does not give novelty.
    """
    finished = experiment.load_finished(split, out, title)
    if finished is not None:
        return finished
    if experiment.is_baseline:
        result = experiment.fit_baseline(split, title)
    else:
        model, result = experiment.fit_network(split, out, title)
        wider, novelty = experiment.with_novelty(model, split)
        result = replace(result, novelty=novelty)
        unknown = unknown or fit_novelty_threshold([novelty])
        if metrics is None and result.scored is not None:
            metrics = summary(measure(result.scored))
        experiment.discard_finished(out)
        metadata = _metadata(experiment, split, how, metrics or {})
        if temperature is not None:
            set_temperature(model, temperature)
            metadata = metadata.model_copy(update={"temperature": round(temperature, 4)})
        metadata = metadata.model_copy(update={"motion": experiment.min_motion(split)})
        if unknown is not None:
            model, metadata = wider, metadata.model_copy(update={"unknown": unknown})
        save_model(model, metadata, out / MODEL_NAME)
    experiment.save_finished(out, result)
    return result


def _test_scores(result: FitResult) -> Scored:
    """The scores of the test clips, of a fit that had some."""
    assert result.scored is not None
    return result.scored


def _with_temperature(result: FitResult, temperature: float, folder: Path) -> FitResult:
    """A fold's result at `temperature`; its saved model gets it too, whichever it had."""
    path = folder / MODEL_NAME
    model, metadata = load_model(path)
    rounded = round(temperature, 4)
    if metadata.temperature != rounded:
        set_temperature(model, rounded / (metadata.temperature or 1.0))
        save_model(model, metadata.model_copy(update={"temperature": rounded}), path)
    return replace(result, scored=with_temperature(_test_scores(result), temperature))


def _metadata(
    experiment: Experiment, split: Split, how: str, metrics: Mapping[str, float]
) -> ModelMetadata:
    recipe, labels = experiment.recipe, experiment.dataset.labels
    return ModelMetadata(
        name=f"{experiment.dataset.name}-{recipe.arch}",
        network=recipe.arch,
        version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        labels=labels,
        background=recipe.background,
        frames=recipe.clip.frames,
        size=recipe.clip.size,
        fps=recipe.clip.fps,
        zoom=recipe.zoom,
        thresholds={name: recipe.threshold for name in labels if name not in recipe.background},
        data=_data(
            experiment, (*split.train, *split.validation), experiment.background_clips.films
        ),
        metrics=dict(metrics),
        evaluation=printable(how),
    )


def _write(
    experiment: Experiment,
    out: Path,
    scored: Scored,
    result: FitResult | None,
    notes: Sequence[str],
    folds: Mapping[str, Scored],
) -> None:
    """Write the report on `scored`; `result` is that of the fit whose model is in `out`, if any."""
    recipe, decoded_clips = experiment.recipe, experiment.decoded_clips
    notes = (*notes, *decoded_clips.notes)
    if decoded_clips.padded:
        notes = (
            *notes,
            f"{len(decoded_clips.padded)} clips are shorter than a window of "
            f"{recipe.spec.span_s:g} s and were padded with their last frame: "
            f"{', '.join(decoded_clips.padded)}",
        )
    tested = set(scored.clips)
    clips = [clip for clip in decoded_clips.clips if clip.path in tested]
    write_clip_report(
        out,
        scored,
        title=f"{recipe.arch} on {experiment.dataset.name}",
        overlap=recipe.split,
        metadata=None if experiment.is_baseline else load_model(out / MODEL_NAME)[1],
        data=_data(experiment, clips),
        settings=recipe.model_dump(mode="json"),
        history=result.history if result else None,
        folds=folds,
        datasets=by_dataset(scored, clips),
        skipped=[(skip.path, skip.reason) for skip in decoded_clips.skipped],
        notes=notes,
    )
    log.info("%s: %s; report in %s", experiment.dataset.name, _describe(scored), out / HTML_NAME)
    if len(scored) < FEW_CLIPS:
        log.warning("%d test clips are too few to tell how good it is", len(scored))


def _data(experiment: Experiment, clips: Sequence[Clip], footage: tuple[Film, ...] = ()) -> Data:
    return Data(
        name=experiment.dataset.name,
        sha256=experiment.decoded_clips.sha256(clips),
        clips=len(clips),
        groups=_groups(clips),
        terms={one.name: printable(one.terms) for one in experiment.recipe.data if one.terms},
        footage=footage,
    )


def _fold_means(results: Mapping[int, FitResult]) -> dict[str, float]:
    """Means over the folds, and the deviation between them."""
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


def _describe(scored: Scored | None) -> str:
    assert scored is not None
    figures = summary(measure(scored))
    text = (
        f"accuracy {figures['accuracy']:.3f} on {len(scored)} clips "
        f"({figures['accuracy_low']:.2f} to {figures['accuracy_high']:.2f})"
    )
    return text + (f", AUC {figures['auc']:.3f}" if "auc" in figures else "")


def _describe_test_clips(clips: Sequence[Clip]) -> str:
    """How many groups the test clips are from, or that no groups are known."""
    groups, paths = defaultdict(set), defaultdict(set)
    for clip in clips:
        groups[clip.dataset].add(clip.group)
        paths[clip.dataset].add(clip.path)
    if unknown := [name for name in sorted(groups) if groups[name] <= paths[name]]:
        where = f" in {', '.join(unknown)}" if any(unknown) else ""
        return (
            f"that were not trained on; no groups are known{where}, so their scenes may have been"
        )
    return f"of {_groups(clips)} groups that were not trained on"


def _training_note(experiment: Experiment) -> str:
    """What else the metadata says about the training."""
    if experiment.recipe.sampling != "time":
        return ", on frames spread over whole clips, which no live camera gives"
    if experiment.background_clips.films:
        return (
            ", trained beside the clips on footage in which nothing happens "
            f"({experiment.background_clips.summary})"
        )
    return ""


def _groups(clips: Sequence[Clip]) -> int:
    return len({clip.group for clip in clips})
