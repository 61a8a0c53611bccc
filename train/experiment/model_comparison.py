"""Testing a new model against the one in use, on the events that people reviewed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from export.keras_file import MODEL_NAME
from monitor.errors import ConfigError, DataError, SourceError
from train.data.footage import Footage, find_footage
from train.data.reviewed import ReviewedClip
from train.evaluate.comparison import compare
from train.evaluate.overlap import overlap_by_name
from train.evaluate.scoring import Scorer, load_scorer
from train.evaluate.streams import StreamPlan, plan_footage
from train.experiment.stream_evaluation import watch
from train.report.comparison_page import ComparisonReport
from train.report.write import HTML_NAME, write_comparison_report

log = logging.getLogger(__name__)


def compare_models(
    new: Path,
    old: Path,
    clips: Sequence[ReviewedClip],
    name: str,
    later: bool,
    out: Path,
    console: Console,
) -> None:
    """Let two models watch the clips of reviewed events, and report what each raised.

    Each clip is watched as the recording of a camera, by the monitor's own pipeline with the rules
    of the model. `name` is that of the data set that events become if a model is trained on them;
    `later` says that these are younger than those. A clip that cannot be read is left out, and it
    is said. DataError if none can.
    """
    if (out / MODEL_NAME).exists():
        raise ConfigError(f"--out {out}: holds a run of har-train, with its own report")
    scorers = [load_scorer(model) for model in (new, old)]
    films = [(clip, film) for clip in clips if (film := _film(clip)) is not None]
    if not films:
        raise DataError(f"no clip of {len(clips)} reviewed events can be read")
    plans = plan_footage([film for _, film in films])
    by_new, by_old = (
        _alarms(scorer, plans, model.name, console)
        for scorer, model in zip(scorers, (new, old), strict=True)
    )
    background = {label for scorer in scorers for label in scorer.metadata.background}
    comparison = compare([clip for clip, _ in films], by_old, by_new, background)
    trained = overlap_by_name(scorers[0].metadata, name) == "related" and not later
    report = ComparisonReport(
        comparison, scorers[0].metadata, scorers[1].metadata, new, old, len(clips) - len(films),
        trained,
    )  # fmt: skip
    write_comparison_report(out, report)
    if trained:
        log.warning("%s: %s", new, report.warning)
    log.info("%s; report in %s", comparison.summary, out / HTML_NAME)


def _film(clip: ReviewedClip) -> Footage | None:
    try:
        (film,) = find_footage(clip.path)
    except SourceError as error:
        log.warning("event %s is left out: %s", clip.event.id, error)
        return None
    return film


def _alarms(
    scorer: Scorer, plans: Sequence[StreamPlan], title: str, console: Console
) -> list[set[str]]:
    """The labels of the alarms that a model raises in each stream."""
    return [
        {alert.label for alert in watched.alerts if alert.event == "start"}
        for watched in watch(scorer, plans, title, console)
    ]
