"""When little of a camera was classified although it was watched, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.health.status import WATCHED
from monitor.states import NOTHING_MOVES, CameraState, SkipReason
from monitor.store.skips import MINUTE, SkippedMinute, WindowCounts
from monitor.store.states import StateSpan

# Of the windows in which something moved: a minute in which fewer were missed is not shown.
_MISSED_SHARE = 0.1
_QUIET_SHARE = 0.9  # of all windows of a minute in which nothing moved
# Nearer ones are shown as one: the timeline has no room for what is between them.
_MISSED_GAP = timedelta(minutes=2)
_QUIET_GAP = timedelta(seconds=10)
_QUIET_LEAST = timedelta(minutes=2)
_MEANINGS = {reason.value: reason.meaning for reason in SkipReason}


@dataclass(frozen=True)
class Lapse:
    """A time in which windows of a camera should have been classified, and were not."""

    start: datetime
    end: datetime
    text: str  # how many, and why


def missed(minutes: Iterable[SkippedMinute], spans: Iterable[StateSpan]) -> list[Lapse]:
    """When something may have happened in what was not classified, of one camera."""
    found = [
        (one.start, one.start + MINUTE, one.counts)
        for one in minutes
        if _missed(one.counts) >= max(1, _MISSED_SHARE * _wanted(one.counts))
    ]
    # These cannot be counted.
    none = WindowCounts(0, {SkipReason.NO_WINDOWS.value: 0})
    found += [
        (span.start, span.end, none)
        for span in spans
        if span.state in WATCHED and span.cause == SkipReason.NO_WINDOWS
    ]
    return [Lapse(start, end, _why(counts)) for start, end, counts in _joined(found, _MISSED_GAP)]


def quiet(
    minutes: Iterable[SkippedMinute], spans: Iterable[StateSpan]
) -> list[tuple[datetime, datetime]]:
    """When nothing moved for minutes, of one camera: nothing was missed then."""
    found = [
        (one.start, one.start + MINUTE, one.counts)
        for one in minutes
        if _unmoved(one.counts) >= max(1, _QUIET_SHARE * one.counts.total)
    ]
    idle = WindowCounts()  # its windows are not even counted
    found += [(span.start, span.end, idle) for span in spans if span.state == CameraState.IDLE]
    return [
        (start, end) for start, end, _ in _joined(found, _QUIET_GAP) if end - start >= _QUIET_LEAST
    ]


_Part = tuple[datetime, datetime, WindowCounts]


def _joined(parts: Iterable[_Part], gap: timedelta) -> list[_Part]:
    """Those that touch or overlap, or nearly so, as one."""
    found: list[_Part] = []
    for start, end, counts in sorted(parts, key=lambda part: part[:2]):
        if found and start - found[-1][1] <= gap:
            began, ended, known = found[-1]
            found[-1] = began, max(ended, end), known.and_also(counts)
        else:
            found.append((start, end, counts))
    return found


def _unmoved(counts: WindowCounts) -> int:
    return sum(count for reason, count in counts.skipped.items() if reason in NOTHING_MOVES)


def _missed(counts: WindowCounts) -> int:
    return sum(counts.skipped.values()) - _unmoved(counts)


def _wanted(counts: WindowCounts) -> int:
    """Windows that were to be classified."""
    return counts.classified + _missed(counts)


def _why(counts: WindowCounts) -> str:
    causes = "; ".join(
        f"{_MEANINGS.get(reason, reason)}{f' ({count})' * (count > 0)}"
        for reason, count in sorted(counts.skipped.items(), key=lambda item: -item[1])
        if reason not in NOTHING_MOVES
    )
    if not _missed(counts):
        return f"not classified: {causes}"
    return f"{_missed(counts)} of {_wanted(counts)} windows were not classified: {causes}"
