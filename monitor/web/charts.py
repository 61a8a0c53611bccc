"""What the page draws: the trace of an event, and the timeline of a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.evidence.folder import EvidenceFacts
from monitor.evidence.segments import Recorded
from monitor.health.status import WATCHED
from monitor.states import CameraState
from monitor.store.event import Event
from monitor.store.skips import SkippedMinute
from monitor.store.states import StateSpan
from monitor.web.lapses import missed, quiet

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
    """A time in which a camera was the same."""

    x: float
    width: float
    start: datetime
    end: datetime
    title: str


@dataclass(frozen=True)
class Band:
    """A time that is recorded of a camera."""

    x: float
    width: float
    start: datetime
    end: datetime


@dataclass(frozen=True)
class DayRow:
    """One camera's day."""

    camera: str
    marks: tuple[Mark, ...]
    recorded: tuple[Band, ...]
    watched: tuple[Stretch, ...]  # when it was
    outages: tuple[Stretch, ...]  # when it was not, and why
    missed: tuple[Stretch, ...]  # when windows were not classified, and why
    quiet: tuple[Stretch, ...]  # when nothing moved

    @property
    def lost(self) -> list[Stretch]:
        """When nobody would have seen an activity, and why; in their order."""
        return sorted((*self.outages, *self.missed), key=lambda one: one.start)


def day_rows(
    cameras: list[str],
    events: list[Event],
    spans: list[StateSpan],
    minutes: list[SkippedMinute],
    recorded: Mapping[str, Sequence[Recorded]],
    began: datetime,
    ended: datetime,
) -> list[DayRow]:
    """The events of a day by camera; when each camera was watched, classified and recorded.

    A day in which the clocks change has 23 or 25 hours.
    """
    unit = (ended - began) / timedelta(seconds=1) / DAY_WIDTH

    def x(moment: datetime) -> float:
        return round((moment - began) / timedelta(seconds=1) / unit, 1)

    def mark(event: Event) -> Mark:
        width = max((event.duration_s or 0.0) / unit, _LEAST)
        return Mark(event, x(event.at), round(min(width, DAY_WIDTH - x(event.at)), 1))

    counted: dict[str, list[SkippedMinute]] = {camera: [] for camera in cameras}
    for minute in minutes:
        counted[minute.camera].append(minute)

    def stretch(start: datetime, end: datetime, title: str, least: float = 0.2) -> Stretch:
        return Stretch(x(start), round(max(x(end) - x(start), least), 1), start, end, title)

    def band(one: Recorded) -> Band:
        start, end = max(one.start, began), min(one.end, ended)
        return Band(x(start), round(max(x(end) - x(start), 0.2), 1), start, end)

    def row(camera: str) -> DayRow:
        own = [span for span in spans if span.camera == camera]
        lapses = missed(counted[camera], own)
        return DayRow(
            camera,
            tuple(mark(event) for event in reversed(events) if event.camera == camera),
            tuple(
                band(one)
                for one in recorded.get(camera, ())
                if one.start < ended and one.end > began
            ),
            tuple(stretch(*times, "watched") for times in _watched(own)),
            tuple(stretch(one.start, one.end, _why(one)) for one in own if one.state in LOST),
            tuple(stretch(one.start, one.end, one.text, _LEAST / 2) for one in lapses),
            tuple(stretch(*times, "nothing moved") for times in quiet(counted[camera], own)),
        )

    return [row(camera) for camera in cameras]


def _watched(spans: list[StateSpan]) -> list[tuple[datetime, datetime]]:
    """When a camera was watched, whatever it did."""
    found: list[tuple[datetime, datetime]] = []
    for span in spans:
        if span.state not in WATCHED:
            continue
        if found and found[-1][1] == span.start:
            found[-1] = found[-1][0], span.end
        else:
            found.append((span.start, span.end))
    return found


def _why(span: StateSpan) -> str:
    return f"{span.state}: {span.cause}" if span.cause else span.state
