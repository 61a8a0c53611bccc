"""Idle decoding: of a scene in which nothing moves only the key frames are decoded.

The packets in between are kept. Where a key frame differs from the one before, or packets are
unusually large, what was kept is decoded after all, from one window before the movement may have
begun: the windows are then the same as if everything had been decoded, only later, by one group of
pictures at most. Pictures from before that are passed over for good, each with its time.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from av import Packet, VideoStream

from monitor.source.decoder import Decoded, EveryPicture
from monitor.source.scene import MOVED, Cells, Stillness, cells, moved
from monitor.source.sizes import PacketSizes

AFTER_S = 10.0  # a scene must have been still for so long
LEAST_PACKETS = 5  # of a group of pictures: in a shorter one there is nothing to be saved
MOST_BYTES = 16 * 2**20  # that are kept of a stream
_AT_ONCE = 2  # pictures passed over for one packet that comes: so they flow as evenly as they came


@dataclass(frozen=True)
class _Kept:
    packet: Packet[VideoStream]
    stamp_s: float
    arrived_s: float


class IdleDecoder:
    """Decodes everything while something moves, and key frames alone while nothing does."""

    def __init__(
        self,
        every: EveryPicture,
        stream: VideoStream,
        max_delay_s: float,
        context_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._every = every
        self._context = stream.codec_context
        self._max_delay_s = max_delay_s
        self._context_s = context_s
        self._clock = clock
        self._scene = Stillness()
        self._sizes = PacketSizes()
        self._idle = False
        self._by_size = False  # whether sizes ended the last idle spell
        self._kept: list[_Kept] = []  # from a key frame on
        self._due: list[tuple[float, float]] = []  # stamp and arrival of what was not given; a heap
        self._from_s = -math.inf  # pictures before are given or passed over: never to be decoded
        self._key_s = -math.inf  # the newest key frame
        self._cells: Cells | None = None  # of the newest key frame, while idle

    @property
    def damaged(self) -> int:
        """Packets that could not be decoded."""
        return self._every.damaged

    @property
    def resting(self) -> bool:
        """Whether it decodes key frames alone just now."""
        return self._idle

    def take(self, packet: Packet[VideoStream]) -> Iterator[Decoded | None]:
        """What is known with this packet; None alone while it is only kept."""
        stamp_s = self._every.stamp_s(packet.pts)
        if self._idle:
            if stamp_s is not None and self._stays_still(packet, stamp_s):
                self._keep(packet, stamp_s)
                yield from self._pass_over()
                return
            yield from self._wake()
        elif stamp_s is not None and packet.is_keyframe and self._may_rest(stamp_s):
            yield from self._awake(None)
            self._rest()
            if self._stays_still(packet, stamp_s):
                self._keep(packet, stamp_s)
                yield None
                return
            yield from self._wake()
        if stamp_s is not None:
            self._keep(packet, stamp_s)
        yield from self._awake(packet)

    def finish(self) -> Iterator[Decoded | None]:
        """All that was kept, decoded: what it shows is not known."""
        if self._idle:
            yield from self._wake()
        yield from self._awake(None)

    def _awake(self, packet: Packet[VideoStream] | None) -> Iterator[Decoded | None]:
        pictures = self._every.finish() if packet is None else self._every.take(packet)
        for picture in pictures:
            yield self._given(picture)

    def _given(self, picture: Decoded | None) -> Decoded | None:
        if picture is not None and picture.stamp_s is not None and picture.frame is not None:
            self._scene.see(picture.stamp_s, picture.frame)
            self._from_s = math.nextafter(picture.stamp_s, math.inf)
        return picture

    def _keep(self, packet: Packet[VideoStream], stamp_s: float) -> None:
        arrived_s = self._clock()
        if packet.is_keyframe:
            self._key_s = stamp_s
            if not self._idle:
                self._kept.clear()  # what came before was given
        self._kept.append(_Kept(packet, stamp_s, arrived_s))
        if self._idle:
            heapq.heappush(self._due, (stamp_s, arrived_s))

    def _may_rest(self, stamp_s: float) -> bool:
        group_s = stamp_s - self._key_s
        return (
            self._scene.lasted_s(stamp_s) >= AFTER_S
            and 0 < group_s <= self._max_delay_s
            and len(self._kept) >= LEAST_PACKETS
        )

    def _rest(self) -> None:
        if self._by_size and not self._scene.has_moved:
            self._sizes.doubt()
        self._idle, self._by_size, self._cells = True, False, None

    def _stays_still(self, packet: Packet[VideoStream], stamp_s: float) -> bool:
        """Whether nothing speaks against it, in an idle scene's next packet."""
        if not packet.size or packet.is_corrupt or abs(stamp_s - self._key_s) > self._max_delay_s:
            return False
        if sum(kept.packet.size for kept in self._kept) > MOST_BYTES:
            return False
        if not packet.is_keyframe:
            self._by_size = self._sizes.unusual(packet.size)
            return not self._by_size
        now = self._look(packet)
        if now is None or stamp_s <= self._key_s:
            return False
        before, self._cells = self._cells, now
        if before is None:  # it is the first
            return True
        if moved(before, now, MOVED):
            return False
        self._sizes.learn([one.packet.size for one in self._kept if one.stamp_s > self._key_s])
        self._from_s = max(self._from_s, stamp_s - self._context_s)
        self._forget()
        return True

    def _look(self, packet: Packet[VideoStream]) -> Cells | None:
        """A key frame as it is compared; None where it cannot be decoded by itself."""
        self._context.flush_buffers()
        frames = self._every.decode(packet) + self._every.decode(None)
        return cells(frames[0]) if frames else None

    def _forget(self) -> None:
        """Drop what no decoding will have to begin with."""
        starts = [
            place
            for place, kept in enumerate(self._kept)
            if kept.packet.is_keyframe and kept.stamp_s <= self._from_s
        ]
        if starts:
            del self._kept[: starts[-1]]

    def _pass_over(self) -> Iterator[Decoded | None]:
        for _ in range(_AT_ONCE):
            if not self._due or self._due[0][0] >= self._from_s:
                break
            stamp_s, arrived_s = heapq.heappop(self._due)
            yield Decoded(stamp_s, None, arrived_s)
        else:
            return
        yield None

    def _wake(self) -> Iterator[Decoded | None]:
        """Decode what was kept."""
        while self._due and self._due[0][0] < self._from_s:
            stamp_s, arrived_s = heapq.heappop(self._due)
            yield Decoded(stamp_s, None, arrived_s)
        self._idle = False
        self._scene.reset()
        arrived: dict[float | None, float] = dict(self._due)
        self._due = []
        self._context.flush_buffers()
        from_s = self._from_s
        for kept in self._kept:
            for picture in self._every.take(kept.packet):
                if picture.stamp_s is None or picture.stamp_s >= from_s:
                    at_s = arrived.get(picture.stamp_s, kept.arrived_s)
                    yield self._given(replace(picture, arrived_s=at_s))
