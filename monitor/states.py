"""The states and reasons that har-monitor tells of, each with its meaning.

The tables of the documents show these meanings; a test compares them.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Self


class _Meant(StrEnum):
    """A word, as it stands in logs and files, with what it means."""

    meaning: str

    def __new__(cls, word: str, meaning: str) -> Self:
        member = str.__new__(cls, word)
        member._value_ = word
        member.meaning = meaning
        return member


class CameraState(_Meant):
    """How a camera does."""

    CONNECTING = "connecting", "it was not reached yet, or no key frame of it has come yet"
    LIVE = "live", "its frames are decoded as they come"
    IDLE = "idle", "nothing moves: only key frames are decoded"
    WAITING = "waiting", "it is other cameras' turn, because the cores cannot decode all of them"
    STALLED = (
        "stalled",
        "it is connected, and no frame has come for two seconds, or as long as three usually take",
    )
    RETRYING = "retrying", "it was lost, or could not be opened; the cause stands beside it"
    ENDED = "ended", "its file ended"
    FAILED = "failed", "its file could not be read, or it was never reached"
    STOPPED = "stopped", "the monitor ends"


class LeaseState(_Meant):
    """How the lease of this process does."""

    HELD = "held", "this process watches the cameras of its shard"
    STANDBY = "standby", "another process watches them; this one takes over if that one is gone"
    UNKNOWN = (
        "unknown",
        "the event store does not answer, or the lease was lost: nothing is written",
    )


class Pace(Enum):
    """What sets the speed at which a camera is read."""

    CAMERA = "the world: the newest frame counts, and what is late is dropped"
    REALTIME = "a file at its own speed, as if it were a camera"
    FILE = "a file, as fast as it is worked through: every frame counts"

    @property
    def live(self) -> bool:
        """Whether the newest frame counts, and not every one."""
        return self is not Pace.FILE

    @property
    def file(self) -> bool:
        """Whether it has an end, and time is media time."""
        return self is not Pace.CAMERA


class OpenFailure(_Meant):
    """Why a source could not be opened."""

    UNREACHABLE = "unreachable", "no network leads to it, or it does not answer"
    REFUSED = "refused", "it answers, and takes no connection or viewer just now"
    TIMEOUT = "timeout", "it did not answer within the time limit"
    UNKNOWN_HOST = "unknown host", "its host name is not known"
    AUTHENTICATION = "authentication", "the user name or the password is wrong, or is missing"
    NOT_FOUND = "not found", "the server or the disk has nothing of that name"
    INVALID = "invalid", "what it sends, or what the file holds, is no video that can be read"
    DEVICE = "device", "the webcam is not there, is in use, or may not be read"


# Failures that time alone will hardly mend: the address, the password or the device is wrong.
PERMANENT = frozenset(
    (
        OpenFailure.UNKNOWN_HOST,
        OpenFailure.AUTHENTICATION,
        OpenFailure.NOT_FOUND,
        OpenFailure.DEVICE,
    )
)


class SkipReason(_Meant):
    """Why a window was not classified."""

    QUIET = "quiet", "too little moves to be any activity of the model"
    IDLE = "idle", "its frames were not decoded, because nothing moved"
    BLACK = "black", "its picture is black"
    BLANK = "blank", "its picture is of one colour"
    BLURRED = "blurred", "its picture shows nothing sharp"
    STILL = "still", "its pictures are all the same"
    FROZEN = "frozen", "the pictures have been the same for a minute"
    SLOW_SOURCE = "slow source", "the camera gives too few frames a second for the model"
    GAPS = "gaps", "some of its frames are missing"
    BUSY = "busy", "a newer window of the camera came before it was its turn"
    OVERLOAD = "overload", "the cores cannot decode all cameras"
    UNKNOWN = "unknown", "more happens in it than in the training clips (`activity.unknown`)"
    NO_WINDOWS = "no windows", "no window could be cut from its frames for some time"


# Reasons that are no loss: nothing happened that could be classified.
NOTHING_MOVES = (SkipReason.STILL, SkipReason.QUIET)


class EndReason(_Meant):
    """Why an activity ended."""

    SCORE_FELL = (
        "score fell",
        "for the hold, no window had a smoothed score of at least the threshold less the "
        "hysteresis (or half of the threshold, if that is more), and the last window was "
        "classified",
    )
    NOT_CLASSIFIED = (
        "not classified",
        "the same, but the last window was not classified: nothing moves, too dark, too slow, too "
        "many cameras",
    )
    STREAM_LOST = "stream lost", "the connection was lost"
    FILE_ENDED = "file ended", "the file ended"
    CAMERA_REMOVED = (
        "camera removed",
        "the camera was taken out of the configuration, or changed in it",
    )
    MONITOR_STOPPED = "monitor stopped", "har-monitor was told to stop"
    MONITOR_DIED = (
        "monitor died",
        "har-monitor, or its process that watched the camera, was killed; the next start, or the "
        "parent of the process, writes this line, without `end_s`, `end_time` and `latency_ms`",
    )
