"""The classify worker: what becomes of the windows of some cameras."""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from monitor.core_time import CoreTime
from monitor.display.hub import Update
from monitor.events.alert import AlertMaker
from monitor.events.dispatcher import Dispatcher
from monitor.health.status import CameraStatus, RegionStatus
from monitor.mailbox import Mailbox
from monitor.recognition.models import Classifier
from monitor.recognition.tracker import ActivityTracker
from monitor.records import (
    Activity,
    Captured,
    PictureBox,
    Prediction,
    Skipped,
    StreamEnd,
    Window,
    WorkerStatus,
)
from monitor.states import EndReason, Pace, SkipReason

LATE_S = 0.15  # from a window's newest frame until it is classified


@dataclass(frozen=True, eq=False)
class WorkerCamera:
    """A camera as its worker knows it."""

    status: CameraStatus
    pace: Pace
    classifier: Classifier
    trackers: Mapping[str, ActivityTracker]  # by region
    publish: Callable[[Update], object]
    novelty_limit: float  # above it a window is unknown
    alerts: AlertMaker
    bounds: Mapping[str, PictureBox]  # of the regions, in the picture


class _Key(NamedTuple):
    """Tells whose windows replace one another."""

    shadow: bool
    camera: str
    region: str


class Worker:
    """Classifies the windows of some cameras, each in its turn, and tracks their activities.

    A camera's windows of one model all go to one worker, in order: what is tracked of it needs no
    lock. Those of shadows are taken only if no others wait.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        clock: Callable[[], float] = time.monotonic,
        on_window: Callable[[Prediction | Skipped], None] | None = None,
        # Called if windows are late because it waits for a core.
        on_starved: Callable[[], None] = lambda: None,
    ) -> None:
        self.cameras: set[WorkerCamera] = set()
        self._busy_since_s: float | None = None  # the clock, while it works on something
        self._captured: Mailbox[tuple[WorkerCamera, Captured]] = Mailbox(last=_is_of_a_shadow)
        self._dispatcher = dispatcher
        self._clock = clock
        self._on_window = on_window  # must not hold the worker up
        self._on_starved = on_starved
        self._late = False  # whether a window was, lately

    def submit(self, camera: WorkerCamera, item: Captured) -> Captured | None:
        """Take what a capture made; an older item that was dropped for it, None if none was.

        A file's capture waits for room. A camera's never does: its newest window replaces the one
        that waits. The end of a stream is few, and waits for nothing.
        """
        key, entry = _Key(camera.alerts.shadow, item.camera, item.region), (camera, item)
        if isinstance(item, StreamEnd):
            self._captured.put_nowait(key, entry)
        elif camera.pace.live:
            dropped = self._captured.put_latest(key, entry)
            return None if dropped is None else dropped[1]
        else:
            self._captured.put(key, entry)
        return None

    @property
    def status(self) -> WorkerStatus:
        """How it does; any thread may ask."""
        since_s = self._busy_since_s
        busy_s = 0.0 if since_s is None else self._clock() - since_s
        return WorkerStatus(self._captured.size, busy_s)

    def close(self) -> None:
        """Let `run` end once it has worked on everything; wakes captures that wait for room."""
        self._captured.close()

    def run(self) -> None:
        """Work until the mailbox is closed and empty; then everything that is open ends."""
        cores = CoreTime()
        try:
            while (item := self._captured.get()) is not None:
                self._busy_since_s = self._clock()
                self._take(*item)
                self._busy_since_s = None
                if (starved := cores.starved()) is not None:
                    if starved and self._late:
                        self._on_starved()
                    self._late = False
        finally:  # of captures that missed their limit, or in a crash
            for camera in tuple(self.cameras):
                for tracker in camera.trackers.values():
                    self._publish(camera, tracker, tracker.close(EndReason.MONITOR_STOPPED))

    def _take(self, camera: WorkerCamera, item: Captured) -> None:
        tracker = camera.trackers[item.region]
        if isinstance(item, Window):
            self._classify(camera, tracker, item)
        elif isinstance(item, Skipped):
            self._skip(camera, tracker, item)
        else:
            self._publish(camera, tracker, tracker.close(item.reason))
            camera.publish(Update(item.camera, None, {}, (), region=item.region))

    def _skip(self, camera: WorkerCamera, tracker: ActivityTracker, item: Skipped) -> None:
        if self._on_window is not None and not camera.alerts.shadow:
            self._on_window(item)
        changes = tracker.skip(item.end_s, item.arrived_s)
        self._publish(camera, tracker, changes, unknown=item.reason == SkipReason.UNKNOWN)
        camera.publish(
            Update(
                item.camera,
                item.end_s,
                {},
                tracker.open,
                camera.status.capture.fps,
                region=item.region,
                skipped=item.reason,
            )
        )

    def _classify(self, camera: WorkerCamera, tracker: ActivityTracker, window: Window) -> None:
        counters, began_s = camera.status.worker, self._clock()
        prediction, novelty = predict(camera.classifier, window, camera.bounds.get(window.region))
        counters.histograms.inference_s.add(self._clock() - began_s)
        if novelty is not None and novelty > camera.novelty_limit:
            counters.unknown += 1
            where = window.camera, window.region
            self._skip(
                camera,
                tracker,
                Skipped(*where, window.end_s, window.arrived_s, SkipReason.UNKNOWN),
            )
            return
        if self._on_window is not None and not camera.alerts.shadow:
            self._on_window(prediction)
        changes = tracker.update(prediction, window)
        latency_s = self._clock() - window.arrived_s
        self._late = self._late or latency_s > LATE_S
        counters.windows += 1
        counters.latency_ms = latency_s * 1000
        counters.histograms.take(latency_s, tracker.smoothed_scores)
        self._publish(camera, tracker, changes, tracker.smoothed_scores)
        camera.publish(
            Update(
                window.camera,
                window.end_s,
                tracker.smoothed_scores,
                tracker.open,
                camera.status.capture.fps,
                counters.latency_ms,
                window.region,
                box=prediction.box,
            )
        )

    def _publish(
        self,
        camera: WorkerCamera,
        tracker: ActivityTracker,
        changes: Sequence[Activity],
        scores: Mapping[str, float] = MappingProxyType({}),
        *,
        unknown: bool = False,
    ) -> None:
        """Say what is new of a region: its smoothed scores, and what started or ended in it."""
        camera.status.show(
            tracker.region,
            RegionStatus(
                dict(scores),
                highest=max(scores.get(label, 0.0) for label in tracker.rules.thresholds),
                open=tuple(activity.label for activity in tracker.open),
                unknown=unknown,
            ),
        )
        counters = camera.status.worker
        for activity in changes:
            counters.activity = activity.title
            counters.activity_at_s = self._clock()
            alert = camera.alerts.make(activity)
            if alert.event == "start":
                camera.status.count_alert(alert.label)
                if alert.latency_ms is not None:
                    counters.histograms.alert_latency_s.add(alert.latency_ms / 1000)
            self._dispatcher.write(alert, activity.window)


def predict(
    classifier: Classifier, window: Window, bounds: PictureBox | None
) -> tuple[Prediction, float | None]:
    """What a model says of a window of a region with these bounds, and its novelty if it tells."""
    (scores,), novelty, boxes = classifier.classify(window.clip[np.newaxis])
    prediction = Prediction(
        camera=window.camera,
        start_s=window.start_s,
        end_s=window.end_s,
        scores=dict(zip(classifier.metadata.labels, scores.tolist(), strict=True)),
        arrived_s=window.arrived_s,
        region=window.region,
        box=_within(bounds, boxes[0]) if boxes else None,
    )
    return prediction, None if novelty is None else float(novelty[0])


def _is_of_a_shadow(key: Hashable) -> bool:
    return isinstance(key, _Key) and key.shadow


def _within(bounds: PictureBox | None, part: PictureBox | None) -> PictureBox | None:
    """A part of a region as a part of the picture; None if it is all of what is watched."""
    if part is None or bounds is None:
        return part
    left, top, right, bottom = bounds
    wide, high = right - left, bottom - top
    return (
        left + part[0] * wide,
        top + part[1] * high,
        left + part[2] * wide,
        top + part[3] * high,
    )
