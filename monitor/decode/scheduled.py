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
from monitor.decode.idle import AFTER_S, MAX_BYTES, TELL_S
from monitor.decode.lateness import Lateness
from monitor.decode.scheduler import LATE_S, DecodeScheduler
from monitor.decode.stillness import Stillness
from monitor.states import SkipReason

HasTime = Callable[[], bool]  # whether a decoder may decode what it kept while it was idle

if TYPE_CHECKING:
    # Makes an idle decoder from a key frame, its pts and what is known of the scene.
    BeginIdle = Callable[[HasTime, Packet[VideoStream], float, Stillness], Decoder]

# A look decodes from a key frame on that is a window away, or so much more: if a camera has waited
# for long, it need not wait for such a key frame, too.
MORE_S, LONG_S, MORE_AFTER_LONG_S = 0.5, 8.0, 2.0
VERDICT_S = 0.3  # from the end of a window until it is classified


class _Kept(NamedTuple):
    packet: Packet[VideoStream]
    pts_s: float
    arrived_s: float


class ScheduledDecoder:
    """Decodes in its turn, and passes over everything else.

    While it waits it keeps the packets from a key frame on that is about a window away. A turn
    begins with a look: all of them are decoded at once, and a window is whole. The turn ends when
    that is classified, or later if it may show an activity.

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
        # Whether it may be idle, if its last GOP lasted for so long and had so many packets.
        may_idle: Callable[[float, int], bool] = lambda gop_s, packets: True,
        turn_s: float = 0.0,  # that is seen in a turn at least
        suspicious: Callable[[], bool] = lambda: False,  # whether an activity may be seen just now
        alert_s: float = 0.0,  # that is seen beyond it then
        held_up: Callable[[], float] = waited_for_core,
    ) -> None:
        self._begin = begin  # a decoder that knows nothing yet
        self._full = full
        self._scheduler = scheduler
        self._clock = clock
        self._begin_idle = begin_idle  # None: no scene may be idle
        self._may_idle = may_idle
        self._turn_s = turn_s
        self._suspicious = suspicious
        self._alert_s = alert_s
        self._lateness = Lateness(partial(scheduler.loaded, self), held_up)
        self._decoder: Decoder | None = begin(self._has_time)  # None: another's turn
        self._from_s: float | None = None  # the first stamp of this turn
        self._looking = False  # decodes at once what it kept while it waited
        self._gave_up = False  # what it kept while it was idle, to look at what is new
        self._waits_s = 0.0  # our clock, since when
        self._pause_s = 0.0  # the longest between two packets since then
        self._came_s = clock()  # the last packet
        self._told_s = -math.inf  # our clock when it last said that packets are kept
        self._key_s = -math.inf  # the newest key frame that came while it waits
        self._since_key = 0  # packets, from it on
        self._kept: list[list[_Kept]] = []  # GOPs, each from its key frame on
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
        while self._kept:
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
        if pts_s is not None:
            self._from_s = pts_s if self._from_s is None else min(self._from_s, pts_s)
        pace = self._lateness.pace(pts_s, now_s, self._scheduler.allowed_s)
        if pace is not None:
            # What is stopped before enough was seen was decoded for nothing.
            may_stop = self._lateness.behind_s >= LATE_S or self._saw_enough(pts_s)
            if not self._scheduler.late(self, pace, may_stop=may_stop):
                return False
        if not (packet.is_keyframe or self._scheduler.takes_turns):
            return True
        return self._scheduler.keep(self, decoder.idle, may_stop=self._saw_enough(pts_s))

    def _saw_enough(self, pts_s: float | None) -> bool:
        """Whether all was seen that is to be seen in a turn; without a stamp nobody can tell."""
        if pts_s is None or self._from_s is None:
            return True
        wanted_s = self._turn_s + VERDICT_S + (self._alert_s if self._suspicious() else 0.0)
        return self._given_s - self._from_s >= wanted_s

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
        """Keep a packet for a look that may begin with it, or pass over it."""
        self._pause_s = max(self._pause_s, now_s - self._came_s)
        self._came_s = now_s
        if pts_s is None and self._kept:  # what is kept is to be whole
            pts_s = self._kept[-1][-1].pts_s
        if pts_s is None:
            return
        while self._kept and self._is_outdated(pts_s, now_s):
            yield from self._pass_over()
        gop_s, packets = pts_s - self._key_s, self._since_key
        self._since_key += 1
        if packet.is_keyframe:
            self._key_s, self._since_key = pts_s, 1
            self._kept.append([])
        elif not self._kept:
            yield from self._skip(pts_s, now_s)
            return
        self._kept[-1].append(_Kept(packet, pts_s, now_s))
        self._kept_bytes += packet.size
        if now_s - self._told_s >= TELL_S:
            self._told_s = now_s
            yield None
        if now_s - self._waits_s < LATE_S:  # it may not be at the newest yet
            return
        if self._shows_window(pts_s, now_s) and self._scheduler.start(self, self._pause_s):
            self._looking = True
            try:
                yield from self._begin_turn()
            finally:
                self._looking = False
                self._scheduler.looked(self)
        elif packet.is_keyframe and self._is_still(packet, pts_s, gop_s, packets):
            assert self._begin_idle is not None
            assert self._scene is not None
            self._scheduler.keep(self, idle=True)
            while len(self._kept) > 1:
                yield from self._pass_over()
            self._forget()  # the key frame: the idle decoder tells of it
            self._switch_to(self._begin_idle(self._has_time, packet, pts_s, self._scene))

    def _begin_turn(self) -> Iterator[DecodedFrame | None]:
        self._full.flush()
        decoder, kept = self._begin(self._has_time), [one for gop in self._kept for one in gop]
        self._forget()
        self._switch_to(decoder)
        # What came before the newest window is decoded for what follows alone.
        self._from_s = max(kept[0].pts_s, kept[-1].pts_s - self._turn_s)
        arrived = {one.pts_s: one.arrived_s for one in reversed(kept)}  # the first of each stamp
        for one in kept:
            for decoded in self._decoded(decoder, one.packet):
                if decoded is None or decoded.pts_s is None:
                    yield decoded
                    continue
                at_s = arrived.get(decoded.pts_s, one.arrived_s)
                if decoded.picture is not None and decoded.pts_s < self._from_s:
                    yield DecodedFrame(decoded.pts_s, None, at_s, SkipReason.OVERLOAD)
                else:
                    yield replace(decoded, arrived_s=at_s)
        self._lateness.excuse()

    def _shows_window(self, pts_s: float, now_s: float) -> bool:
        """Whether what is kept holds a window, or all that may be kept."""
        age_s = _age_s(self._kept[0][0], pts_s, now_s)
        return age_s >= self._turn_s or self._kept_bytes > MAX_BYTES / 2

    def _is_outdated(self, pts_s: float, now_s: float) -> bool:
        """Whether no look will begin with the first packet, now that this one has come."""
        if len(self._kept) > 1 and pts_s - self._kept[1][0].pts_s >= self._turn_s:
            return True  # a later key frame is a window away, too
        first = self._kept[0][0]
        more_s = MORE_S if now_s - self._waits_s < LONG_S else MORE_AFTER_LONG_S
        return (
            _age_s(first, pts_s, now_s) > self._turn_s + more_s
            or pts_s < first.pts_s - LATE_S
            or self._kept_bytes > MAX_BYTES
        )

    def _pass_over(self) -> Iterator[DecodedFrame]:
        """Say of the oldest GOP that was kept that it will not be decoded."""
        passed = self._kept.pop(0)
        self._kept_bytes -= sum(one.packet.size for one in passed)
        for one in passed:
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
        self._gave_up = not (self._looking or self._scheduler.has_room())
        return not self._gave_up

    def _stop(self, now_s: float) -> None:
        self._decoder, self._from_s, self._waits_s = None, None, now_s
        self._pause_s, self._came_s = 0.0, self._clock()
        self._key_s, self._since_key = -math.inf, 0
        self._scene = None if self._begin_idle is None else Stillness()

    def _switch_to(self, decoder: Decoder) -> None:
        self._decoder, self._from_s = decoder, None

    def _is_still(self, key: Packet[VideoStream], pts_s: float, gop_s: float, packets: int) -> bool:
        """Whether the scene has been still for long enough, as far as the key frames show.

        What cannot be idle would only lose its place among those that wait.
        """
        if self._scene is None:
            return False
        if math.isfinite(gop_s) and not self._may_idle(gop_s, packets):
            self._scene.reset()
            return False
        picture = self._full.peek(key)
        if picture is None or self._scene.see_key(pts_s, picture):
            self._scene = None
            return False
        return self._scene.lasted_s(pts_s) >= AFTER_S


def _age_s(one: _Kept, pts_s: float, now_s: float) -> float:
    """How old a packet is; timestamps may advance too slowly, or not at all."""
    return max(pts_s - one.pts_s, now_s - one.arrived_s)
