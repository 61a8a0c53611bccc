"""Tuning the rules of a model on streams of held-out clips, scored by each fold's own network."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console

from export.keras_file import MODEL_NAME, load_model, write_metadata
from monitor.config.options import ActivityOptions
from monitor.errors import ConfigError, DataError
from monitor.recognition.metadata import ModelMetadata, Tuning
from monitor.recognition.tracker import Rules
from train.data.background import add_footage_warning
from train.evaluate.overlap import HOW, WARNINGS, check_groups
from train.evaluate.scoring import Scorer, load_scorer
from train.evaluate.stream_results import match_stream
from train.evaluate.tuning import Trials, TunedRules, cross_validate, search_rules, threshold_sweep
from train.experiment.fold_streams import WatchedFold, watch_folds
from train.experiment.stream_evaluation import COMPOSED, FILMED, describe_footage
from train.recipe.options import DataOptions, Recipe
from train.report.stream_report import StreamReport, clip_accuracy, describe
from train.report.write import HTML_NAME, JSON_NAME, write_stream_report

log = logging.getLogger(__name__)

REPORT = "tuning"  # folder of the report, in the folder of the run
CROSS_VALIDATED = (
    "Each fold was watched by the network that was not fitted on it and judged by rules tuned on "
    "the other folds; "
)
SAME_FOOTAGE = "the footage was the same for all."
OWN_FOOTAGE = "no film of its footage was in theirs, and each film was also watched alone."
NOT_CROSS_VALIDATED = (
    "The clips were watched by a network that was not fitted on them, but judged by the very rules "
    "that were tuned on them: other streams will fare worse."
)


def tune_model(
    run: Path, data: Path | None, films: Path, per_day: float | None, cache: Path, console: Console
) -> None:
    """Tune `run`, a folder of har-train --folds, and write the rules into its model.

    Each fold's network watches streams of the clips that it was not fitted on, and videos with
    events as they were filmed: of several data sets, those of `data`, by default all. The rules are
    tuned on all of these streams; the metrics beside them come from rules that were tuned without
    the fold they are measured on. DataError if `run` is no such folder, or was fitted on other
    clips.
    """
    recipe = _recipe(run)
    sources, chosen = _sources(run, recipe, data)
    _, metadata = load_model(run / MODEL_NAME)

    def scorer_of(fold: int) -> Scorer:
        return load_scorer(run / f"fold-{fold}" / MODEL_NAME)

    watched = watch_folds(recipe, sources, chosen, films, scorer_of, cache, console)
    dataset, footage = watched.dataset, watched.footage
    trials = Trials(ActivityOptions().rules(metadata), metadata.clip.span_s)
    tuned = search_rules(watched.streams, trials, per_day)
    if not tuned.within_limit:
        log.warning("no rules give as few as %g false alarms a day: these give the fewest", per_day)
    settings = {
        "clips": chosen or dataset.name,
        "footage": describe_footage(films, footage),
        "false alarms wanted a day": per_day,
        "rules": asdict(tuned.rules),
    }
    note = CROSS_VALIDATED + (OWN_FOOTAGE if watched.own_footage else SAME_FOOTAGE)
    report = _report(metadata, watched.folds, trials, tuned, settings, per_day, note)
    warning = add_footage_warning(report.warning, metadata.data.footage, footage)
    if warning != report.warning:
        log.warning("%s: %s", dataset.name, warning)
        report = replace(report, warning=warning)
    tuning = tuning_metadata(tuned.rules, report, per_day, note)
    write_metadata(
        run / MODEL_NAME,
        metadata.model_copy(update={"thresholds": dict(tuned.rules.thresholds), "tuning": tuning}),
    )
    write_stream_report(run / REPORT, report)
    log.info("%s: %s", dataset.name, describe_rules(tuned.rules))
    log.info("%s; report in %s", tuning.evaluation, run / REPORT / HTML_NAME)
    log.info("next: har-export %s NAME.onnx", run / MODEL_NAME)


def tuning_metadata(rules: Rules, report: StreamReport, per_day: float | None, note: str) -> Tuning:
    """The metadata of `rules`; `per_day` is the limit on false alarms a day.

    `note` says how the figures were cross-validated, if they were.
    """
    of = report.total
    metrics = {
        "events": of.events,
        "hours": of.hours,
        "event_f1": of.f1,
        "event_precision": of.precision,
        "event_recall": of.recall,
        "delay_p50_s": of.delay_s(0.5),
        "false_alarms_per_day": 24 * of.false_per_hour,
        "false_alarms_per_day_high": 24 * of.false_per_hour_high,
        "false_alarms_per_day_wanted": per_day,
    }
    limit = "" if per_day is None else f" with at most {per_day:g} false alarms a day"
    if report.warning:
        note = NOT_CROSS_VALIDATED
    return Tuning(
        hysteresis=rules.hysteresis,
        smoothing_s=rules.smoothing_s,
        min_s=rules.min_s,
        metrics={name: round(value, 4) for name, value in metrics.items() if value is not None},
        evaluation=f"for the highest event F1{limit}; {describe(of)}. {note}",
    )


def describe_rules(rules: Rules) -> str:
    """The tuned rules in a line."""
    thresholds = ", ".join(f"{label} from {at:g}" for label, at in rules.thresholds.items())
    return f"{thresholds}, after {rules.min_s:g} s, smoothed over {rules.smoothing_s:g} s"


def _recipe(run: Path) -> Recipe:
    if not run.is_dir():
        raise DataError(f"{run}: no such folder; --tune takes the folder of har-train --folds")
    if not any(run.glob(f"fold-*/{MODEL_NAME}")):
        raise DataError(f"{run}: no fold-0/{MODEL_NAME}; --tune needs a run of har-train --folds")
    path = run / JSON_NAME
    try:
        recipe = Recipe.model_validate(json.loads(path.read_text())["settings"])
    except OSError as error:
        raise DataError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{path}: holds no recipe of har-train") from None
    if recipe.sampling != "time":
        raise ConfigError(
            f"{run}: its recipe says sampling: {recipe.sampling}, as no camera sees; "
            "--tune needs time"
        )
    return recipe


def _sources(run: Path, recipe: Recipe, data: Path | None) -> tuple[tuple[DataOptions, ...], str]:
    """The data of a run, by default where its recipe says that it is.

    And of several data sets, the name of the one that `data` is, or "" for all.
    """
    if data is None:
        if not recipe.data:
            raise ConfigError(f"--data is missing, and the recipe of {run} names no data")
        return recipe.data, ""
    if len(recipe.data) > 1:
        for source in recipe.data:
            if source.path.resolve() == data.resolve():
                return recipe.data, source.name
        raise ConfigError(
            f"--data {data}: none of the data sets that {run} was fitted on: "
            + ", ".join(str(source.path) for source in recipe.data)
        )
    (source,) = recipe.data or (DataOptions(path=data),)
    return (source.model_copy(update={"path": data}),), ""


def _report(
    metadata: ModelMetadata,
    folds: Sequence[WatchedFold],
    trials: Trials,
    tuned: TunedRules,
    settings: Mapping[str, object],
    per_day: float | None,
    note: str,
) -> StreamReport:
    """The cross-validated report; with a single fold, the rules are tested on their own streams."""
    streams = [watched for fold in folds for watched in fold.streams]
    scored = [fold.scored for fold in folds if fold.scored is not None]
    shown = " ".join(
        [COMPOSED] * bool(scored) + [FILMED] * any(one.plan.annotated for one in streams)
    )
    if len(folds) > 1:
        how, warning = f"{shown} {note}", None
        results = cross_validate([fold.streams for fold in folds], trials, per_day)
    else:
        how, warning = (
            f"{shown} {NOT_CROSS_VALIDATED}",
            "Measured on the streams that it was tuned on",
        )
        results = [match_stream(watched, tuned.rules, trials.span_s) for watched in streams]
    parts = [*scored, *(part for fold in folds for part in fold.datasets.values())]
    if check_groups("grouped", *parts) == "ungrouped":
        how, warning = f"{how} {HOW['ungrouped']}", WARNINGS["ungrouped"]
    return StreamReport(
        title=f"{metadata.name}, tuned",
        how=how,
        warning=warning,
        metadata=metadata,
        results=results,
        accuracy=clip_accuracy(scored, results) if scored else None,
        sweep=threshold_sweep(streams, tuned.rules, trials.span_s),
        settings=settings,
        notes=[
            f"The rules in the model, tuned on all folds: {describe_rules(tuned.rules)}. On the "
            f"streams that they were tuned on, and so too good: {describe(tuned.metrics)}."
        ],
    )
