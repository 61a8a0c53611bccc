"""The time of a stream's frames."""

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

# So many frames in a row without a timestamp that moves are no accident.
USELESS = 25


class FrameTimes:
    """Seconds since a stream's first frame: by its own timestamps while they move, else the clock.

    A step back is passed on: what to do about it is for who uses the times.
    """

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self._name = name
        self._clock = clock
        self._trusted = True
        self._origin_s: float | None = None  # of the stream's timestamps, or of the clock
        self._stamp: float | None = None  # of the frame before
        self._time_s = 0.0  # the last time that was given
        self._useless = 0

    def distrust(self) -> None:
        """Go by the clock from the next frame on."""
        self._trusted, self._origin_s = False, None

    def of(self, stamp: float | None) -> float | None:
        """The time of the next frame, by its timestamp in seconds; None where it has none."""
        if not self._trusted:
            now_s = self._clock()
            if self._origin_s is None:
                self._origin_s = now_s - self._time_s
            self._time_s = now_s - self._origin_s
            return self._time_s
        if self._origin_s is None:
            # RTSP counts from its first packet, and gives that one no timestamp.
            stamp = 0.0 if stamp is None else stamp
            self._origin_s = stamp
        elif stamp is None or stamp == self._stamp:
            self._useless += 1
            if self._useless < USELESS:
                return None
            log.warning("%s: its timestamps do not move: going by the clock", self._name)
            self.distrust()
            return self.of(None)
        self._useless = 0
        self._stamp = stamp
        self._time_s = stamp - self._origin_s
        return self._time_s
