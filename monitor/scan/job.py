"""What a process is told to do with a file, and what it gives back; all of it can be pickled."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from monitor.config.options import CameraOptions
from monitor.errors import SourceOpenError
from monitor.paths import video_file
from monitor.records import PictureBox
from monitor.sources.file import KeyFrame
from monitor.states import OpenFailure, SkipReason
from monitor.windows.buffer import GridPlace


@dataclass(frozen=True)
class Film:
    """A video file of an archive, watched as a camera of its own."""

    camera: CameraOptions
    size: int  # bytes
    mtime_ns: int

    @property
    def path(self) -> Path:
        """Where it lies."""
        return Path(self.camera.address.target)

    def check_unchanged(self) -> None:
        """SourceOpenError if it is not the file any more that it was when it was found."""
        there = video_file(self.path, str(self.path))
        if (there.st_size, there.st_mtime_ns) != (self.size, self.mtime_ns):
            raise SourceOpenError(f"{self.path}: changed during the scan", OpenFailure.INVALID)


@dataclass(frozen=True)
class Start:
    """A key frame at which a segment can begin: what is decoded, and where windows lie."""

    key: KeyFrame
    place: GridPlace  # of the window buffers, before this frame
    time_s: float


@dataclass(frozen=True)
class Segment:
    """The windows of a file that begin in a span of it."""

    start: Start | None = None  # None: the start of the file
    until_s: float | None = None  # None: the end of the file

    @property
    def from_s(self) -> float:
        """Where the first of them may begin."""
        return -math.inf if self.start is None else self.start.time_s

    def owns(self, start_s: float, end_s: float) -> bool:
        """Whether a window is one of them; it belongs to the segment in which it begins.

        A gap is noted at a frame, as a window of no length. The frame at a border ends the segment
        before: only that has seen a frame in front of the gap.
        """
        until_s = math.inf if self.until_s is None else self.until_s
        if start_s == end_s:
            return self.from_s < end_s <= until_s
        return self.from_s <= start_s < until_s


@dataclass(frozen=True)
class Plan:
    """How a file is scanned."""

    segments: tuple[Segment, ...]
    declared_s: float  # how long the file says that it is; 0: it does not


@dataclass(frozen=True)
class PlanJob:
    """A file that is to be planned."""

    film: Film
    segment_s: float


@dataclass(frozen=True)
class SegmentJob:
    """A segment that is to be scanned."""

    film: Film
    segment: Segment


@dataclass(frozen=True)
class ModelFile:
    """A model by its content, which travels: who loads it needs no file."""

    path: Path  # where it was read
    sha256: str
    content: bytes = field(repr=False, compare=False)
    provider: str = "cpu"


@dataclass(frozen=True)
class SeenWindow:
    """What became of a window of a file."""

    region: str  # empty: the whole picture
    start_s: float  # time of the first frame; of a gap that no window spans, its end
    end_s: float  # time of the last frame
    skipped: SkipReason | None = None  # why it was not classified
    scores: tuple[float, ...] = ()  # in the order of the model's labels; empty if it did not see it
    novelty: float | None = None  # where the model tells it
    box: PictureBox | None = None  # the part of the picture that counted


@dataclass(frozen=True)
class SegmentResult:
    """What was found in a segment."""

    windows: tuple[SeenWindow, ...]  # in the order in which they end
    following: tuple[SeenWindow, ...]  # of each region the first that belongs to a later segment
    end_s: float  # time of the last frame that was read
    faults: tuple[str, ...]  # of the file
