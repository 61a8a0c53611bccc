"""The values that pass between stages, in the order they are made.

All times in seconds (`_s`) lie on the camera's own axis, which starts with its stream: stream
timestamps where they can be trusted, else a monotonic clock; media time for files. `arrived_s` is
the exception: the process's monotonic clock when the frame arrived, for measuring latency.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from monitor.states import EndReason, LeaseState, SkipReason

if TYPE_CHECKING:  # the page's process, which has no pictures, starts without them
    import numpy as np
    from av import VideoFrame
    from numpy.typing import NDArray


def camera_key(camera: str, region: str) -> str:
    """How a camera, or one of its regions, is written and told from all others."""
    return f"{camera}/{region}" if region else camera


@dataclass(frozen=True)
class Frame:
    """One frame of a camera, from its source to the last stage.

    The source gives it the stream's time; the capture puts it on the camera's axis.
    """

    time_s: float
    picture: VideoFrame | None  # as it was decoded; None if it was skipped
    arrived_s: float | None = None  # None, from a source: just now
    skipped: SkipReason | None = None  # why it was not decoded
    camera: str = ""
    pts_s: float | None = None  # the stream's own time, if it has one

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """The whole picture, (H, W, 3) uint8 RGB, read-only; converted when first asked for."""
        assert self.picture is not None
        image: NDArray[np.uint8] = self.picture.to_ndarray(format="rgb24")  # type: ignore[assignment]
        image.flags.writeable = False
        return image


class NoFrameYet(Enum):
    """Packets of a camera came, and no frame of them is known yet."""

    IDLE = "they are kept, until it is settled whether anything moved"
    WAITING = "they are kept, until it is the camera's turn to be decoded"
    NO_KEY_FRAME = "no key frame has come, so nothing can be decoded"


@dataclass(frozen=True)
class Window:
    """A clip with its place in time and its quality."""

    camera: str
    start_s: float  # time of the first frame
    end_s: float  # time of the last frame
    clip: NDArray[np.uint8]  # (T, H, W, 3) RGB
    fps: float  # the rate its frames really have
    usual_fps: float  # the rate that most of its frames have: higher where some are missing
    missing: int  # frames that its span should hold at the model's rate, and does not
    arrived_s: float  # when its last frame was captured
    region: str = ""  # of the camera's picture; empty: the whole picture


@dataclass(frozen=True)
class Skipped:
    """A stretch of time that shows nothing to classify."""

    camera: str
    region: str
    end_s: float
    arrived_s: float  # when its last frame was captured
    reason: SkipReason


@dataclass(frozen=True)
class StreamEnd:
    """No more windows of this stream follow: an activity that is open ends here."""

    camera: str
    region: str
    reason: EndReason


# What goes from a camera's capture to its worker.
Captured = Window | Skipped | StreamEnd


# The ends of windows in seconds, and their smoothed scores.
Trace = tuple[tuple[float, float], ...]
TRACE_MAX = 100  # points, so that an alert stays a short line


# Left, top, right and bottom, in fractions of a picture's width and height.
PictureBox = tuple[float, float, float, float]


class Outputs(NamedTuple):
    """What a model gives for N clips."""

    scores: NDArray[np.float32]  # (N, labels), each row summing to 1
    novelty: NDArray[np.float32] | None  # (N,) unlikeness to the training clips, where it is told
    boxes: tuple[PictureBox | None, ...] = ()  # N: the part that counted; None: all of it


@dataclass(frozen=True)
class Prediction:
    """What the model says of one window."""

    camera: str
    start_s: float
    end_s: float
    scores: dict[str, float]  # label -> score; sums to 1
    arrived_s: float
    region: str = ""
    box: PictureBox | None = None  # the part of the camera's picture that counted; None: all of it


class CopyStatus(NamedTuple):
    """How far evidence was copied to object storage."""

    waiting: int  # files that are not there yet
    copied: int  # since the start
    failed: int  # tries that failed


class SinkStatus(NamedTuple):
    """How a sink does."""

    name: str
    waiting: int  # alerts that it has not taken yet
    retried: int  # times that it was given an alert again
    lost: int  # alerts that it never will take


class LeaseStatus(NamedTuple):
    """How a lease does."""

    name: str
    state: LeaseState
    epoch: int | None  # of whoever has it; None: not known
    by: str  # who has it, if that is another


class WorkerStatus(NamedTuple):
    """How a worker does."""

    waiting: int  # windows, and ends of streams, that it has not taken yet
    busy_s: float  # for how long it has been at work on one; 0: it waits


@dataclass(frozen=True)
class Activity:
    """An interval in which a camera or a region shows an activity; open while `end_s` is None."""

    id: str
    camera: str
    label: str
    start_s: float
    end_s: float | None
    score: float  # smoothed score at the moment of the event
    peak_score: float  # highest smoothed score so far
    arrived_s: float  # when the frame that decided the event was captured
    decided_s: float  # end of the window that decided the event
    region: str = ""
    box: PictureBox | None = None  # where in the picture; None: in all that is watched
    reason: EndReason | None = None  # why it ended; None while it is open
    live: bool = True  # its seconds passed as the world's did: not so in a file
    threshold: float = 0.0  # score that starts it
    peak_s: float = 0.0  # end of the window with the highest smoothed score
    window: Window | None = field(default=None, compare=False, repr=False)  # that window
    trace: Trace = ()  # from some windows before it on

    @property
    def title(self) -> str:
        """What is shown of it where the camera is known."""
        return f"{self.region}: {self.label}" if self.region else self.label
