"""The times of a stream's frames: its own timestamps, put in order."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

USELESS = 25  # frames in a row without a usable timestamp are no accident
# A step forward that is so much longer than the time that passed is doubted until other frames
# confirm it; so is a step back.
LONG_S = 5.0
CONFIRMED = 3  # frames in a row
# A step back of at most so much is disorder: the frame gets the time of the newest one.
DISORDER_S = 1.0
# A disorder that lasts so long is a clock that was set back: time goes on from there.
SETTLED_S = 0.2


@dataclass
class _Doubt:
    """Frames in a row whose timestamps go on from each other, but not from those before."""

    first_s: float
    last_s: float
    step_s: float  # from the newest frame to the first of them
    count: int = 1

    def goes_on(self, pts_s: float) -> bool:
        """Whether a timestamp follows theirs."""
        return 0 < pts_s - self.last_s <= max(LONG_S, 2 * self.step_s)


class TimestampRepair:
    """Seconds since a stream's first frame: by its own timestamps, or by a clock if they fail.

    A frame that is a little out of order gets the time of the newest one. A frame whose timestamp
    is far from all others is passed over. If other frames confirm a jump or a step back, it is
    passed on: what to do about it is for who uses the times.
    """

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self._name = name
        self._clock = clock
        self._throttle = LogThrottle(log)
        self._trusted = True
        self._origin_s: float | None = None  # of the stream's timestamps, or of the clock
        self._stamp_s = 0.0  # the newest
        self._step_s = 0.0  # to it, from the one before
        self._time_s = 0.0  # the last time that was given
        self._now_s = 0.0  # the clock when the last frame came
        self._useless = 0
        self._doubt: _Doubt | None = None

    def distrust(self) -> None:
        """Go by the clock from the next frame on."""
        self._trusted, self._origin_s = False, None

    def resume(self, origin_s: float, last_s: float) -> None:
        """Go on behind a frame of this time, where the stream's first frame has this timestamp."""
        self._origin_s, self._time_s = origin_s, last_s
        self._stamp_s = origin_s + last_s

    def of(self, pts_s: float | None) -> float | None:
        """The time of the next frame, by its timestamp in seconds; None if it has no place."""
        if not self._trusted:
            return self._by_clock()
        before_s, self._now_s = self._now_s, self._clock()
        if self._origin_s is None:
            # RTSP counts from its first packet, and gives that one no timestamp.
            self._origin_s = self._stamp_s = pts_s or 0.0
            return 0.0
        step_s = 0.0 if pts_s is None else pts_s - self._stamp_s
        if pts_s is not None and 0 < step_s <= max(
            LONG_S + self._now_s - before_s, 3 * self._step_s
        ):
            return self._go_on(pts_s, step_s)
        self._useless += 1
        if self._useless >= USELESS:
            log.warning("%s: its timestamps cannot be used: going by the clock", self._name)
            self.distrust()
            return self._by_clock()
        if pts_s is None:
            return None
        return self._time_s if step_s == 0 else self._doubtful(pts_s, step_s)

    def _by_clock(self) -> float:
        now_s = self._clock()
        if self._origin_s is None:
            self._origin_s = now_s - self._time_s
        self._time_s = now_s - self._origin_s
        return self._time_s

    def _go_on(self, pts_s: float, step_s: float) -> float:
        assert self._origin_s is not None
        self._stamp_s, self._step_s = pts_s, step_s
        self._useless, self._doubt = 0, None
        self._time_s = pts_s - self._origin_s
        return self._time_s

    def _doubtful(self, pts_s: float, step_s: float) -> float | None:
        doubt = self._doubt
        if doubt is None or not doubt.goes_on(pts_s):
            doubt = self._doubt = _Doubt(pts_s, pts_s, step_s)
            follows_s = 0.0
        else:
            follows_s, doubt.last_s = pts_s - doubt.last_s, pts_s
            doubt.count += 1
        disorder = -DISORDER_S <= step_s < 0
        lasts = doubt.count >= CONFIRMED
        if disorder and lasts and pts_s - doubt.first_s >= SETTLED_S:
            self._origin_s = pts_s - follows_s - self._time_s
            return self._go_on(pts_s, follows_s)
        if disorder:
            self._say(
                logging.INFO, f"its timestamps step back by {-1000 * step_s:.2g} ms now and then"
            )
            return self._time_s
        if lasts:
            return self._go_on(pts_s, follows_s)
        if doubt.count == 1:
            self._say(logging.WARNING, f"a timestamp is {step_s:.1f} s off: passed over")
        return None

    def _say(self, level: int, text: str) -> None:
        self._throttle.log(level, logging.getLevelName(level), f"{self._name}: {text}")
