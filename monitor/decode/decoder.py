"""From the packets of a video stream to its frames: the one place where the codec is fed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import av
from av import Packet, VideoFrame, VideoStream

from monitor.decode.pts import FramePts
from monitor.states import SkipReason


@dataclass(frozen=True)
class DecodedFrame:
    """A frame of a stream with the stream's own time."""

    pts_s: float | None  # None if the stream gives none
    picture: VideoFrame | None  # None if it was skipped
    arrived_s: float  # the clock when its packet came
    skipped: SkipReason | None = None  # why it was not decoded


class Decoder(Protocol):
    """Turns the packets of one stream into frames, in the order in which they are shown."""

    @property
    def damaged(self) -> int:
        """Packets that could not be decoded."""

    @property
    def idle(self) -> bool:
        """Whether it decodes key frames alone just now."""

    def decode(self, packet: Packet[VideoStream]) -> Iterator[DecodedFrame | None]:
        """The frames that are known with this packet; None alone: it was buffered."""

    def finish(self) -> Iterator[DecodedFrame | None]:
        """The frames that were held back, once no more packets come."""


class FullDecoder:
    """Decodes every packet as it comes."""

    def __init__(self, stream: VideoStream, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._pts = FramePts(stream)
        self.damaged = 0

    @property
    def are_pts(self) -> bool:
        """Whether frames carry their packets' pts, and not other times."""
        return self._pts.are_pts

    @property
    def idle(self) -> bool:
        """Never."""
        return False

    def decode(self, packet: Packet[VideoStream]) -> Iterator[DecodedFrame]:
        """The pictures that a packet completes."""
        arrived_s = self._clock()
        for frame in self._frames_of(packet):
            yield DecodedFrame(self._pts.of(frame), frame, arrived_s)

    def finish(self) -> Iterator[DecodedFrame]:
        """The pictures that the decoder still holds, to put them into their order."""
        arrived_s = self._clock()
        for frame in self._frames_of(None):
            yield DecodedFrame(self._pts.of(frame), frame, arrived_s)

    def flush(self) -> None:
        """Forget what came before: the next packet is a key frame."""
        self._stream.codec_context.flush_buffers()
        self._pts.restart()

    def peek(self, key: Packet[VideoStream]) -> VideoFrame | None:
        """A key frame's picture by itself, which leaves nothing behind in the decoder.

        None if it cannot be decoded; that is counted where it is decoded to be given.
        """
        damaged = self.damaged
        self.flush()
        frames = self._frames_of(key) + self._frames_of(None)
        self.flush()
        self.damaged = damaged
        return frames[0] if frames else None

    def pts_s(self, pts: int | None) -> float | None:
        """A packet's pts in seconds."""
        return self._pts.seconds(pts)

    def _frames_of(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """What the codec gives for a packet; None asks for what it still holds."""
        try:
            return self._stream.decode(packet)
        except av.InvalidDataError:
            self.damaged += 1  # the decoder takes up again by itself
        except av.EOFError:
            pass  # it was asked before
        return []
