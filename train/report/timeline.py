"""A stream at a glance: its scores over time, what it showed, and when it was alerted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.recognition.tracker import ActivityTracker
from monitor.records import Prediction
from train.evaluate.outcome import Judged
from train.report.charts import Tick

WIDTH, LEFT, RIGHT = 1040, 34, 6  # SVG units, as the template has them
TOP, BOTTOM = 14, 92  # of the scores from 1 to 0
LABELS = 4  # curves; a stream with more labels shows those with the highest peaks
_COLUMNS = 500  # points of a curve at most: of a long stream, the highest score of each column
_STEPS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800)
_TICKS = 12  # along the time at most


@dataclass(frozen=True)
class Span:
    """A clip that was shown, in SVG units; `style` is event or distractor."""

    x: float
    width: float
    style: str
    words: str


@dataclass(frozen=True)
class Mark:
    """An alert, in SVG units; `style` is right or wrong."""

    x: float
    style: str
    words: str


@dataclass(frozen=True)
class Curve:
    """A label's smoothed score and its threshold, in SVG units."""

    label: str
    points: str
    threshold: float


@dataclass(frozen=True)
class Timeline:
    """Everything that the template writes down of a stream."""

    name: str
    words: str
    curves: tuple[Curve, ...]
    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]


def worst(judged: Sequence[Judged], count: int) -> list[Judged]:
    """The streams with the most events missed and false alarms, the worst first."""
    return sorted(judged, key=lambda one: sum(_errors(one)), reverse=True)[:count]


def timeline(one: Judged) -> Timeline:
    """Lay a stream out from left to right."""
    plan, matched = one.watched.plan, one.matched
    scale = (WIDTH - LEFT - RIGHT) / plan.duration_s
    missed, false = _errors(one)

    def across(time_s: float) -> float:
        return round(LEFT + time_s * scale, 1)

    spans = tuple(
        Span(
            across(clip.start_s),
            round(max(1.0, (clip.end_s - clip.start_s) * scale), 1),
            "event" if clip.label in one.rules.thresholds else "distractor",
            f"{clip.label}: {clip.name}",
        )
        for clip in plan.clips
    )
    found = [(alert, "right") for _, alerts in matched.events for alert in alerts]
    marks = tuple(
        Mark(
            across(alert.decided_s),
            style,
            f"{'' if style == 'right' else 'false '}alert {alert.label} at "
            f"{alert.decided_s:.1f} s, score {alert.score:.2f}",
        )
        for alert, style in [*found, *((alert, "wrong") for alert in matched.false)]
    )
    events = len(matched.events)
    counts = f"{events - missed} of {events} events found, " if events else ""
    return Timeline(
        plan.name,
        f"{plan.duration_s:.0f} s; {counts}{false} false alarms",
        _curves(one, scale),
        spans,
        marks,
        _ticks(plan.duration_s, scale),
    )


def _errors(one: Judged) -> tuple[int, int]:
    """Events missed, and false alarms."""
    return sum(not alerts for _, alerts in one.matched.events), len(one.matched.false)


def _curves(one: Judged, scale: float) -> tuple[Curve, ...]:
    tracker = ActivityTracker("", one.rules)
    highest: dict[str, dict[float, float]] = {label: {} for label in one.rules.thresholds}
    step = (WIDTH - LEFT - RIGHT) / _COLUMNS
    for window in one.watched.windows:
        if not isinstance(window, Prediction):
            continue
        tracker.update(window)
        column = round(LEFT + round(window.end_s * scale / step) * step, 1)
        for label, places in highest.items():
            places[column] = max(places.get(column, 0.0), tracker.scores[label])
    shown = sorted(highest, key=lambda label: max(highest[label].values(), default=0.0))
    return tuple(
        Curve(
            label,
            " ".join(f"{x:g},{_up(score):g}" for x, score in highest[label].items()),
            _up(one.rules.thresholds[label]),
        )
        for label in highest
        if label in shown[-LABELS:]
    )


def _up(score: float) -> float:
    return round(BOTTOM - score * (BOTTOM - TOP), 1)


def _ticks(duration_s: float, scale: float) -> tuple[Tick, ...]:
    step_s = next((s for s in _STEPS_S if duration_s / s <= _TICKS), _STEPS_S[-1])
    return tuple(
        Tick(round(LEFT + at_s * scale, 1), _clock(at_s))
        for at_s in range(0, math.floor(duration_s) + 1, step_s)
    )


def _clock(time_s: int) -> str:
    minutes, seconds = divmod(time_s, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
