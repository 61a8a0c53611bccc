"""The chart of a stream: its scores over time, the clips shown, and the alerts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.recognition.tracker import ActivityTracker
from monitor.records import Prediction
from train.evaluate.stream_results import StreamResult
from train.report.charts import Tick

WIDTH, LEFT, RIGHT = 1040, 34, 6  # SVG units, as the template has them
TOP, BOTTOM = 14, 92  # of the scores from 1 to 0
LABELS = 4  # curves at most: those with the highest peaks
_COLUMNS = 500  # points of a curve at most; each is the highest score of its column
_STEPS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800)
_TICKS = 12  # on the time axis at most


@dataclass(frozen=True)
class ClipSpan:
    """A clip that was shown, in SVG units; `style` is event or distractor."""

    x: float
    width: float
    style: str
    caption: str


@dataclass(frozen=True)
class AlertMark:
    """An alert, in SVG units; `style` is right or wrong."""

    x: float
    style: str
    caption: str


@dataclass(frozen=True)
class ScoreCurve:
    """A label's smoothed score and its threshold, in SVG units."""

    label: str
    points: str
    threshold: float


@dataclass(frozen=True)
class StreamChart:
    """The values that the template needs for a stream."""

    name: str
    caption: str
    curves: tuple[ScoreCurve, ...]
    spans: tuple[ClipSpan, ...]
    marks: tuple[AlertMark, ...]
    ticks: tuple[Tick, ...]


def worst_streams(results: Sequence[StreamResult], count: int) -> list[StreamResult]:
    """The streams with the most missed events and false alarms, the worst first."""
    return sorted(results, key=lambda one: sum(_errors(one)), reverse=True)[:count]


def stream_chart(one: StreamResult) -> StreamChart:
    """Lay out the chart of a stream."""
    plan, matches = one.watched.plan, one.matches
    scale = (WIDTH - LEFT - RIGHT) / plan.duration_s
    missed, false = _errors(one)

    def across(time_s: float) -> float:
        return round(LEFT + time_s * scale, 1)

    shown = [
        *((clip.label, clip.name, clip.start_s, clip.end_s) for clip in plan.clips),
        *((event.label, plan.name, event.start_s, event.end_s) for event in plan.annotated),
    ]
    spans = tuple(
        ClipSpan(
            across(start_s),
            round(max(1.0, (end_s - start_s) * scale), 1),
            "event" if label in one.rules.thresholds else "distractor",
            f"{label}: {name}",
        )
        for label, name, start_s, end_s in shown
    )
    found = [(alert, "right") for _, alerts in matches.events for alert in alerts]
    marks = tuple(
        AlertMark(
            across(alert.decided_s),
            style,
            f"{'' if style == 'right' else 'false '}alert {alert.label} at "
            f"{alert.decided_s:.1f} s, score {alert.score:.2f}",
        )
        for alert, style in [*found, *((alert, "wrong") for alert in matches.false_alarms)]
    )
    events = len(matches.events)
    counts = f"{events - missed} of {events} events found, " if events else ""
    return StreamChart(
        plan.name,
        f"{plan.duration_s:.0f} s; {counts}{false} false alarms",
        _curves(one, scale),
        spans,
        marks,
        _ticks(plan.duration_s, scale),
    )


def _errors(one: StreamResult) -> tuple[int, int]:
    """The numbers of missed events and of false alarms."""
    return sum(not alerts for _, alerts in one.matches.events), len(one.matches.false_alarms)


def _curves(one: StreamResult, scale: float) -> tuple[ScoreCurve, ...]:
    tracker = ActivityTracker("", one.rules)
    highest: dict[str, dict[float, float]] = {label: {} for label in one.rules.thresholds}
    step = (WIDTH - LEFT - RIGHT) / _COLUMNS
    for window in one.watched.windows:
        if not isinstance(window, Prediction):
            continue
        tracker.update(window)
        column = round(LEFT + round(window.end_s * scale / step) * step, 1)
        for label, places in highest.items():
            places[column] = max(places.get(column, 0.0), tracker.smoothed_scores[label])
    shown = sorted(highest, key=lambda label: max(highest[label].values(), default=0.0))
    return tuple(
        ScoreCurve(
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
