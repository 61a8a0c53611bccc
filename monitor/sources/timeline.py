"""A camera's time axis: its frames where its own timestamps put them, held to our clock.

Timestamps say when pictures were taken, which arrival, late and in bursts, does not. But a camera's
clock runs a little fast or slow, and may jump: the axis must neither drift away nor follow.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

from monitor.decode.clock_rate import ClockRate

TimestampMode = Literal["auto", "stream", "arrival"]  # what places the frames of a live camera

# A step of the timestamps that is so much longer than the time that passed is a jump; so is a
# stream that has come so late for two intervals on end.
JUMP_S = 5.0
# The earliest arrival in an interval tells how far the clocks are apart. Delays only come later.
INTERVAL_S = 10.0
# So much is let be: what jitter, a busy machine and a first frame make of it. Steps that are
# changed fall into other slots of a window.
APART_S = 0.5
SLEW = 0.03  # of a step, by which it is made longer or shorter until they agree


@dataclass(frozen=True)
class Placement:
    """Where a frame lies on the axis."""

    time_s: float
    step_s: float  # since the frame before; 0 for the first and after a break
    jump_s: float | None = None  # by how much the timestamps jumped, if they did: time broke
    rate: float | None = None  # of the stream's clock, if it is found to be wrong from here on


class CameraTimeline:
    """Seconds since a camera's first frame, over all of its connections; never a step back.

    The axis of a live camera goes on with the time that passed while nothing came; that of a file
    goes on where it was, and begins where its first frame lies in it. If the clock of a live camera
    runs at a wrong rate, its frames lie where they arrive from then on.
    """

    def __init__(self, live: bool, mode: TimestampMode = "auto") -> None:
        self._live = live
        self._locked = live and mode != "stream"  # to our clock
        self._by_arrival = live and mode == "arrival"
        self._rate = ClockRate()
        self._origin_s: float | None = None  # our clock at the first frame
        self._offset_s = 0.0  # what is added to a stream's own time
        self._connected = False
        self._stamp_s = self._time_s = self._arrived_s = 0.0  # of the frame before
        self._intervals = (math.inf, math.inf)  # offsets by the soonest arrival: the last one, this
        self._interval_since_s = 0.0  # our clock when this one began

    def connect(self) -> None:
        """A new connection: the next frame is its first, and its own time begins anew."""
        self._connected = False

    def place(self, pts_s: float, arrived_s: float) -> Placement:
        """Where a frame lies, by its stream's own time and by our clock when it arrived."""
        if self._origin_s is None:
            self._origin_s = self._arrived_s = arrived_s
            if not self._live:
                self._time_s = pts_s  # not 0, if the file is read from within
        arrived_s = max(arrived_s, self._arrived_s)
        if self._by_arrival:
            pts_s = arrived_s
        if not self._connected:
            self._connected = True
            return self._begin(pts_s, arrived_s, None)
        step_s = pts_s - self._stamp_s
        jump_s = step_s - (arrived_s - self._arrived_s if self._live else 0.0)
        if step_s < 0:
            return self._begin(pts_s, arrived_s, jump_s)
        if self._live:
            ahead_s = self._offset_s - self._apart_s(pts_s, arrived_s)
            if jump_s > JUMP_S and ahead_s > JUMP_S:
                return self._begin(pts_s, arrived_s, jump_s)
        if self._locked:
            if (rate := self._rate.wrong(pts_s, arrived_s)) is not None:
                self._by_arrival = True
                return replace(self._begin(arrived_s, arrived_s, None), rate=rate)
            late_s = self._measure(pts_s, arrived_s) - self._offset_s
            if JUMP_S < late_s < math.inf:
                return self._begin(pts_s, arrived_s, -late_s)
            if APART_S < abs(late_s) < math.inf:
                most_s = SLEW * step_s
                self._offset_s += max(-most_s, min(most_s, late_s - math.copysign(APART_S, late_s)))
        return self._note(pts_s, arrived_s)

    def _apart_s(self, pts_s: float, arrived_s: float) -> float:
        """The offset that puts a frame where it arrived."""
        assert self._origin_s is not None
        return arrived_s - self._origin_s - pts_s

    def _begin(self, pts_s: float, arrived_s: float, jump_s: float | None) -> Placement:
        passed_s = self._apart_s(pts_s, arrived_s) if self._live else -math.inf
        self._offset_s = max(passed_s, self._time_s - pts_s)
        self._intervals, self._interval_since_s = (math.inf, math.inf), arrived_s
        self._rate.restart()
        self._time_s = max(self._time_s, self._offset_s + pts_s)
        return self._note(pts_s, arrived_s, jump_s)

    def _measure(self, pts_s: float, arrived_s: float) -> float:
        """The offset by the soonest arrival of two intervals; infinite before they have passed."""
        before_s, now_s = self._intervals
        if arrived_s - self._interval_since_s >= INTERVAL_S:
            before_s, now_s, self._interval_since_s = now_s, math.inf, arrived_s
        self._intervals = before_s, min(now_s, self._apart_s(pts_s, arrived_s))
        return min(self._intervals) if before_s < math.inf else math.inf

    def _note(self, pts_s: float, arrived_s: float, jump_s: float | None = None) -> Placement:
        time_s = max(self._time_s, self._offset_s + pts_s)  # max: sums are rounded
        placement = Placement(time_s, time_s - self._time_s, jump_s)
        self._stamp_s, self._time_s, self._arrived_s = pts_s, time_s, arrived_s
        return placement
