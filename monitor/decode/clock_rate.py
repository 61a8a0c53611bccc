"""How fast a camera's clock runs, beside ours."""

import math

# The earliest arrival in an interval tells how far the clocks are apart. Delays only come later.
INTERVAL_S = 3.0
# Clocks that part by more than this share of an interval run at different rates, if they do so for
# INTERVALS intervals and are FAR_S apart by then: a network whose delay grows is not that far off.
WRONG = 0.03
INTERVALS = 3
FAR_S = 1.5
# Faster streams are no camera's: recorded video that is sent as fast as it can be read.
FASTEST = 3.0


class ClockRate:
    """Finds out whether a stream's timestamps advance at another rate than they arrive at."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget what was measured: the timestamps jumped."""
        self._began_s: float | None = None  # this interval, by our clock
        self._soonest_s = math.inf
        self._before_s: float | None = None  # the soonest of the interval before
        self._apart_s = self._passed_s = 0.0  # of intervals in a row that part in one direction
        self._intervals = 0

    def wrong(self, pts_s: float, arrived_s: float) -> float | None:
        """Seconds of the stream a second of ours, if that is proved to be wrong by this frame."""
        if self._began_s is None:
            self._began_s = arrived_s
        passed_s = arrived_s - self._began_s
        if passed_s >= INTERVAL_S:
            if self._before_s is not None:
                self._add(self._soonest_s - self._before_s, passed_s)
            self._before_s, self._soonest_s = self._soonest_s, math.inf
            self._began_s = arrived_s
        self._soonest_s = min(self._soonest_s, arrived_s - pts_s)
        if self._intervals < INTERVALS or abs(self._apart_s) < FAR_S:
            return None
        rate = 1 - self._apart_s / self._passed_s
        return rate if rate <= FASTEST else None

    def _add(self, apart_s: float, passed_s: float) -> None:
        if apart_s * self._apart_s < 0 or abs(apart_s) < WRONG * passed_s:
            self._apart_s = self._passed_s = 0.0
            self._intervals = 0
        if abs(apart_s) >= WRONG * passed_s:
            self._apart_s += apart_s
            self._passed_s += passed_s
            self._intervals += 1
