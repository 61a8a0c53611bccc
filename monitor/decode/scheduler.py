"""Which cameras decode where there are more than the cores can hold.

A stream that is read more slowly than it comes falls behind without limit. So as many cameras
decode at a time as keep up with their streams, each for a while and then another; the others only
take their packets in. All of them are watched a part of the time, and none late.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from av import Packet, VideoStream

from monitor.decode.clock_rate import ClockRate
from monitor.decode.decoder import DecodedFrame, Decoder, FullDecoder
from monitor.decode.idle import AFTER_S
from monitor.decode.stillness import Stillness
from monitor.states import SkipReason
from monitor.throttle import LogThrottle

if TYPE_CHECKING:
    # Makes an idle decoder from a key frame, its pts and what is known of the scene.
    BeginIdle = Callable[[Packet[VideoStream], float, Stillness], Decoder]

log = logging.getLogger(__name__)

TURN_S = 8.0  # that a camera decodes before it makes room: several windows, and an alert
# Turns are shorter if all who wait then come on within so long, beside what is lost from one key
# frame to the next; but no shorter than the other: the first window takes two seconds.
ROUND_S, TURN_MIN_S = 5.0, 4.0
LATE_S = 1.0  # behind its stream, and for so long: it does not keep up
GROW_S = 5.0  # without a late camera until one more may decode
# One whose thread waits for packets so much of the time keeps up, whatever its timestamps say, if
# all decoders together are at work for less than so much of the cores' time.
_FREE, _LOADED = 0.2, 0.7
_ROOM = 0.9  # of what the cores can hold: not all scenes cost the same at all times
_DRIFT = 1e-3  # by which a stream's clock may be slower than ours


class DecodeScheduler:
    """Who may decode, among all streams of a process; any thread may ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, cores: float = 1) -> None:
        self._clock = clock
        self._cores = cores
        self._throttle = LogThrottle(log, clock)
        self._lock = threading.Lock()
        self._limit = math.inf
        self._changed_s = -math.inf  # when the limit last changed
        self._decoding: dict[object, float] = {}  # since when
        self._waiting: dict[object, None] = {}  # the longest first
        self._work: dict[object, float] = {}  # seconds of work a second

    @property
    def limit(self) -> float:
        """How many may decode at a time; infinite while all keep up."""
        return self._limit

    def start(self, who: object) -> bool:
        """Whether one that does not decode may begin to; if not, it waits in the queue."""
        with self._lock:
            self._grow()
            self._waiting.setdefault(who)
            ahead = list(self._waiting).index(who)
            if ahead + len(self._decoding) >= self._limit:
                return False
            del self._waiting[who]
            self._decoding[who] = self._clock()
            return True

    def keep(self, who: object, idle: bool) -> bool:
        """Whether one may go on; `idle` says that it costs next to nothing."""
        with self._lock:
            if idle:
                self._decoding.pop(who, None)
                self._waiting.pop(who, None)
                return True
            since_s = self._decoding.setdefault(who, self._clock())
            self._grow()
            crowded = len(self._waiting) > self._limit - len(self._decoding)
            if not crowded or self._clock() - since_s < self._turn_s():
                return True
            self._wait(who)
            return False

    def late(self, who: object, pace: float) -> None:
        """One fell behind, at seconds of stream a second, and stops: from now on fewer decode."""
        with self._lock:
            now_s = self._clock()
            if now_s - self._changed_s >= LATE_S:  # those that fell behind together are one event
                self._limit = max(1, math.floor(_ROOM * pace * len(self._decoding)))
                self._changed_s = now_s
                text = (
                    "the cores cannot decode all cameras that move: they take turns, "
                    f"{self._limit} at a time"
                )
                self._throttle.log(logging.WARNING, "late", text)
            self._wait(who)

    def loaded(self, who: object, work: float) -> bool:
        """Whether the cores are busy; one says how many seconds a second it was at work itself."""
        with self._lock:
            self._work[who] = work
            return sum(self._work.values()) >= _LOADED * self._cores

    def leave(self, who: object) -> None:
        """One is gone."""
        with self._lock:
            self._work.pop(who, None)
            self._decoding.pop(who, None)
            self._waiting.pop(who, None)

    def _turn_s(self) -> float:
        """How long a turn is just now."""
        rounds = len(self._waiting) / max(1, len(self._decoding))
        return min(TURN_S, max(TURN_MIN_S, ROUND_S / rounds)) if rounds else TURN_S

    def _wait(self, who: object) -> None:
        self._decoding.pop(who, None)
        self._waiting.setdefault(who)

    def _grow(self) -> None:
        now_s = self._clock()
        if self._limit < math.inf and now_s - self._changed_s >= GROW_S:
            self._limit += 1
            self._changed_s = now_s
            if self._limit >= len(self._decoding) + len(self._waiting):
                self._limit = math.inf


