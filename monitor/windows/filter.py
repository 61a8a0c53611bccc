"""Which windows of a camera are classified, and how it is said that some are not."""

import logging
import time
from collections.abc import Callable, Sequence

from monitor.health.status import CameraStatus
from monitor.records import Window
from monitor.states import SkipReason
from monitor.throttle import LogThrottle
from monitor.windows.motion import motion
from monitor.windows.quality import picture_fault

log = logging.getLogger(__name__)

# A scene may be so quiet that a window of it is still, though none of the 488 windows of streets
# and corridors that quality.py was measured on is. After so long a whole picture is said to be
# frozen; a region may well be quiet all night.
FROZEN_S = 60.0
# Windows must be good for so long before a fault is over: one that comes and goes is said once.
RECOVERED_S = 5.0
# An episode like earlier ones may be but counted; of one that goes on for so long there is a line.
LASTING_S = 600.0

_WORDS: dict[SkipReason, str] = {
    SkipReason.BLACK: "its picture is black",
    SkipReason.BLANK: "its picture is blank",
    SkipReason.BLURRED: "its picture is blurred",
    SkipReason.FROZEN: f"its picture has been the same for {FROZEN_S:g} s",
}


class WindowFilter:
    """Finds what is wrong with the windows of a camera, counts it, and logs it once an episode.

    Episodes that come again and again are logged in ever fewer lines, by the camera's own time.

    A window in which less moves than in any activity of the model is passed over, too, which is no
    fault. What is wrong with every region at once is wrong with the camera: only that is logged and
    shown as its state, for a region may well see nothing but a dark corner.
    """

    def __init__(
        self,
        status: CameraStatus,
        regions: Sequence[str],
        *,
        min_fps: float,
        check_pictures: bool,
        min_motion: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._status = status
        self._counters = status.capture
        self._clock = clock
        self._min_fps = min_fps
        self._min_motion = min_motion  # grey levels, as monitor.windows.motion measures
        self._check_pictures = (
            check_pictures  # whether pictures are judged, and not only their times
        )
        self._faults: dict[str, SkipReason | None] = dict.fromkeys(regions)
        self._still_since_s: float | None = None
        self._episode: set[SkipReason] = set()  # faults that were logged and are not over
        self._fault_s = self._episode_since_s = (
            0.0  # when the camera last had one, and when they began
        )
        self._long = False  # whether it was said of this episode that it goes on
        self._now_s = 0.0
        self._throttle = LogThrottle(log, lambda: self._now_s)

    def skip_reason(self, window: Window) -> SkipReason | None:
        """Why a window is not to be classified; None if it is."""
        fault = self._find(window)
        if fault is not None:
            self._status.count_skipped(fault)
        words = "" if fault is None else self._words(fault, window)
        self._tell(window.region, fault, words, window.end_s)
        return fault

    def note_gap(self, region: str, pause_s: float, time_s: float) -> SkipReason:
        """Take note of a pause between frames that no window spans; it ended at `time_s`."""
        words = f"no frame came for {pause_s:.1f} s: windows start afresh"
        self._tell(region, SkipReason.GAPS, words, time_s)
        return SkipReason.GAPS

    def _find(self, window: Window) -> SkipReason | None:
        if window.fps < self._min_fps:
            return SkipReason.SLOW_SOURCE if window.usual_fps < self._min_fps else SkipReason.GAPS
        fault = picture_fault(window.clip, not window.region) if self._check_pictures else None
        if fault != SkipReason.STILL or window.region:
            self._still_since_s = None
            if fault is None and motion(window.clip) < self._min_motion:
                return SkipReason.QUIET
            return fault
        if self._still_since_s is None:
            self._still_since_s = window.start_s
        return (
            SkipReason.FROZEN
            if window.end_s - self._still_since_s >= FROZEN_S
            else SkipReason.STILL
        )

    def _tell(self, region: str, fault: SkipReason | None, words: str, time_s: float) -> None:
        self._faults[region] = fault
        self._now_s = time_s
        # The camera shows something somewhere, be it that nothing moves there.
        if shown := {None, SkipReason.QUIET}.intersection(self._faults.values()):
            self._counters.classifiable_at_s = self._clock()
            self._counters.fault = "" if None in shown else SkipReason.QUIET
            if self._episode and time_s - self._fault_s >= RECOVERED_S:
                self._episode.clear()
                self._say(logging.INFO, "again", "its windows are classified again")
            return
        assert fault is not None
        self._counters.fault, self._fault_s = fault, time_s
        if fault == SkipReason.STILL:
            self._counters.classifiable_at_s = self._clock()
            return
        if not self._episode:
            self._episode_since_s, self._long = time_s, False
        if fault not in self._episode:
            self._episode.add(fault)
            self._say(logging.WARNING, fault, words)
        elif not self._long and time_s - self._episode_since_s >= LASTING_S:
            self._long = True
            words = f"none of its windows was classified for {LASTING_S:.0f} s: {words}"
            log.warning("camera %s: %s", self._status.name, words)

    def _say(self, level: int, kind: str, words: str) -> None:
        self._throttle.log(level, kind, f"camera {self._status.name}: {words}")

    def _words(self, fault: SkipReason, window: Window) -> str:
        if fault == SkipReason.SLOW_SOURCE:
            return (
                f"{window.fps:.1f} frames a second reach the model, it needs at least "
                f"{self._min_fps:.1f}: such windows are not classified"
            )
        if fault == SkipReason.GAPS:
            return (
                f"{window.missing} frames are missing from {window.end_s - window.start_s:.1f} s: "
                "such windows are not classified"
            )
        return f"{_WORDS.get(fault, fault)}: nothing is classified until it changes"
