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
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from av import Packet, VideoStream

from monitor.decode.decoder import DecodedFrame, FullDecoder
from monitor.decode.packet_sizes import PacketSizes
from monitor.decode.scene import Stillness
from monitor.states import SkipReason

# A scene rests that has been still, by its key frames, for AFTER_S; sooner where nothing moved in
# between, either.
AFTER_S, SOONER_S = 4.0, 1.5
LEAST_PACKETS = 5  # of a group of pictures: in a shorter one there is nothing to be saved
MOST_BYTES = 16 * 2**20  # that are kept of a stream
_REORDER_S = 1.0  # packets may come so much later than one that is shown after them
_AT_ONCE = 2  # pictures passed over for one packet that comes: so they flow as evenly as they came


@dataclass(frozen=True)
class _Kept:
    packet: Packet[VideoStream]
    pts_s: float
    arrived_s: float


class IdleDecoder:
    """Decodes everything while something moves, and key frames alone while nothing does."""

    def __init__(
        self,
        every: FullDecoder,
        max_delay_s: float,
        context_s: float,
        clock: Callable[[], float] = time.monotonic,
        looked_at: Callable[[], bool] = lambda: False,
    ) -> None:
        self._every = every
        self._looked_at = looked_at
        self._max_delay_s = max_delay_s
        self._context_s = context_s
        self._clock = clock
        self._scene = Stillness()
        self._sizes = PacketSizes()
        self._idle = False
        self._by_size = False  # whether sizes ended the last idle spell
        self._kept: list[_Kept] = []  # from a key frame on, or empty
        self._kept_bytes = 0
        self._group: list[int] = []  # sizes of the packets between the last two key frames
        self._due: list[tuple[float, float]] = []  # stamp and arrival of what was not given; a heap
        self._from_s = -math.inf  # pictures before are given or passed over: never to be decoded
        self._again: Counter[float] = Counter()  # stamps of those that are decoded all the same
        self._key_s = -math.inf  # the newest key frame
        self._newest_s = -math.inf  # of all that was kept

    @property
    def damaged(self) -> int:
        """Packets that could not be decoded."""
        return self._every.damaged

    @property
    def resting(self) -> bool:
        """Whether it decodes key frames alone just now."""
        return self._idle

    def take(self, packet: Packet[VideoStream]) -> Iterator[DecodedFrame | None]:
        """What is known with this packet; None alone while it is only kept."""
        pts_s = self._every.pts_s(packet.pts)
        if not self._idle and self._may_rest(packet, pts_s):
            yield from self._awake(None)
            self._rest()
        if self._idle:
            if pts_s is not None and self._stays_still(packet, pts_s):
                self._keep(packet, pts_s)
                yield from self._pass_over()
                return
            yield from self._wake()
        if pts_s is None:
            self._drop()  # what is kept is to be whole
        else:
            self._keep(packet, pts_s)
        yield from self._awake(packet)

    def rested(self, key: Packet[VideoStream], pts_s: float, scene: Stillness) -> IdleDecoder:
        """Itself, of which nothing was taken yet, at rest from a key frame of a still scene on."""
        self._scene, self._idle = scene, True
        self._from_s = self._newest_s = pts_s
        self._keep(key, pts_s)
        return self

    def finish(self) -> Iterator[DecodedFrame | None]:
        """All that was kept, decoded: what it shows is not known."""
        if self._idle:
            yield from self._wake()
        yield from self._awake(None)

    def _awake(self, packet: Packet[VideoStream] | None) -> Iterator[DecodedFrame]:
        pictures = self._every.finish() if packet is None else self._every.take(packet)
        for picture in pictures:
            if picture.pts_s is not None and self._again[picture.pts_s]:
                self._again[picture.pts_s] -= 1
                continue
            self._see(picture)
            yield picture

    def _see(self, picture: DecodedFrame) -> None:
        if picture.pts_s is None or picture.picture is None:
            return
        if picture.pts_s == self._key_s and not self._scene.see_key(picture.pts_s, picture.picture):
            lasted_s = self._scene.lasted_s(picture.pts_s)
            if lasted_s > 0 and not self._scene.stirred(lasted_s, picture.pts_s):
                self._sizes.learn(self._group)
        self._scene.see(picture.pts_s, picture.picture)
        self._from_s = math.nextafter(picture.pts_s, math.inf)

    def _keep(self, packet: Packet[VideoStream], pts_s: float) -> None:
        if self._idle:
            self._newest_s = max(self._newest_s, pts_s)
            heapq.heappush(self._due, (pts_s, self._clock()))
        else:  # an idle spell may begin with it, where its group ends in time
            if not self._bounded(pts_s):
                self._scene.reset()
                self._drop()
            if packet.is_keyframe:
                self._group = [one.packet.size for one in self._kept[1:]]
                self._drop()  # what came before was given
            if not packet.is_keyframe and not self._kept:
                return
            self._newest_s = pts_s
        if packet.is_keyframe:
            self._key_s = pts_s
        self._kept.append(_Kept(packet, pts_s, self._clock()))
        self._kept_bytes += packet.size

    def _drop(self) -> None:
        self._kept.clear()
        self._kept_bytes = 0

    def _bounded(self, pts_s: float) -> bool:
        return abs(pts_s - self._key_s) <= self._max_delay_s and self._kept_bytes <= MOST_BYTES

    def _may_rest(self, packet: Packet[VideoStream], pts_s: float | None) -> bool:
        return (
            packet.is_keyframe
            and pts_s is not None
            and self._every.are_pts
            and len(self._kept) >= LEAST_PACKETS
            and self._bounded(pts_s)
            and self._is_still(pts_s)
            and not self._looked_at()
        )

    def _is_still(self, pts_s: float) -> bool:
        lasted_s = self._scene.lasted_s(pts_s)
        if lasted_s >= AFTER_S:
            return True
        return lasted_s >= SOONER_S and not self._scene.stirred(lasted_s, pts_s)

    def _rest(self) -> None:
        if self._by_size and not self._scene.has_moved:
            self._sizes.doubt()
        self._idle, self._by_size = True, False
        self._newest_s = self._from_s
        self._again.clear()

    def _stays_still(self, packet: Packet[VideoStream], pts_s: float) -> bool:
        """Whether an idle scene stays idle with its next packet."""
        if not packet.size or packet.is_corrupt or not self._bounded(pts_s):
            return False
        if self._looked_at():
            return False
        if not packet.is_keyframe:
            self._by_size = self._sizes.unusual(packet.size)
            return not self._by_size and pts_s >= self._newest_s - _REORDER_S
        key = self._every.look(packet)
        if key is None or pts_s < self._newest_s or self._scene.see_key(pts_s, key):
            return False
        self._sizes.learn([one.packet.size for one in self._kept if one.pts_s > self._key_s])
        self._from_s = max(self._from_s, pts_s - self._context_s)
        self._forget()
        return True

    def _forget(self) -> None:
        """Drop what no decoding will have to begin with."""
        starts = [
            place
            for place, kept in enumerate(self._kept)
            if kept.packet.is_keyframe and kept.pts_s <= self._from_s
        ]
        if starts:
            self._kept_bytes -= sum(kept.packet.size for kept in self._kept[: starts[-1]])
            del self._kept[: starts[-1]]

    def _pass_over(self) -> Iterator[DecodedFrame | None]:
        for _ in range(_AT_ONCE):
            if not self._due or self._due[0][0] >= self._from_s:
                break
            pts_s, arrived_s = heapq.heappop(self._due)
            yield DecodedFrame(pts_s, None, arrived_s, SkipReason.IDLE)
        else:
            return
        yield None

    def _wake(self) -> Iterator[DecodedFrame | None]:
        """Decode what was kept."""
        while self._due and self._due[0][0] < self._from_s:
            pts_s, arrived_s = heapq.heappop(self._due)
            yield DecodedFrame(pts_s, None, arrived_s, SkipReason.IDLE)
        arrived = dict(self._due)
        self._due = []
        self._idle = False
        self._scene.reset()
        self._every.flush()
        self._again = Counter(one.pts_s for one in self._kept if one.pts_s < self._from_s)
        for kept in self._kept.copy():
            damaged = self._every.damaged
            for picture in self._awake(kept.packet):
                if picture.pts_s is None:
                    yield picture
                else:
                    at_s = arrived.get(picture.pts_s, kept.arrived_s)
                    yield replace(picture, arrived_s=at_s)
            if self._again[kept.pts_s]:
                self._every.damaged = damaged  # it was counted before
