"""The sections of the page on streams and regions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.page import NOTHING
from benchmarks.recognition.events import Alone, Events, poisson, read_events
from benchmarks.recognition.figures import Line
from benchmarks.recognition.fit_results import CHOOSING, Choosing, FoldEvents, Judgement, View
from benchmarks.recognition.insets import Insets, read_insets
from benchmarks.recognition.series import Watch
from train.evaluate.event_match import EventMetrics

_VIEWS: tuple[tuple[View, str], ...] = (
    ("whole", "the whole picture"),
    ("region", "the region"),
    ("alone", "the clip by itself"),
)


def live_sections(watch: Watch | None, lines: Sequence[Line], results: Path) -> dict[str, Any]:
    """The values that the template takes for the row that is watched live."""
    events: Events | None = None
    insets: Insets | None = None
    if watch is not None:
        grouped = next(line.grouped.records for line in lines if line.series == watch.series)
        events = read_events(watch.series, grouped, results)
        insets = read_insets(watch.series, grouped, results)
    return _events(events) | _insets(insets)


def _events(events: Events | None) -> dict[str, Any]:
    if events is None:
        return {"events": None}
    return {
        "events": events,
        "films": [f"{name} {seconds:.0f} s" for name, seconds in events.footage_s.items()],
        "footage_minutes": sum(events.footage_s.values()) / 60,
        "events_rows": [_events_row(events, choosing) for choosing in CHOOSING],
        "events_shown": {
            choosing: ", ".join(f"{name} {n}" for name, n in events.shown(choosing).most_common())
            or "none"
            for choosing in CHOOSING
        },
        "folds_rows": [_fold_row(fold) for fold in events.folds],
        "alone_rows": [
            [
                choosing,
                *_alone(events.alone(choosing, unseen=False)),
                *_alone(events.alone(choosing, unseen=True)),
            ]
            for choosing in CHOOSING
        ],
    }


def _events_row(events: Events, choosing: Choosing) -> list[str]:
    of = events.figures(choosing)
    rate = poisson(of.false_alarms, of.hours)
    return [
        choosing,
        f"{of.found} of {of.events}",
        share_text(of.precision),
        share_text(of.recall),
        share_text(of.f1),
        f"{of.false_alarms} in {of.hours:.2f} h",
        f"{of.false_per_hour:.1f} ({rate.low:.1f} to {rate.high:.1f})",
        seconds_text(of.delay_s(0.5)),
        seconds_text(of.delay_s(0.95)),
        share_text(of.fragments),
    ]


def _alone(alone: Alone) -> list[str]:
    rate = alone.alarms / alone.hours
    within = f"{rate:.1f} ({alone.bounds.low:.1f} to {alone.bounds.high:.1f})"
    below = f"below {alone.bounds.high:.1f}"
    return [f"{alone.alarms} in {alone.hours:.3f} h", within if alone.alarms else below]


def _fold_row(fold: FoldEvents) -> list[str]:
    alone = Events((fold,))
    return [str(fold.fold), " ".join(fold.tested_in), f"{alone.hours:.2f}"] + [
        _cell(fold.judged[choosing], alone.figures(choosing)) for choosing in CHOOSING
    ]


def _cell(judged: Judgement, of: EventMetrics) -> str:
    scores = " ".join(f"{at:g}" for at in judged.thresholds.values())
    rules = f"{scores}, {judged.smoothing_s:g} s, {judged.min_s:g} s"
    return f"{rules}: {of.found} of {of.events}, {of.false_alarms} false"


def _insets(insets: Insets | None) -> dict[str, Any]:
    if insets is None:
        return {"insets": None}
    return {
        "insets": insets,
        "insets_rows": insets_rows(insets),
    }


def insets_rows(insets: Insets) -> list[list[str]]:
    """A row for each view."""
    return [
        [words, share_text(insets.auc(view)), share_text(insets.accuracy(view))]
        for view, words in _VIEWS
    ]


def share_text(value: float | None) -> str:
    """A share of one, or a score."""
    return NOTHING if value is None else f"{value:.3f}"


def seconds_text(value: float | None) -> str:
    """Seconds."""
    return NOTHING if value is None else f"{value:.1f} s"
