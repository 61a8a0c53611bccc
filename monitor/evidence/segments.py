"""What of a camera lies recorded on the disk: FOLDER/rolling/CAMERA/START.mp4, about a minute each.

START is the moment in the world that a segment shows first, UTC to the millisecond. The file's time
of change is the moment that it shows last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.errors import MonitorError
from monitor.names import is_name

ROLLING = "rolling"
JOINED = timedelta(seconds=1)  # a longer gap between two segments is one of what is recorded
_STAMP = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{3}Z")
_FORM = "%Y%m%dT%H%M%S.%fZ"


class NotRecorded(MonitorError):
    """What is asked for is not recorded, or not as one clip."""


@dataclass(frozen=True)
class SegmentTimes:
    """When a segment begins and ends, on whichever machine it lies."""

    start: datetime
    end: datetime

    @property
    def stamp(self) -> str:
        """Its name without the ending."""
        return _stamp(self.start)


@dataclass(frozen=True)
class Segment(SegmentTimes):
    """A file of a camera's own packets, which begins with a key frame."""

    path: Path
    size: int  # bytes


@dataclass(frozen=True)
class Recorded:
    """A time without a gap that is recorded of a camera."""

    segments: tuple[SegmentTimes, ...]  # at least one, in order

    @property
    def start(self) -> datetime:
        """The first moment."""
        return self.segments[0].start

    @property
    def end(self) -> datetime:
        """The last one."""
        return max(one.end for one in self.segments)


def segment_path(folder: Path, camera: str, start: datetime) -> Path:
    """Where a segment goes, in the folder of the evidence."""
    return folder / ROLLING / camera / f"{_stamp(start)}.mp4"


def segments_of(folder: Path, camera: str) -> list[Segment]:
    """All of a camera that is recorded, in order; what is none of our files is passed over."""
    if not is_name(camera):
        return []
    return sorted(_segments((folder / ROLLING / camera).glob("*.mp4")), key=lambda one: one.start)


def all_segments(folder: Path) -> list[Segment]:
    """The segments of every camera that ever was, the oldest first."""
    return sorted(_segments((folder / ROLLING).glob("*/*.mp4")), key=lambda one: one.start)


def find_segment(folder: Path, camera: str, stamp: str) -> Segment | None:
    """The segment of a name; None if there is none, or it is none of ours."""
    if not is_name(camera) or not is_stamp(stamp):
        return None
    return next(_segments([folder / ROLLING / camera / f"{stamp}.mp4"]), None)


def is_stamp(text: str) -> bool:
    """Whether a segment may be called so."""
    return _STAMP.fullmatch(text) is not None


def recorded(segments: Sequence[SegmentTimes]) -> list[Recorded]:
    """The times without a gap that segments make, which are given in order."""
    found: list[list[SegmentTimes]] = []
    end: datetime | None = None  # of what is found so far: two machines may overlap
    for one in segments:
        if end is not None and one.start - end <= JOINED:
            found[-1].append(one)
            end = max(end, one.end)
        else:
            found.append([one])
            end = one.end
    return [Recorded(tuple(some)) for some in found]


def is_recorded(folder: Path, camera: str, start: datetime, end: datetime) -> bool:
    """Whether all of a span is recorded in a folder."""
    return any(covers(one, start, end) for one in recorded(segments_of(folder, camera)))


def covers(time: SegmentTimes | Recorded, start: datetime, end: datetime) -> bool:
    """Whether all of a span lies within a time."""
    return time.start <= start and end <= time.end


def _stamp(start: datetime) -> str:
    moment = start.astimezone(UTC)
    return f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03}Z"


def _segments(paths: Iterable[Path]) -> Iterator[Segment]:
    for path in paths:
        if not is_stamp(path.stem) or path.is_symlink():
            continue
        try:
            start = datetime.strptime(path.stem, _FORM).replace(tzinfo=UTC)
            about = path.stat()
            end = datetime.fromtimestamp(about.st_mtime, UTC)
        except (ValueError, OverflowError, OSError):  # the 99th of a month; deleted meanwhile
            continue
        yield Segment(start, max(start, end), path, about.st_size)
