"""What is recorded of cameras all the time: on this machine, and on those that answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from monitor.errors import MonitorError
from monitor.evidence.places import RemoteFile
from monitor.evidence.segments import (
    Segment,
    SegmentTimes,
    find_segment,
    is_stamp,
    segments_of,
)
from monitor.names import how_many
from monitor.web.live import UNKNOWN
from monitor.web.state import WebState

_Times = TypeVar("_Times", bound=SegmentTimes)


@dataclass(frozen=True)
class Recordings:
    """What is known of it."""

    segments: Mapping[str, Sequence[SegmentTimes]]  # by camera, in order
    silent: list[str]  # who may have more and does not say so, and why


def segments_here(web: WebState, camera: str) -> list[Segment]:
    """All that is recorded of a camera on this machine, in order."""
    return _in_order(one for folder in web.finder.folders for one in segments_of(folder, camera))


def find_here(web: WebState, camera: str, stamp: str) -> Segment | None:
    """A segment on this machine; None if there is none, or it is none of ours."""
    found = (find_segment(folder, camera, stamp) for folder in web.finder.folders)
    return next((one for one in found if one is not None), None)


def recordings(web: WebState, cameras: Sequence[str], *, joined: bool = False) -> Recordings:
    """What is recorded of cameras; joined: segments of elsewhere that follow one another as one."""
    here = {name: segments_here(web, name) for name in cameras}
    if web.keeper is None:
        return Recordings(here, [])
    elsewhere = web.keeper.recorded(cameras, joined=joined)
    together = {
        name: _in_order((*segments, *elsewhere.segments.get(name, ())))
        for name, segments in here.items()
    }
    return Recordings(together, [*elsewhere.silent, *_unheard(web, cameras)])


def find_recording(web: WebState, camera: str, stamp: str) -> Path | RemoteFile | None:
    """A segment, wherever it is; MonitorError if it is perhaps where nobody answers."""
    if (found := find_here(web, camera, stamp)) is not None:
        return found.path
    if web.keeper is None or not is_stamp(stamp):
        return None
    elsewhere = web.keeper.find_segment(camera, stamp)
    if elsewhere is None and (unheard := _unheard(web, [camera])):
        raise MonitorError("; ".join(unheard))
    return elsewhere


def _in_order(segments: Iterable[_Times]) -> list[_Times]:
    """By their starts. Two may tell of one segment that grows: the longer one is right."""
    found: dict[datetime, _Times] = {}
    for one in segments:
        known = found.get(one.start)
        if known is None or one.end > known.end:
            found[one.start] = one
    return sorted(found.values(), key=lambda one: one.start)


def _unheard(web: WebState, cameras: Sequence[str]) -> list[str]:
    """The cameras of which nothing is heard, and why."""
    causes: dict[str, list[str]] = defaultdict(list)
    for name in cameras:
        state = web.live.states.get(name)
        if state is not None and state["state"] == UNKNOWN:
            causes[state["cause"]].append(name)
    return [
        f"{cause} ({f'camera {names[0]}' if len(names) == 1 else how_many(len(names), 'camera')})"
        for cause, names in causes.items()
    ]
