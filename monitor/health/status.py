"""What is known of each camera."""

import time
from collections import Counter
from collections.abc import Callable, ItemsView, Mapping
from dataclasses import dataclass, field

from monitor.states import NOTHING_MOVES, CameraState, SkipReason

# Seconds without a frame after which a camera that is watched is said to be stalled; a slow one has
# the time of three frames. That it is lost is for its source to say, at the read limit.
STALLED_S = 2.0
# A camera whose frames are decoded for so many windows' spans, and of which nothing is classified
# though something should be, is not watched, whatever the reason.
BLIND_SPANS = 5
WATCHED = (CameraState.LIVE, CameraState.IDLE, CameraState.WAITING)


@dataclass(frozen=True)
class RegionStatus:
    """A region of a camera's picture, or the whole of it, at its newest window."""

    scores: Mapping[str, float] = field(default_factory=dict)  # smoothed; empty: not classified
    highest: float = 0.0  # score of the labels that alert
    open: tuple[str, ...] = ()  # labels of the activities that are open
    unknown: bool = False  # it was too unlike the training clips to be named


@dataclass
class CameraStatus:
    """One camera as it is now.

    Each field, and each cause in `dropped`, is written by one thread and read by any.
    """

    name: str
    source: str  # without credentials
    # As its capture knows, which may wait for a frame: see `shown`.
    state: CameraState = CameraState.CONNECTING
    cause: str = ""  # why it is not live
    fault: str = ""  # why none of its windows is classified
    fps: float | None = None  # real frame rate of the source
    frames: int = 0
    windows: int = 0  # classified
    reconnects: int = 0
    stretch: float = 1.0  # what the stride is multiplied by, where the cores are too few
    dropped: Counter[str] = field(default_factory=Counter)  # windows not classified, by cause
    unshown: int = 0  # frames that came too fast for the view
    regions: dict[str, RegionStatus] = field(default_factory=dict)  # by name; "": the whole picture
    latency_ms: float | None = None  # from the newest frame of a window to its prediction
    activity: str = ""  # the last activity that started or ended: its region and label
    activity_at: float = 0.0  # monotonic seconds, when that was
    alerts: int = 0
    seen_s: float | None = None  # the clock when the newest frame came
    span_s: float = 2.0  # of the model's windows
    good_s: float | None = None  # the clock when nothing kept it from being classified
    clock: Callable[[], float] = time.monotonic

    @property
    def shown(self) -> CameraState:
        """Its state as it looks from outside: stalled where frames are overdue."""
        if self.state not in WATCHED or self.seen_s is None:
            return self.state
        limit_s = max(STALLED_S, 3 / self.fps if self.fps else 0.0)
        return CameraState.STALLED if self.clock() - self.seen_s > limit_s else self.state

    @property
    def blind_s(self) -> float:
        """For how long nothing of it has been classified that should be; 0 if that is not long."""
        if self.shown != CameraState.LIVE or self.good_s is None:
            return 0.0
        passed_s = self.clock() - self.good_s
        return passed_s if passed_s > BLIND_SPANS * self.span_s else 0.0

    @property
    def _dropped(self) -> ItemsView[str, int]:
        """A copy, made at once: a thread may meanwhile count a cause for the first time."""
        return dict(self.dropped).items()

    @property
    def missed(self) -> int:
        """Windows that were not classified though something may have happened in them."""
        return sum(count for cause, count in self._dropped if cause not in NOTHING_MOVES)

    @property
    def foremost(self) -> tuple[str, RegionStatus]:
        """The region that tells most: one with an open activity, else the highest score."""
        return max(self.regions.items(), key=lambda item: (bool(item[1].open), item[1].highest))

    @property
    def summary(self) -> str:
        """What became of it, in a line."""
        counted = ((self.frames, "frame"), (self.windows, "window"), (self.alerts, "alert"))
        counts = ", ".join(_count(number, what) for number, what in counted)
        dropped = ", ".join(
            f"{count} {cause}" if cause in NOTHING_MOVES else f"{count} dropped: {cause}"
            for cause, count in self._dropped
        )
        unshown = (
            f"{_count(self.unshown, 'frame')} came too fast to be drawn" if self.unshown else ""
        )
        return f"camera {self.name}: {self.state}: " + "; ".join(
            part for part in (counts, dropped, unshown) if part
        )

    def measure_stride(self, too_soon: bool) -> None:
        """Take note of a window that is due, and whether the one before was still waiting for it.

        The newest replaces it: under load, windows are further apart, and none is late.
        """
        if too_soon:
            self.dropped[SkipReason.BUSY] += 1
        # Of some twenty windows; as many in a row without a miss, and the stride is its own again.
        missed = 0.9 * (1 - 1 / self.stretch) + 0.1 * too_soon
        self.stretch = 1 / (1 - missed) if missed > 0.05 or too_soon else 1.0

    def measure_fps(self, step_s: float) -> None:
        """Take the time between two frames into the frame rate."""
        if step_s > 0:
            rate = 1 / step_s
            self.fps = rate if self.fps is None else 1 / (0.95 / self.fps + 0.05 * step_s)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