class ScheduledDecoder:
    """Decodes in its turn, from a key frame on; passes over everything else.

    While it waits it looks at key frames, for as long as nothing moves in them: a scene that turns
    out to be still needs no turn. Of one that moves it looks at two or three each time it waits.
    """

    def __init__(
        self,
        begin: Callable[[], Decoder],
        full: FullDecoder,
        scheduler: DecodeScheduler,
        clock: Callable[[], float] = time.monotonic,
        begin_idle: BeginIdle | None = None,
    ) -> None:
        self._begin = begin  # a decoder that knows nothing yet
        self._full = full
        self._scheduler = scheduler
        self._clock = clock
        self._begin_idle = begin_idle  # None: no scene may be idle
        self._scene: Stillness | None = None  # that is looked at while it waits
        self._decoder: Decoder | None = begin()  # None: another's turn
        self._given_s = -math.inf  # the last stamp
        self._offset_s = math.inf  # of our clock against the stream's, at its soonest
        self._last_s = 0.0  # our clock at the last packet
        self._newest_s = 0.0  # its stamp
        self._done_s = math.inf  # and when all was done with it
        self._began_s = 0.0  # how late it was when it began to be
        self._waited_s = 0.0  # for packets
        self._looked_s = 0.0  # our clock, since when
        self._rate: ClockRate | None = ClockRate()  # None: the stream's clock is wrong
        self._since_s: float | None = None  # it is late, or, where it does not decode, it waits

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
        if self._decoder is not None:
            pace = None
            if packet.is_keyframe or not self._decoder.idle:
                pace = self._pace(pts_s, now_s)
            else:  # it has next to nothing to do: its key frames tell
                self._waited_s += max(0.0, now_s - self._done_s)
            if pace is not None:
                self._scheduler.late(self, pace)
                self._stop(now_s)
            elif packet.is_keyframe and not self._scheduler.keep(self, self._decoder.idle):
                self._stop(now_s)
        elif packet.is_keyframe and self._has_caught_up(now_s):
            if self._scheduler.start(self):
                self._full.flush()
                self._switch_to(self._begin())
            elif pts_s is not None and self._is_still(packet, pts_s):
                assert self._begin_idle is not None
                assert self._scene is not None
                self._scheduler.keep(self, idle=True)
                self._switch_to(self._begin_idle(packet, pts_s, self._scene))
                self._done_s = self._clock()
                return
        if self._decoder is not None:
            was_idle = self._decoder.idle
            for decoded in self._decoder.decode(packet):
                self._note(decoded)
                yield decoded
            if was_idle and not self._decoder.idle:
                # It is late by the time that the frames it had kept took: it may catch up.
                self._offset_s, self._since_s = math.inf, None
        elif pts_s is not None and not 0 <= self._given_s - pts_s < LATE_S:
            self._given_s = pts_s
            yield DecodedFrame(pts_s, None, now_s, SkipReason.OVERLOAD)
        self._done_s = self._clock()

    def finish(self) -> Iterator[DecodedFrame | None]:
        """What the decoder still holds."""
        if self._decoder is not None:
            yield from self._decoder.finish()
            self._stop(self._clock())

    def _note(self, decoded: DecodedFrame | None) -> None:
        if decoded is not None and decoded.pts_s is not None:
            self._given_s = decoded.pts_s

    def _stop(self, now_s: float) -> None:
        if self._decoder is not None:
            self._decoder, self._since_s = None, now_s
            self._scene = None if self._begin_idle is None else Stillness()

    def _switch_to(self, decoder: Decoder) -> None:
        self._decoder, self._since_s, self._offset_s = decoder, None, math.inf

    def _is_still(self, key: Packet[VideoStream], pts_s: float) -> bool:
        """Whether the scene has been still for long enough, as far as the key frames show."""
        if self._scene is None:
            return False
        picture = self._full.peek(key)
        if picture is None or self._scene.see_key(pts_s, picture):
            self._scene = None
            return False
        return self._scene.lasted_s(pts_s) >= AFTER_S

    def _has_caught_up(self, now_s: float) -> bool:
        """Whether it has done nothing but take packets in for long enough to be at the newest."""
        return self._since_s is not None and now_s - self._since_s >= LATE_S

    def _pace(self, pts_s: float | None, now_s: float) -> float | None:
        """Seconds of stream a second, of a decoder that fell behind; None if it keeps up.

        It did if packets have come much later than the soonest one for a while, by their
        timestamps. They also do if the network stalled or the camera's clock is slow, but then
        the thread waits for them; and timestamps may jump. From then on it counts anew.
        """
        if pts_s is None:
            return None
        offset_s = now_s - pts_s
        step_s, self._newest_s = pts_s - self._newest_s, pts_s
        jumped = not -LATE_S <= step_s <= LATE_S + now_s - self._last_s
        if self._keeps_up(pts_s, now_s) or jumped:
            self._offset_s, self._since_s = offset_s, None
        drifted_s = self._offset_s + _DRIFT * (now_s - self._last_s)
        self._offset_s, self._last_s = min(offset_s, drifted_s), now_s
        behind_s = offset_s - self._offset_s
        if behind_s < LATE_S:
            self._since_s = None
            return None
        if self._since_s is None:
            self._since_s, self._began_s = now_s, behind_s
        passed_s = now_s - self._since_s
        if passed_s < LATE_S:
            return None
        return min(1.0, max(0.0, 1 - (behind_s - self._began_s) / passed_s))

    def _keeps_up(self, pts_s: float, now_s: float) -> bool:
        """Whether the thread has time to wait for packets; it is asked at each of them."""
        if self._rate is None:
            return True
        self._waited_s += max(0.0, now_s - self._done_s)
        passed_s = now_s - self._looked_s
        if passed_s < LATE_S:
            if self._rate.wrong(pts_s, now_s):
                self._rate = None  # what it says of time is of no use from here on
            return False
        waited = self._waited_s / passed_s
        self._waited_s, self._looked_s = 0.0, now_s
        if self._scheduler.loaded(self, 1 - waited) or waited < _FREE:
            self._rate.restart()
            return False
        return True
