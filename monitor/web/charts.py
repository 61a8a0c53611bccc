"""What the page draws: the trace of an event, and the timeline of a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.evidence.folder import EvidenceFacts
from monitor.health.status import WATCHED
from monitor.states import CameraState
from monitor.store.event import Event
from monitor.store.states import StateSpan

WIDTH, HEIGHT = 600, 150  # units of the trace's picture
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 8, 8, 24  # margins
LOST = (
    CameraState.CONNECTING,
    CameraState.STALLED,
    CameraState.RETRYING,
    CameraState.FAILED,
)
_LONGEST_S = 30 * 86_400.0  # of a trace
_STEPS_S = (1, 2, 5, 10, 20, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400, 432_000)
DAY_WIDTH, _LEAST = 960.0, 4.0  # units of a day in the timeline; of the shortest event


@dataclass(frozen=True)
class Tick:
    """A line across a chart, with its label."""

    at: float
    label: str


@dataclass(frozen=True)
class TraceChart:
    """The scores of an event over time, ready to be drawn; x is time, y a score."""

    points: str  # of the polyline
    threshold: float | None
    act: tuple[float, float]  # x and width of the activity
    strip: tuple[float, float] | None  # of the filmstrip's window
    xs: tuple[Tick, ...]
    ys: tuple[Tick, ...]
    start_s: float  # of the camera's axis at x = left
    unit_s: float  # seconds of a unit of x
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    top: float = _TOP
    bottom: float = HEIGHT - _BOTTOM


def trace_chart(event: Event, facts: EvidenceFacts) -> TraceChart | None:
    """The chart of an event's trace; None if it has none."""
    if not event.trace:
        return None
    times = [at_s for at_s, _ in event.trace]
    end_s = (event.end_s if event.end_s is not None else event.start_s) - event.start_s
    first, last = min(*times, 0.0), max(*times, end_s, 0.5)
    if not last - first <= _LONGEST_S:  # of no har-monitor
        return None
    unit_s = (last - first) / (WIDTH - _LEFT - _RIGHT)

    def x(at_s: float) -> float:
        return round(_LEFT + (at_s - first) / unit_s, 1)

    def y(score: float) -> float:
        return round(_TOP + (1 - min(max(score, 0.0), 1.0)) * (HEIGHT - _TOP - _BOTTOM), 1)

    strip = None
    if facts.strip is not None:
        left, right = (
            x(min(max(at_s - event.start_s, first), last))
            for at_s in (facts.strip.start_s, facts.strip.end_s)
        )
        strip = (left, round(right - left, 1))
    step = next(s for s in _STEPS_S if (last - first) / s <= 9)
    marks = range(int(first // step) * step, int(last) + 1, step)
    return TraceChart(
        points=" ".join(f"{x(at_s)},{y(score)}" for at_s, score in event.trace),
        threshold=None if event.threshold is None else y(event.threshold),
        act=(x(0.0), round(x(max(end_s, 0.0)) - x(0.0), 1)),
        strip=strip,
        xs=tuple(Tick(x(at), f"{at:+d} s" if at else "0 s") for at in marks if at >= first),
        ys=tuple(Tick(y(score), f"{score:g}") for score in (0, 0.5, 1)),
        start_s=event.start_s + first,
        unit_s=unit_s,
    )


@dataclass(frozen=True)
class Mark:
    """An event in the timeline."""

    event: Event
    x: float
    width: float


@dataclass(frozen=True)
class Stretch:
    """A time in which the state of a camera was the same."""

    x: float
    width: float
    title: str


@dataclass(frozen=True)
class DayRow:
    """One camera's day."""

    camera: str
    marks: tuple[Mark, ...]
    watched: tuple[Stretch, ...]  # when it was
    outages: tuple[Stretch, ...]  # when it was not, and why


def day_rows(
    cameras: list[str],
    events: list[Event],
    spans: list[StateSpan],
    began: datetime,
    ended: datetime,
) -> list[DayRow]:
    """The events of a day by camera, and when each camera was watched.

    A day in which the clocks change has 23 or 25 hours.
    """
    unit = (ended - began) / timedelta(seconds=1) / DAY_WIDTH

    def x(moment: datetime) -> float:
        return round((moment - began) / timedelta(seconds=1) / unit, 1)

    def mark(event: Event) -> Mark:
        width = max((event.duration_s or 0.0) / unit, _LEAST)
        return Mark(event, x(event.at), round(min(width, DAY_WIDTH - x(event.at)), 1))

    def stretch(span: StateSpan) -> Stretch:
        title = f"{span.state}: {span.cause}" if span.cause else span.state
        return Stretch(x(span.start), round(max(x(span.end) - x(span.start), 0.2), 1), title)

    def row(camera: str) -> DayRow:
        own = [span for span in spans if span.camera == camera]
        return DayRow(
            camera,
            tuple(mark(event) for event in reversed(events) if event.camera == camera),
            tuple(stretch(span) for span in own if span.state in WATCHED),
            tuple(stretch(span) for span in own if span.state in LOST),
        )

    return [row(camera) for camera in cameras]
