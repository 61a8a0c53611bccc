"""Decodes a stream in its turn."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from av import Packet, VideoStream

from monitor.core_time import waited_for_core
from monitor.decode.decoder import DecodedFrame, Decoder, FullDecoder
from monitor.decode.idle import AFTER_S, MAX_BYTES
from monitor.decode.lateness import Lateness
from monitor.decode.scheduler import LATE_S, DecodeScheduler
from monitor.decode.stillness import Stillness
from monitor.states import SkipReason

HasTime = Callable[[], bool]  # whether a decoder may decode what it kept while it was idle

if TYPE_CHECKING:
    # Makes an idle decoder from a key frame, its pts and what is known of the scene.
    BeginIdle = Callable[[HasTime, Packet[VideoStream], float, Stillness], Decoder]

SUSPICIOUS_S = 4.0  # that a turn lasts if an activity may be seen: several windows, and an alert
KEPT_S = 2.5  # of packets that are kept of a stream that waits, at the most


class _Kept(NamedTuple):
    packet: Packet[VideoStream]
    pts_s: float
    arrived_s: float


class ScheduledDecoder:
    """Decodes in its turn, and passes over everything else.

    While it waits it keeps the packets from the newest key frame on. A turn begins with them, at
    any time, so its first window is whole sooner. It lasts for one window at least, and for several
    if that may show an activity.

    It looks at key frames meanwhile, for as long as nothing moves in them: a scene that turns out
    to be still needs no turn. Of one that moves it looks at two or three each time it waits.
    """

    def __init__(
        self,
        begin: Callable[[HasTime], Decoder],
        full: FullDecoder,
        scheduler: DecodeScheduler,
        clock: Callable[[], float] = time.monotonic,
        begin_idle: BeginIdle | None = None,
        *,
        turn_s: float = 0.0,  # that is seen in a turn at least
        suspicious: Callable[[], bool] = lambda: False,  # whether an activity may be seen just now
        held_up: Callable[[], float] = waited_for_core,
    ) -> None:
        self._begin = begin  # a decoder that knows nothing yet
        self._full = full
        self._scheduler = scheduler
        self._clock = clock
        self._begin_idle = begin_idle  # None: no scene may be idle
        self._turn_s = turn_s
        self._suspicious = suspicious
        self._lateness = Lateness(partial(scheduler.loaded, self), held_up)
        self._decoder: Decoder | None = begin(self._has_time)  # None: another's turn
        self._from_s: float | None = None  # the first stamp of this turn
        self._gave_up = False  # what it kept while it was idle, to look at what is new
        self._waits_s = 0.0  # our clock, since when
        self._kept: list[_Kept] = []  # from a key frame on, or empty
        self._kept_bytes = 0
        self._scene: Stillness | None = None  # that is looked at while it waits
        self._given_s = -math.inf  # the last stamp

    @property
    def damaged(self) -> int:
        """Packets that could not be decoded."""
        return self._full.damaged

    @property
    def idle(self) -> bool:
        """Whether it decodes key frames alone just now."""
        return self._decoder is not None and self._decoder.idle

    def decode(self, packet: Packet[VideoStream]) -> Iterator[DecodedFrame | None]:
        """What is known with this packet."""
        now_s = self._clock()
        pts_s = self._full.pts_s(packet.pts)
        if self._decoder is not None and not self._goes_on(self._decoder, packet, pts_s, now_s):
            self._stop(now_s)
        elif self._decoder is None and pts_s is not None:
            self._lateness.see(pts_s, now_s)
        if self._decoder is None:
            yield from self._wait(packet, pts_s, now_s)
        else:
            yield from self._go_on(self._decoder, packet, pts_s, now_s)
        self._lateness.done(self._clock())

    def finish(self) -> Iterator[DecodedFrame | None]:
        """What the decoder still holds."""
        yield from self._pass_over()
        if self._decoder is not None:
            yield from self._decoder.finish()
            self._stop(self._clock())

    def _goes_on(
        self, decoder: Decoder, packet: Packet[VideoStream], pts_s: float | None, now_s: float
    ) -> bool:
        """Whether its turn goes on with this packet."""
        if decoder.idle and not packet.is_keyframe:  # it has next to nothing to do: key frames tell
            self._lateness.wait(now_s)
            return True
        whole = True  # what is seen of it: a window
        if pts_s is not None:
            self._from_s = pts_s if self._from_s is None else min(self._from_s, pts_s)
            whole = pts_s - self._from_s >= self._turn_s
        pace = self._lateness.pace(pts_s, now_s, self._scheduler.allowed_s)
        if pace is not None:
            # What is stopped before its first window is whole was decoded for nothing.
            may_stop = whole or self._lateness.behind_s >= LATE_S
            if not self._scheduler.late(self, pace, may_stop=may_stop):
                return False
        if not (packet.is_keyframe or self._scheduler.takes_turns):
            return True
        at_least_s = SUSPICIOUS_S if self._suspicious() else 0.0
        if not whole:
            at_least_s = math.inf
        return self._scheduler.keep(self, decoder.idle, at_least_s)

    def _go_on(
        self, decoder: Decoder, packet: Packet[VideoStream], pts_s: float | None, now_s: float
    ) -> Iterator[DecodedFrame | None]:
        was_idle = decoder.idle
        yield from self._decoded(decoder, packet)
        if self._gave_up:
            self._gave_up = False
            self._stop(now_s - LATE_S)  # it had been at the newest
            yield from self._wait(packet, pts_s, now_s)
        elif was_idle and not decoder.idle:
            self._lateness.excuse()
            self._from_s = None

    def _wait(
        self, packet: Packet[VideoStream], pts_s: float | None, now_s: float
    ) -> Iterator[DecodedFrame | None]:
        """Keep a packet for a turn that may begin with it, or pass over it."""
        if packet.is_keyframe or not self._may_keep(packet, pts_s):
            yield from self._pass_over()
        if pts_s is None:
            return
        if not packet.is_keyframe and not self._kept:
            yield from self._skip(pts_s, now_s)
            return
        self._kept.append(_Kept(packet, pts_s, now_s))
        self._kept_bytes += packet.size
        if now_s - self._waits_s < LATE_S:  # it may not be at the newest yet
            return
        if self._scheduler.start(self):
            yield from self._begin_turn()
        elif packet.is_keyframe and self._is_still(packet, pts_s):
            assert self._begin_idle is not None
            assert self._scene is not None
            self._scheduler.keep(self, idle=True)
            self._forget()
            self._switch_to(self._begin_idle(self._has_time, packet, pts_s, self._scene))

    def _begin_turn(self) -> Iterator[DecodedFrame | None]:
        self._full.flush()
        decoder, kept = self._begin(self._has_time), self._kept.copy()
        self._forget()
        self._switch_to(decoder)
        self._from_s = kept[0].pts_s
        arrived = {one.pts_s: one.arrived_s for one in kept}
        for one in kept:
            for decoded in self._decoded(decoder, one.packet):
                if decoded is None or decoded.pts_s is None:
                    yield decoded
                else:
                    at_s = arrived.get(decoded.pts_s, one.arrived_s)
                    yield replace(decoded, arrived_s=at_s)
        self._lateness.excuse()

    def _may_keep(self, packet: Packet[VideoStream], pts_s: float | None) -> bool:
        return (
            pts_s is not None
            and bool(self._kept)
            and abs(pts_s - self._kept[0].pts_s) <= KEPT_S
            and self._kept_bytes + packet.size <= MAX_BYTES
        )

    def _pass_over(self) -> Iterator[DecodedFrame]:
        """Say of all that was kept that it will not be decoded."""
        kept = self._kept.copy()
        self._forget()
        for one in kept:
            yield from self._skip(one.pts_s, one.arrived_s)

    def _skip(self, pts_s: float, arrived_s: float) -> Iterator[DecodedFrame]:
        if not 0 <= self._given_s - pts_s < LATE_S:
            self._given_s = pts_s
            yield DecodedFrame(pts_s, None, arrived_s, SkipReason.OVERLOAD)

    def _forget(self) -> None:
        self._kept.clear()
        self._kept_bytes = 0

    def _decoded(
        self, decoder: Decoder, packet: Packet[VideoStream]
    ) -> Iterator[DecodedFrame | None]:
        for decoded in decoder.decode(packet):
            if decoded is not None and decoded.pts_s is not None:
                self._given_s = decoded.pts_s
            yield decoded

    def _has_time(self) -> bool:
        """Whether what was kept of an idle scene may be decoded: not if others wait for a turn."""
        self._gave_up = not self._scheduler.has_room()
        return not self._gave_up

    def _stop(self, now_s: float) -> None:
        self._decoder, self._from_s, self._waits_s = None, None, now_s
        self._scene = None if self._begin_idle is None else Stillness()

    def _switch_to(self, decoder: Decoder) -> None:
        self._decoder, self._from_s = decoder, None

    def _is_still(self, key: Packet[VideoStream], pts_s: float) -> bool:
        """Whether the scene has been still for long enough, as far as the key frames show."""
        if self._scene is None:
            return False
        picture = self._full.peek(key)
        if picture is None or self._scene.see_key(pts_s, picture):
            self._scene = None
            return False
        return self._scene.lasted_s(pts_s) >= AFTER_S
