"""What is known of each camera: what its stages count, and a snapshot of all of it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from monitor.health.histogram import WindowHistograms
from monitor.names import how_many
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


@dataclass(frozen=True)
class CameraSnapshot:
    """A camera at one moment: for the table, the health file and programs."""

    name: str
    source: str  # without credentials
    state: CameraState = CameraState.CONNECTING
    cause: str = ""  # why it is not watched
    fault: str = ""  # why none of its windows is classified
    blind_s: float = 0.0  # for how long nothing was classified that should be; 0: not long
    fps: float | None = None  # real frame rate of the source
    frames: int = 0
    passed_over: int = 0  # of these frames: not decoded
    cpu_s: float = 0.0  # of the cores' time, that its capture took
    windows: int = 0  # classified
    dropped: Counter[str] = field(default_factory=Counter)  # windows not classified, by cause
    unshown: int = 0  # frames that came too fast for the view
    reconnects: int = 0
    stretch: float = 1.0  # what the stride is multiplied by, because the cores are too few
    latency_ms: float | None = None  # from the newest frame of a window to its prediction
    alerts: int = 0
    alerts_by_label: Mapping[str, int] = field(default_factory=dict)
    histograms: WindowHistograms = field(default_factory=WindowHistograms)
    regions: Mapping[str, RegionStatus] = field(default_factory=dict)  # "": the whole picture
    activity: str = ""  # the last activity that started or ended: its region and label
    activity_ago_s: float = 0.0
    shadow: CameraSnapshot | None = None  # the windows of a model that is tried out beside its own

    @property
    def watched(self) -> bool:
        """Whether its frames are looked at as they come."""
        return self.state in WATCHED

    @property
    def missed(self) -> int:
        """Windows that were not classified though something may have happened in them."""
        return sum(count for cause, count in self.dropped.items() if cause not in NOTHING_MOVES)

    @property
    def foremost(self) -> tuple[str, RegionStatus]:
        """The region that tells most: one with an open activity, else the highest score."""
        return max(self.regions.items(), key=lambda item: (bool(item[1].open), item[1].highest))

    @property
    def summary(self) -> str:
        """What became of it, in a line."""
        counted = ((self.frames, "frame"), (self.windows, "window"), (self.alerts, "alert"))
        counts = ", ".join(how_many(number, what) for number, what in counted)
        dropped = ", ".join(
            f"{count} {cause}" if cause in NOTHING_MOVES else f"{count} dropped: {cause}"
            for cause, count in self.dropped.items()
        )
        unshown = (
            f"{how_many(self.unshown, 'frame')} came too fast to be drawn" if self.unshown else ""
        )
        shadow = ""
        if (tried := self.shadow) is not None:
            found = how_many(tried.windows, "window"), how_many(tried.alerts, "event")
            shadow = f"its shadow: {', '.join(found)}"
        return f"camera {self.name}: {self.state}: " + "; ".join(
            part for part in (counts, dropped, unshown, shadow) if part
        )


@dataclass
class CaptureCounters:
    """What the capture thread of a camera knows; it alone writes here."""

    state: CameraState = CameraState.CONNECTING
    cause: str = ""
    fault: str = ""
    fps: float | None = None
    frames: int = 0
    passed_over: int = 0
    cpu_s: float = 0.0
    reconnects: int = 0
    stretch: float = 1.0
    unshown: int = 0
    frame_at_s: float | None = None  # the clock when the newest frame came
    classifiable_at_s: float | None = None  # the clock when nothing kept it from being classified
    dropped: Counter[SkipReason] = field(default_factory=Counter)

    def measure_stride(self, too_soon: bool) -> None:
        """Take note of a window that is due, and whether the one before was still waiting for it.

        The newest replaces it: under load, windows are further apart, and none is late.
        """
        # Of some twenty windows; as many in a row without a miss, and the stride is its own again.
        missed = 0.9 * (1 - 1 / self.stretch) + 0.1 * too_soon
        self.stretch = 1 / (1 - missed) if missed > 0.05 or too_soon else 1.0

    def measure_fps(self, step_s: float) -> None:
        """Take the time between two frames into the frame rate."""
        if step_s > 0:
            rate = 1 / step_s
            self.fps = rate if self.fps is None else 1 / (0.95 / self.fps + 0.05 * step_s)


@dataclass
class WorkerCounters:
    """What the worker of a camera knows; it alone writes here."""

    windows: int = 0
    latency_ms: float | None = None
    alerts: Counter[str] = field(default_factory=Counter)  # started, by label
    histograms: WindowHistograms = field(default_factory=WindowHistograms)
    regions: dict[str, RegionStatus] = field(default_factory=dict)
    activity: str = ""
    activity_at_s: float = 0.0  # the clock
    unknown: int = 0  # windows too unlike the training clips to be named


class CameraStatus:
    """What the stages of one camera count: each writes its own part, and any thread may ask."""

    def __init__(
        self,
        name: str,
        source: str,
        *,
        regions: Iterable[str] = ("",),
        labels: Iterable[str] = (),  # that its model alerts of
        span_s: float = 2.0,  # of the model's windows
        shadow: CameraStatus | None = None,  # counts for a model that is tried out beside its own
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.source = source  # without credentials
        self.capture = CaptureCounters()
        labels = tuple(labels)
        self.worker = WorkerCounters(
            alerts=Counter(dict.fromkeys(labels, 0)),
            histograms=WindowHistograms.of(labels),
            regions={region: RegionStatus() for region in regions},
        )
        self._span_s = span_s
        self._shadow = shadow
        self._clock = clock
        self._lock = threading.Lock()

    def count_skipped(self, reason: SkipReason) -> None:
        """Count a window that its capture does not hand on."""
        with self._lock:  # a snapshot may be at these counts
            self.capture.dropped[reason] += 1

    def count_alert(self, label: str) -> None:
        """Count an activity that started."""
        with self._lock:
            self.worker.alerts[label] += 1

    def show(self, region: str, status: RegionStatus) -> None:
        """Take what its worker found in the newest window of a region."""
        with self._lock:
            self.worker.regions[region] = status

    @property
    def blind_s(self) -> float:
        """For how long nothing was classified that should be; 0 if that is not long."""
        at_s, now_s = self.capture.classifiable_at_s, self._clock()
        if at_s is None or self._state(now_s) != CameraState.LIVE:
            return 0.0
        return now_s - at_s if now_s - at_s > BLIND_SPANS * self._span_s else 0.0

    def snapshot(self) -> CameraSnapshot:
        """All of it at this moment."""
        with self._lock:
            dropped = Counter[str](self.capture.dropped)
            regions = dict(self.worker.regions)
            alerts = dict(self.worker.alerts)
        if self.worker.unknown:
            dropped[SkipReason.UNKNOWN] = self.worker.unknown
        capture, worker, now_s = self.capture, self.worker, self._clock()
        return CameraSnapshot(
            name=self.name,
            source=self.source,
            state=self._state(now_s),
            cause=capture.cause,
            fault=capture.fault,
            blind_s=self.blind_s,
            fps=capture.fps,
            frames=capture.frames,
            passed_over=capture.passed_over,
            cpu_s=capture.cpu_s,
            windows=worker.windows,
            dropped=dropped,
            unshown=capture.unshown,
            reconnects=capture.reconnects,
            stretch=capture.stretch,
            latency_ms=worker.latency_ms,
            alerts=sum(alerts.values()),
            alerts_by_label=alerts,
            histograms=worker.histograms.copy(),
            regions=regions,
            activity=worker.activity,
            activity_ago_s=now_s - worker.activity_at_s,
            shadow=None if self._shadow is None else self._shadow.snapshot(),
        )

    def _state(self, now_s: float) -> CameraState:
        """Its state as it looks from outside: stalled if frames are overdue.

        Its capture cannot say so: it waits for the frame.
        """
        capture = self.capture
        if capture.state not in WATCHED or capture.frame_at_s is None:
            return capture.state
        limit_s = max(STALLED_S, 3 / capture.fps if capture.fps else 0.0)
        return CameraState.STALLED if now_s - capture.frame_at_s > limit_s else capture.state
