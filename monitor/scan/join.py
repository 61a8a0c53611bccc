"""The segments of a file put together: all of its windows in order, and its activities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from monitor.recognition.tracker import ActivityTracker
from monitor.records import Activity, Prediction
from monitor.scan.job import SeenWindow, Segment, SegmentResult
from monitor.states import EndReason, SkipReason
from monitor.windows.filter import FROZEN_S

# Of windows whose pictures the filter does not look at: they end no time without a change.
_NOT_LOOKED_AT = (SkipReason.IDLE, SkipReason.SLOW_SOURCE, SkipReason.GAPS)

Part = tuple[Segment, SegmentResult | None]  # None: it could not be scanned


def fit(parts: Sequence[Part]) -> bool:
    """Whether each segment saw the first windows of the next one as that one did itself.

    If not, the file could not be read from a key frame as it is from its start. Where one of the
    two is missing, nothing is compared.
    """
    for (_, before), (segment, after) in pairwise(parts):
        if before is None or after is None:
            continue
        own = {(one.region, one.start_s, one.end_s): one for one in after.windows}
        for seen in before.following:
            if not segment.owns(seen.start_s, seen.end_s):  # but one that comes later
                continue
            other = own.get((seen.region, seen.start_s, seen.end_s))
            if other is None:
                agree = _was_idle(after, seen)
            else:
                agree = other == seen or SkipReason.IDLE in (other.skipped, seen.skipped)
            if not agree:
                return False
    return True


def _was_idle(result: SegmentResult, seen: SeenWindow) -> bool:
    """Whether a window may be missing, because some of its frames were not decoded."""
    return any(
        one.skipped == SkipReason.IDLE
        and one.region == seen.region
        and one.start_s <= seen.end_s
        and seen.start_s <= one.end_s
        for one in result.windows
    )


def joined(parts: Iterable[Part]) -> list[SeenWindow]:
    """All windows of a file in order; a segment that is missing is a gap in front of the next.

    A picture is frozen if it has been the same for a minute, wherever the segments begin.
    """
    windows: list[SeenWindow] = []
    missing = False
    for segment, result in parts:
        if result is None:
            missing = True
            continue
        if missing:
            regions = dict.fromkeys(one.region for one in result.windows)
            at_s = segment.from_s
            windows += [SeenWindow(one, at_s, at_s, SkipReason.GAPS) for one in regions]
            missing = False
        windows += result.windows
    windows.sort(key=lambda one: one.end_s)  # those of one frame stay in the order of the regions
    return list(_with_frozen(windows))


def _with_frozen(windows: Iterable[SeenWindow]) -> Iterator[SeenWindow]:
    since_s: float | None = None
    for one in windows:
        if one.skipped != SkipReason.STILL or one.region:
            if one.skipped not in _NOT_LOOKED_AT:
                since_s = None
            yield one
            continue
        since_s = one.start_s if since_s is None else since_s
        frozen = one.end_s - since_s >= FROZEN_S
        yield replace(one, skipped=SkipReason.FROZEN) if frozen else one


def activities(
    windows: Iterable[SeenWindow], trackers: Mapping[str, ActivityTracker], labels: Sequence[str]
) -> Iterator[Activity]:
    """The starts and ends of activities, as har-monitor finds them in the same windows."""
    for one in windows:
        tracker = trackers[one.region]
        if one.skipped is not None:
            yield from tracker.skip(one.end_s, 0.0)
            continue
        yield from tracker.update(
            Prediction(
                camera=tracker.camera,
                start_s=one.start_s,
                end_s=one.end_s,
                scores=dict(zip(labels, one.scores, strict=True)),
                arrived_s=0.0,
                region=one.region,
                box=one.box,
            )
        )
    for tracker in trackers.values():
        yield from tracker.close(EndReason.FILE_ENDED)
