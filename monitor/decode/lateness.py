"""How far a thread is behind the stream that it reads."""

from __future__ import annotations

import math
from collections.abc import Callable

from monitor.decode.clock_rate import ClockRate

LOOK_S = 1.0  # from one look to the next at how much of the time it waits for packets
CATCHES_UP = 1.1  # at so many seconds of stream a second it is soon on time
_JUMP_S = 1.0  # timestamps that step back or ahead by more tell nothing of time
# One that waits for packets so much of the time keeps up, whatever their timestamps say.
_FREE = 0.2
# By which a stream may come later each second: its clock may be slower than ours. If nothing is
# done with it, what it comes later by is the network's, unless the cores are too busy even so.
_DRIFT, _DRIFT_AT_REST = 1e-3, 0.05


class Lateness:
    """Measures it by the packets' timestamps; of the thread that reads them.

    A thread is behind if packets come much later than the soonest one, by their timestamps. They
    also do if the network stalled or the camera's clock is slow, but then the thread waits for
    them; and timestamps may jump. From then on it counts anew.
    """

    def __init__(
        self,
        # Told how many seconds a second the thread is at work; whether the cores are busy. If they
        # are, the thread may seem to wait for packets, and waits for other threads.
        is_loaded: Callable[[float], bool],
        held_up: Callable[[], float],  # seconds that it has waited for a core so far
    ) -> None:
        self.behind_s = 0.0  # the last packet
        self._is_loaded = is_loaded
        self._held_up = held_up
        self._held_s = 0.0  # what that was at the last look
        self._offset_s = math.inf  # of our clock against the stream's, at its soonest
        self._last_s = 0.0  # our clock at the last packet
        self._newest_s = 0.0  # its stamp
        self._done_s = math.inf  # and when all was done with it
        self._since_s: float | None = None  # since when it is behind
        self._began_s = 0.0  # how far it was then
        self._waited_s = 0.0  # for packets
        self._looked_s = 0.0  # our clock, since when
        self._rate: ClockRate | None = ClockRate()  # None: the stream's clock is wrong

    def pace(self, pts_s: float | None, now_s: float, allowed_s: float) -> float | None:
        """Take a packet in: seconds of stream a second, if the thread fell behind; else None.

        It did if it was behind by more than is allowed, and for as long.
        """
        if pts_s is None:
            return None
        behind_s = self.behind_s = self.see(pts_s, now_s, _DRIFT)
        if behind_s < allowed_s:
            self._since_s = None
            return None
        if self._since_s is None:
            self._since_s, self._began_s = now_s, behind_s
        passed_s = now_s - self._since_s
        if passed_s < allowed_s:
            return None
        pace = 1 - (behind_s - self._began_s) / passed_s
        return None if pace > CATCHES_UP else min(1.0, max(0.0, pace))

    def see(self, pts_s: float, now_s: float, drift: float = _DRIFT_AT_REST) -> float:
        """Take a packet in; the seconds that it is later than the soonest."""
        offset_s = now_s - pts_s
        step_s, self._newest_s = pts_s - self._newest_s, pts_s
        jumped = not -_JUMP_S <= step_s <= _JUMP_S + now_s - self._last_s
        if self._keeps_up(pts_s, now_s) or jumped:
            self._offset_s, self._since_s = offset_s, None
        drifted_s = self._offset_s + drift * (now_s - self._last_s)
        self._offset_s, self._last_s = min(offset_s, drifted_s), now_s
        return offset_s - self._offset_s

    def wait(self, now_s: float) -> None:
        """Take in a packet that tells nothing: next to nothing is done with it."""
        self._waited_s += max(0.0, now_s - self._done_s)

    def done(self, now_s: float) -> None:
        """All is done with the packet."""
        self._done_s = now_s

    def excuse(self) -> None:
        """It had much to do at once, and may catch up."""
        self._since_s = None

    def _keeps_up(self, pts_s: float, now_s: float) -> bool:
        """Whether the thread has time to wait for packets; it is asked at each of them."""
        if self._rate is None:
            return True
        self.wait(now_s)
        passed_s = now_s - self._looked_s
        if passed_s < LOOK_S:
            if self._rate.wrong(pts_s, now_s):
                self._rate = None  # what it says of time is of no use from here on
            return False
        before_s, self._held_s = self._held_s, self._held_up()
        waited = max(0.0, self._waited_s - (self._held_s - before_s)) / passed_s
        self._waited_s, self._looked_s = 0.0, now_s
        if self._is_loaded(1 - waited) or waited < _FREE:
            self._rate.restart()
            return False
        return True
