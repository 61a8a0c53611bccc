"""Sources give frames: webcams, network streams and video files behind one protocol."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from monitor.decode.options import FULL, Decoding
from monitor.records import Frame, NoFrameYet


class Source(Protocol):
    """One connection to a camera, a stream or a file.

    `open` and `read` belong to one thread; `close` may be called twice and from any state.
    Every call returns within the limits the source was made with.
    """

    def open(self) -> None:
        """Connect; SourceOpenError if that fails."""

    def read(self) -> Frame | NoFrameYet | None:
        """The next frame; None at the end of a file; SourceLostError if a live source ends.

        Its time is in seconds since the first frame after `open`.
        """

    def close(self) -> None:
        """Release the device, connection or file."""


# Of RTSP: TCP, or UDP where the camera does not send over TCP; one of them; through HTTP.
Transport = Literal["auto", "tcp", "udp", "http"]


@dataclass(frozen=True)
class SourceSettings:
    """How a source is reached, for how long each step may take, and how it is decoded."""

    transport: Transport = "auto"  # of RTSP
    ca_file: Path | None = None  # certificate authorities; None: certificates are not checked
    open_timeout_s: float = 5.0
    read_timeout_s: float = 5.0
    decoding: Decoding = FULL  # of webcams there is none

    @property
    def call_timeout_s(self) -> float:
        """Seconds that a single call may take."""
        return max(self.open_timeout_s, self.read_timeout_s)
