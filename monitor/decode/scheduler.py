"""Which cameras decode where there are more than the cores can hold.

A stream that is read more slowly than it comes falls behind without limit. So as many cameras
decode at a time as keep up with their streams; the others only take their packets in, and keep the
newest ones. They take turns. A turn begins with a look, which decodes at once all that a window
needs; there are as many looks at a time as cores. So no core is idle while a camera waits, and all
cameras are watched a part of the time, and none late.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable

from monitor.decode.look_places import LookPlaces
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

TURN_S = 8.0  # that a camera decodes before it makes room: several windows, and an alert
# After it asked for a look, one can still look: packets come as far apart. Of a slow camera, or one
# that sends several at once, they come further apart: by its pauses up to so long, and jitter.
READY_S, PAUSE_S, _JITTER = 0.25, 1.0, 1.5
# Turns are shorter if all who wait then come on within so long. If one waits for longer, and there
# was no place for a look for a while, fewer may go on after theirs.
ROUND_S, IN_VAIN_S = 5.0, 0.1
# Behind its stream, and for so long: it does not keep up. Less if cameras take turns: those that
# have theirs are to be on time.
LATE_S, LATE_IN_TURN_S = 1.0, 0.3
GROW_S = 5.0  # without a late camera until one more may decode
_LOADED = 0.7  # of the cores' time, at which all decoders together are at work
_PACE_MIN = 0.8  # of one that is late in its turn
_ROOM = 0.9  # of what the cores can hold: not all scenes cost the same at all times


class DecodeScheduler:
    """Who may decode, among all streams of a process; any thread may ask."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        cores: float = 1,
        places: LookPlaces | None = None,  # None: one for each core
    ) -> None:
        self._clock = clock
        self._places = places or LookPlaces(math.ceil(cores), clock=clock)
        self._cores = cores
        self._throttle = LogThrottle(log, clock)
        self._lock = threading.Lock()
        self._limit = math.inf
        self._changed_s = -math.inf  # when the limit last changed
        self._too_many = False  # go on after their looks: those of others need all of the cores
        # When one first asked in vain for a look, and last, since one was given.
        self._asked_s = self._refused_s = -1.0
        self._decoding: dict[object, float] = {}  # since when
        self._waiting: dict[object, float] = {}  # since when
        self._looking: dict[object, int] = {}  # at which place
        self._work: dict[object, float] = {}  # seconds of work a second

    @property
    def limit(self) -> float:
        """How many may decode at a time; infinite while all keep up."""
        return self._limit

    @property
    def takes_turns(self) -> bool:
        """Whether not all may decode."""
        return self._limit < math.inf

    @property
    def allowed_s(self) -> float:
        """By how much one may be behind its stream."""
        return LATE_IN_TURN_S if self.takes_turns else LATE_S

    def has_room(self) -> bool:
        """Whether one more may decode, and nobody waits for it."""
        with self._lock:
            self._grow()
            return len(self._decoding) + len(self._waiting) < self._limit

    def start(self, who: object, pause_s: float = 0.0) -> bool:
        """Whether one that does not decode may look, and begin its turn; if not, it waits.

        Its packets come so far apart at times. It tells with `looked` that it has looked.
        """
        with self._lock:
            self._grow()
            now_s = self._clock()
            since_s = self._waiting.setdefault(who, now_s)
            ready_s = max(READY_S, _JITTER * min(pause_s, PAUSE_S))
            if (place := self._places.take(since_s, ready_s)) is None:
                if now_s - self._refused_s > READY_S:  # nobody has asked for a while
                    self._asked_s = now_s
                self._refused_s = now_s
                return False
            self._looking[who] = place
            in_vain_s = self._refused_s - self._asked_s
            self._too_many = now_s - since_s >= ROUND_S and in_vain_s >= IN_VAIN_S
            self._asked_s = self._refused_s = -1.0
            if self._too_many and self.takes_turns and now_s - self._changed_s >= LATE_S:
                self._limit, self._changed_s = max(1, self._limit - 1), now_s
            del self._waiting[who]
            self._decoding[who] = now_s
            return True

    def looked(self, who: object) -> None:
        """One has looked."""
        with self._lock:
            self._end_look(who)

    def keep(self, who: object, idle: bool, *, may_stop: bool = True) -> bool:
        """Whether one may go on; `idle` says that it costs next to nothing."""
        with self._lock:
            if idle:
                self._decoding.pop(who, None)
                self._waiting.pop(who, None)
                return True
            since_s = self._decoding.setdefault(who, self._clock())
            self._grow()
            crowded = len(self._waiting) > self._limit - len(self._decoding)
            if not crowded or not may_stop or self._clock() - since_s < self._turn_s():
                return True
            self._wait(who)
            return False

    def late(self, who: object, pace: float, *, may_stop: bool = True) -> bool:
        """One fell behind, at seconds of stream a second: from now on fewer decode.

        Whether it goes on: as many of those that fell behind together do as may, and catch up. One
        that may not stop yet does.
        """
        with self._lock:
            now_s = self._clock()
            took_turns = self.takes_turns
            if now_s - self._changed_s >= LATE_S:  # one event until they have caught up
                if took_turns:
                    pace = max(pace, _PACE_MIN)  # it had something to do at once
                self._lower(pace * len(self._decoding), now_s)
                text = (
                    "the cores cannot decode all cameras that move: they take turns, "
                    f"{self._limit} at a time"
                )
                self._throttle.log(logging.WARNING, "late", text)
            elif who in self._decoding and len(self._decoding) <= self._limit:
                return True
            if took_turns and not may_stop:
                return True
            self._wait(who)
            return False

    def crowded(self) -> None:
        """What is decoded cannot be classified in time: if cameras take turns, fewer decode."""
        with self._lock:
            now_s = self._clock()
            if self.takes_turns and now_s - self._changed_s >= LATE_S:
                self._lower(min(self._limit, len(self._decoding)), now_s)

    def loaded(self, who: object, work: float) -> bool:
        """Whether the cores are busy; one says how many seconds a second it was at work itself."""
        with self._lock:
            self._work[who] = work
            return sum(self._work.values()) >= _LOADED * self._cores

    def leave(self, who: object) -> None:
        """One is gone."""
        with self._lock:
            self._end_look(who)
            self._work.pop(who, None)
            self._decoding.pop(who, None)
            self._waiting.pop(who, None)

    def _turn_s(self) -> float:
        """How long a turn is just now."""
        if len(self._decoding) > self._limit:
            return 0.0
        rounds = len(self._waiting) / self._limit
        return min(TURN_S, ROUND_S / rounds) if rounds else TURN_S

    def _end_look(self, who: object) -> None:
        place = self._looking.pop(who, None)
        if place is not None:
            self._places.free(place)

    def _lower(self, fit: float, now_s: float) -> None:
        """Let somewhat fewer decode than fit."""
        self._limit, self._changed_s = max(1, math.floor(_ROOM * fit)), now_s

    def _wait(self, who: object) -> None:
        self._decoding.pop(who, None)
        self._waiting.setdefault(who, self._clock())

    def _grow(self) -> None:
        now_s = self._clock()
        if not self.takes_turns or now_s - self._changed_s < GROW_S:
            return
        if not self._too_many:
            self._limit += 1
            self._changed_s = now_s
            if self._limit >= len(self._decoding) + len(self._waiting):
                self._limit = math.inf
