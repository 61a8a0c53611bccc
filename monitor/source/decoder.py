"""Packets of a video stream made pictures: the one place where the decoder is set up and fed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import av
from av import Packet, VideoFrame, VideoStream

from monitor.source.decoding import Decoding
from monitor.source.scene import Stillness
from monitor.source.stamps import FrameStamps


@dataclass(frozen=True)
class Decoded:
    """A picture of a stream; no frame where it was passed over, since nothing moved in it."""

    stamp_s: float | None  # the stream's own time, where it gives one
    frame: VideoFrame | None
    arrived_s: float  # the clock when its packet came
    waiting: bool = False  # it was passed over since it was other streams' turn


class Decoder(Protocol):
    """Turns the packets of one stream into its pictures, in the order in which they are shown."""

    @property
    def damaged(self) -> int:
        """Packets that could not be decoded."""

    @property
    def resting(self) -> bool:
        """Whether it decodes key frames alone just now."""

    def take(self, packet: Packet[VideoStream]) -> Iterator[Decoded | None]:
        """What is known with this packet; None alone stands for: nothing yet, it was kept."""

    def finish(self) -> Iterator[Decoded | None]:
        """What was still held back, where no more packets come."""


class EveryPicture:
    """Decodes everything."""

    def __init__(self, stream: VideoStream, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._stamps = FrameStamps(stream)
        self.damaged = 0

    @property
    def are_pts(self) -> bool:
        """Whether frames carry their packets' pts, and not other times."""
        return self._stamps.are_pts

    @property
    def resting(self) -> bool:
        """It never does."""
        return False

    def take(self, packet: Packet[VideoStream]) -> Iterator[Decoded]:
        """The pictures that a packet completes."""
        arrived_s = self._clock()
        for frame in self.decode(packet):
            yield Decoded(self._stamps.of(frame), frame, arrived_s)

    def finish(self) -> Iterator[Decoded]:
        """The pictures that the decoder still holds, to put them into their order."""
        arrived_s = self._clock()
        for frame in self.decode(None):
            yield Decoded(self._stamps.of(frame), frame, arrived_s)

    def flush(self) -> None:
        """Forget what came before: the next packet is a key frame."""
        self._stream.codec_context.flush_buffers()
        self._stamps.restart()

    def look(self, key: Packet[VideoStream]) -> VideoFrame | None:
        """A key frame's picture by itself, which leaves nothing behind in the decoder.

        None where it cannot be decoded; that is counted where it is decoded to be given.
        """
        damaged = self.damaged
        self.flush()
        frames = self.decode(key) + self.decode(None)
        self.flush()
        self.damaged = damaged
        return frames[0] if frames else None

    def stamp_s(self, pts: int | None) -> float | None:
        """A packet's pts in seconds."""
        return self._stamps.seconds(pts)

    def decode(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """The decoder's answer; None for a packet asks for what it still holds."""
        try:
            return self._stream.decode(packet)
        except av.InvalidDataError:
            self.damaged += 1  # the decoder takes up again by itself
        except av.EOFError:
            pass  # it was asked before
        return []


def make_decoder(
    stream: VideoStream, decoding: Decoding, clock: Callable[[], float] = time.monotonic
) -> Decoder:
    """A decoder for a stream of which nothing was decoded yet."""
    # One thread: frame threads add a frame of delay each, and the cores belong to other cameras.
    stream.codec_context.thread_type = "NONE"
    if not decoding.loop_filter:
        stream.codec_context.options = {"skip_loop_filter": "all"}
    every = EveryPicture(stream, clock)

    delay_s = decoding.idle_max_delay_s
    if delay_s is None:
        if decoding.turns is None:
            return every
        from monitor.source.turns import TurnDecoder

        return TurnDecoder(lambda: every, every, decoding.turns, clock)
    from monitor.source.idle import IdleDecoder

    def begin() -> IdleDecoder:
        return IdleDecoder(every, delay_s, decoding.context_s, clock)

    if decoding.turns is None:
        return begin()
    from monitor.source.turns import TurnDecoder

    def rest(key: Packet[VideoStream], stamp_s: float, scene: Stillness) -> Decoder:
        return begin().rested(key, stamp_s, scene)

    return TurnDecoder(begin, every, decoding.turns, clock, rest)
