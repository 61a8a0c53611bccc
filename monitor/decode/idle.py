"""Idle decoding: while nothing moves in a scene, only its key frames are decoded.

The packets between them are buffered. If a key frame differs from the one before, or packets are
unusually large, the buffered packets are decoded after all, from one window before the movement may
have begun. The windows are then the same as if everything had been decoded, only later: by one
group of pictures (GOP) at most. Frames from before that are skipped, each with its time.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from av import Packet, VideoFrame, VideoStream

from monitor.decode.decoder import DecodedFrame, FullDecoder
from monitor.decode.packet_sizes import PacketSizes
from monitor.decode.stillness import Stillness
from monitor.states import SkipReason

# A scene becomes idle once its key frames have been still for AFTER_S; sooner if nothing moved
# between them, either; and where it looks as it did before the movement, as soon as the windows
# that show the movement are over.
AFTER_S, SOONER_S = 4.0, 1.5
MIN_PACKETS = 5  # of a GOP: a shorter one leaves nothing to be saved
MAX_BYTES = 16 * 2**20  # that are buffered of a stream
_REORDER_S = 1.0  # packets may come so much later than one that is shown after them
# An idle camera wakes Python for each packet, which then finds nothing in the core's caches: what
# is done for all packets of so many seconds at once costs a fraction. Less than a stride, so that
# skipped windows come about as evenly as others.
TELL_S = 0.4


class _Buffered(NamedTuple):
    packet: Packet[VideoStream]
    pts_s: float
    arrived_s: float


class IdleDecoder:
    """Decodes everything while something moves, and key frames alone while nothing does."""

    def __init__(
        self,
        full: FullDecoder,
        max_delay_s: float,
        context_s: float,
        clock: Callable[[], float] = time.monotonic,
        looked_at: Callable[[], bool] = lambda: False,
        on_still: Callable[[VideoFrame], object] = lambda picture: None,
        has_time: Callable[[], bool] = lambda: True,  # to decode what is buffered
    ) -> None:
        self._full = full
        self._has_time = has_time
        self._on_still = on_still
        self._looked_at = looked_at
        self._max_delay_s = max_delay_s
        self._context_s = context_s
        self._clock = clock
        self._scene = Stillness()
        self._sizes = PacketSizes()
        self._idle = False
        self._by_size = False  # whether packet sizes ended the last idle interval
        self._buffered: list[_Buffered] = []  # from a key frame on, or empty
        self._buffered_bytes = 0
        self._gop: list[int] = []  # sizes of the packets between the last two key frames
        self._pending: list[tuple[float, float]] = []  # pts and arrival of frames not given; a heap
        self._from_s = -math.inf  # pictures before are given or passed over: never to be decoded
        self._redecoded: Counter[float] = Counter()  # pts of those that are decoded all the same
        self._key_s = -math.inf  # the newest key frame
        self._newest_s = -math.inf  # of all that was kept
        self._idle_from_s = -math.inf  # what came since it is idle
        self._told_s = -math.inf  # the newest when it was last said what became of idle frames

    @property
    def damaged(self) -> int:
        """Packets that could not be decoded."""
        return self._full.damaged

    @property
    def idle(self) -> bool:
        """Whether it decodes key frames alone just now."""
        return self._idle

    def decode(self, packet: Packet[VideoStream]) -> Iterator[DecodedFrame | None]:
        """The frames that are known with this packet; None alone while it is only buffered.

        If it wakes and has no time for what is buffered, it ends: another begins at a key frame.
        """
        pts_s = self._full.pts_s(packet.pts)
        if not self._idle and self._may_idle(packet, pts_s):
            yield from self._decode_full(None)
            self._enter_idle()
        if self._idle:
            if pts_s is not None and self._stays_still(packet, pts_s):
                self._buffer(packet, pts_s)
                if self._newest_s - self._told_s >= TELL_S:
                    yield from self._tell()
                return
            if not self._has_time():
                self._idle = False
                yield from self._skip_pending(SkipReason.OVERLOAD)
                return
            yield from self._leave_idle()
        if pts_s is None:
            self._clear()  # what is kept is to be whole
        else:
            self._buffer(packet, pts_s)
        yield from self._decode_full(packet)

    def begin_idle(self, key: Packet[VideoStream], pts_s: float, scene: Stillness) -> IdleDecoder:
        """Itself, before its first packet, made idle from a key frame of a still scene on."""
        self._scene, self._idle = scene, True
        self._from_s = self._newest_s = pts_s
        self._buffer(key, pts_s)
        return self

    def finish(self) -> Iterator[DecodedFrame | None]:
        """Decode all that is buffered: what it shows is not known."""
        if self._idle:
            yield from self._leave_idle()
        yield from self._decode_full(None)

    def _decode_full(self, packet: Packet[VideoStream] | None) -> Iterator[DecodedFrame]:
        pictures = self._full.finish() if packet is None else self._full.decode(packet)
        for picture in pictures:
            if picture.pts_s is not None and self._redecoded[picture.pts_s]:
                self._redecoded[picture.pts_s] -= 1
                continue
            self._see(picture)
            yield picture

    def _see(self, picture: DecodedFrame) -> None:
        if picture.pts_s is None or picture.picture is None:
            return
        if picture.pts_s == self._key_s and not self._scene.see_key(picture.pts_s, picture.picture):
            lasted_s = self._scene.lasted_s(picture.pts_s)
            if lasted_s > 0 and not self._scene.moved_between(lasted_s, picture.pts_s):
                self._sizes.learn(self._gop)
        self._scene.see(picture.pts_s, picture.picture)
        self._from_s = math.nextafter(picture.pts_s, math.inf)

    def _buffer(self, packet: Packet[VideoStream], pts_s: float) -> None:
        arrived_s = self._clock()
        if self._idle:
            self._newest_s = max(self._newest_s, pts_s)
            heapq.heappush(self._pending, (pts_s, arrived_s))
        else:  # an idle interval may begin with it, if its GOP ends in time
            if not self._bounded(pts_s):
                self._scene.reset()
                self._clear()
            if packet.is_keyframe:
                self._gop = [one.packet.size for one in self._buffered[1:]]
                self._clear()  # what came before was given
            if not packet.is_keyframe and not self._buffered:
                return
            self._newest_s = pts_s if packet.is_keyframe else max(self._newest_s, pts_s)
        if packet.is_keyframe:
            self._key_s = pts_s
        self._buffered.append(_Buffered(packet, pts_s, arrived_s))
        self._buffered_bytes += packet.size

    def _clear(self) -> None:
        self._buffered.clear()
        self._buffered_bytes = 0

    def _bounded(self, pts_s: float) -> bool:
        return abs(pts_s - self._key_s) <= self._max_delay_s and self._buffered_bytes <= MAX_BYTES

    def _may_idle(self, packet: Packet[VideoStream], pts_s: float | None) -> bool:
        return (
            pts_s is not None
            and len(self._buffered) >= MIN_PACKETS
            and self._full.are_pts
            and (self._is_still(pts_s) if packet.is_keyframe else self._is_as_before(pts_s))
            and self._bounded(pts_s)
            and not self._looked_at()
        )

    def _is_still(self, pts_s: float) -> bool:
        lasted_s = self._scene.lasted_s(pts_s)
        if lasted_s >= AFTER_S:
            return True
        return lasted_s >= SOONER_S and not self._scene.moved_between(lasted_s, pts_s)

    def _is_as_before(self, pts_s: float) -> bool:
        """Whether no window from here on shows what moved; no frame before may come later."""
        return pts_s > self._newest_s and self._scene.is_as_before(self._context_s, pts_s)

    def _enter_idle(self) -> None:
        if self._by_size and not self._scene.any_motion:
            self._sizes.doubt()
        self._idle, self._by_size = True, False
        self._newest_s = self._told_s = self._idle_from_s = self._from_s
        self._redecoded.clear()

    def _stays_still(self, packet: Packet[VideoStream], pts_s: float) -> bool:
        """Whether an idle scene stays idle with its next packet."""
        if not packet.size or packet.is_corrupt or not self._bounded(pts_s):
            return False
        if self._looked_at():
            return False
        if not packet.is_keyframe:
            self._by_size = self._sizes.unusual(packet.size)
            return not self._by_size and pts_s >= self._newest_s - _REORDER_S
        key = self._full.peek(packet)
        if key is None or pts_s < self._newest_s or self._scene.see_key(pts_s, key):
            return False
        self._on_still(key)
        since_s = max(self._key_s, self._idle_from_s)
        self._sizes.learn([one.packet.size for one in self._buffered if one.pts_s > since_s])
        self._from_s = max(self._from_s, pts_s - self._context_s)
        self._forget()
        return True

    def _forget(self) -> None:
        """Drop the packets that no decoding will have to begin with."""
        starts = [
            place
            for place, buffered in enumerate(self._buffered)
            if buffered.packet.is_keyframe and buffered.pts_s <= self._from_s
        ]
        if starts:
            self._buffered_bytes -= sum(one.packet.size for one in self._buffered[: starts[-1]])
            del self._buffered[: starts[-1]]

    def _tell(self) -> Iterator[DecodedFrame | None]:
        """The next frames that will not be decoded; None after them says that packets come."""
        self._told_s = self._newest_s
        until_s = min(self._from_s, self._pending[0][0] + 2 * TELL_S)
        yield from self._skip_pending(SkipReason.IDLE, until_s)
        yield None

    def _skip_pending(
        self, reason: SkipReason, until_s: float = math.inf
    ) -> Iterator[DecodedFrame]:
        """The frames before a time, that will not be decoded."""
        while self._pending and self._pending[0][0] < until_s:
            pts_s, arrived_s = heapq.heappop(self._pending)
            yield DecodedFrame(pts_s, None, arrived_s, reason)

    def _leave_idle(self) -> Iterator[DecodedFrame | None]:
        """Decode what is buffered."""
        yield from self._skip_pending(SkipReason.IDLE, self._from_s)
        arrived = dict(self._pending)
        self._pending = []
        self._idle = False
        self._scene.reset()
        self._full.flush()
        self._redecoded = Counter(one.pts_s for one in self._buffered if one.pts_s < self._from_s)
        for buffered in self._buffered.copy():
            damaged = self._full.damaged
            for picture in self._decode_full(buffered.packet):
                if picture.pts_s is None:
                    yield picture
                else:
                    at_s = arrived.get(picture.pts_s, buffered.arrived_s)
                    yield replace(picture, arrived_s=at_s)
            if self._redecoded[buffered.pts_s]:
                self._full.damaged = damaged  # it was counted before
