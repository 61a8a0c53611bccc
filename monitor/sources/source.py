"""Sources give timed pictures: webcams, network streams and video files behind one protocol."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from monitor.decode.options import FULL, Decoding

if TYPE_CHECKING:
    from av import VideoFrame


@dataclass(frozen=True)
class Picture:
    """A decoded picture and its time in seconds since the source was opened and gave its first."""

    time_s: float
    frame: VideoFrame
    arrived_s: float | None = None  # the process's monotonic clock, where it is not just now


@dataclass(frozen=True)
class SkippedFrame:
    """A moment that was not decoded: nothing moved in it, or it was other cameras' turn."""

    time_s: float | None  # as a picture's; None: it is not settled yet whether anything moved
    arrived_s: float | None = None
    waiting: bool = False  # for its turn, where the cores cannot decode all cameras at once
    no_key: bool = False  # no key frame has come yet, so that nothing can be decoded


class Source(Protocol):
    """One connection to a camera, a stream or a file.

    `open` and `read` belong to one thread; `close` may be called twice and from any state.
    Every call returns within the limits the source was made with.
    """

    def open(self) -> None:
        """Connect; SourceOpenError if that fails."""

    def read(self) -> Picture | SkippedFrame | None:
        """The next moment, None at the end of a file; SourceLostError if a live source ends."""

    def close(self) -> None:
        """Release the device, connection or file."""


# Of RTSP: TCP, or UDP where the camera does not send over TCP; one of them; through HTTP.
Transport = Literal["auto", "tcp", "udp", "http"]


@dataclass(frozen=True)
class StreamLimits:
    """How a network stream is reached, and for how long each step may take."""

    transport: Transport = "auto"  # of RTSP
    ca_file: Path | None = None  # certificate authorities; None: certificates are not checked
    open_timeout_s: float = 5.0
    read_timeout_s: float = 5.0
    decoding: Decoding = FULL  # of webcams there is none

    @property
    def call_timeout_s(self) -> float:
        """Seconds that a single call may take."""
        return max(self.open_timeout_s, self.read_timeout_s)
