"""The classify worker: what becomes of the windows of some cameras."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from monitor.display.view import Update
from monitor.events.dispatcher import Dispatcher
from monitor.health.status import CameraStatus, RegionStatus
from monitor.mailbox import Mailbox
from monitor.recognition.metadata import Contract
from monitor.recognition.tracker import ActivityTracker
from monitor.records import (
    Activity,
    Captured,
    Frame,
    Outputs,
    Prediction,
    Skipped,
    Window,
    camera_key,
)
from monitor.states import EndReason, SkipReason

log = logging.getLogger(__name__)


class Classifier(Protocol):
    """Names the activity in clips: a model file with its contract. Any thread may call it."""

    @property
    def contract(self) -> Contract:
        """What the model says about itself."""

    def classify(self, clips: NDArray[np.uint8], /) -> Outputs:
        """Scores, and novelty where there is one, of clips (N, T, H, W, 3) uint8 RGB."""


@dataclass(frozen=True, eq=False)
class CameraSlot:
    """A camera's end at its worker: what the worker knows of it, and the way there."""

    status: CameraStatus
    trackers: Mapping[str, ActivityTracker]  # by region
    show: Callable[[Frame | Update], None]
    windows: Mailbox[tuple["CameraSlot", Captured]]  # the worker's
    novelty_limit: float  # above it a window is unknown

    def put(self, item: Captured) -> None:
        """Hand on what its capture made, waiting for room: none is lost."""
        self.windows.put(camera_key(item.camera, item.region), (self, item))

    def put_latest(self, item: Captured) -> Captured | None:
        """Hand it on at once; the older one that was dropped for it, None if none was."""
        dropped = self.windows.put_latest(camera_key(item.camera, item.region), (self, item))
        return None if dropped is None else dropped[1]


class Worker:
    """Classifies the windows of some cameras, each in its turn, and tracks their activities.

    A camera's windows all go to one worker, in order: what is tracked of it needs no lock.
    """

    def __init__(
        self,
        classifier: Classifier,
        dispatcher: Dispatcher,
        clock: Callable[[], float] = time.monotonic,
        on_window: Callable[[Prediction | Skipped], None] | None = None,
    ) -> None:
        self.windows: Mailbox[tuple[CameraSlot, Captured]] = Mailbox()
        self.cameras: set[CameraSlot] = set()
        self.busy_since_s: float | None = None  # the clock, while it works on something
        self._classifier = classifier
        self._dispatcher = dispatcher
        self._clock = clock
        self._on_window = on_window  # must not hold the worker up

    def run(self) -> None:
        """Work until the mailbox is closed and empty; then everything that is open ends."""
        try:
            while (item := self.windows.get()) is not None:
                self.busy_since_s = self._clock()
                self._take(*item)
                self.busy_since_s = None
        finally:  # of captures that missed their limit, or in a crash
            for camera in tuple(self.cameras):
                for tracker in camera.trackers.values():
                    self._publish(camera, tracker, tracker.close(EndReason.MONITOR_STOPPED))

    def _take(self, camera: CameraSlot, item: Captured) -> None:
        tracker = camera.trackers[item.region]
        if isinstance(item, Window):
            self._classify(camera, tracker, item)
        elif isinstance(item, Skipped):
            self._skip(camera, tracker, item)
        else:
            self._publish(camera, tracker, tracker.close(item.reason))
            camera.show(Update(item.camera, None, {}, (), region=item.region))

    def _skip(self, camera: CameraSlot, tracker: ActivityTracker, item: Skipped) -> None:
        if self._on_window is not None:
            self._on_window(item)
        events = tracker.skip(item.end_s, item.arrived_s)
        self._publish(camera, tracker, events, unknown=item.reason == SkipReason.UNKNOWN)
        camera.show(
            Update(
                item.camera,
                item.end_s,
                {},
                tracker.open,
                camera.status.fps,
                region=item.region,
                skipped=item.reason,
            )
        )

    def _classify(self, camera: CameraSlot, tracker: ActivityTracker, window: Window) -> None:
        (scores,), novelty = self._classifier.classify(window.clip[np.newaxis])
        if novelty is not None and novelty[0] > camera.novelty_limit:
            camera.status.dropped[SkipReason.UNKNOWN] += 1
            where = window.camera, window.region
            self._skip(
                camera,
                tracker,
                Skipped(*where, window.end_s, window.arrived_s, SkipReason.UNKNOWN),
            )
            return
        labels = self._classifier.contract.labels
        prediction = Prediction(
            camera=window.camera,
            start_s=window.start_s,
            end_s=window.end_s,
            scores=dict(zip(labels, scores.tolist(), strict=True)),
            arrived_s=window.arrived_s,
            region=window.region,
        )
        if self._on_window is not None:
            self._on_window(prediction)
        events = tracker.update(prediction)
        status = camera.status
        status.windows += 1
        status.latency_ms = (self._clock() - window.arrived_s) * 1000
        self._publish(camera, tracker, events, tracker.scores)
        camera.show(
            Update(
                window.camera,
                window.end_s,
                tracker.scores,
                tracker.open,
                status.fps,
                status.latency_ms,
                window.region,
            )
        )

    def _publish(
        self,
        camera: CameraSlot,
        tracker: ActivityTracker,
        events: Sequence[Activity],
        scores: Mapping[str, float] = MappingProxyType({}),
        *,
        unknown: bool = False,
    ) -> None:
        """Say what is new of a region: its smoothed scores, and what started or ended in it."""
        status = camera.status
        status.regions[tracker.region] = RegionStatus(
            scores,
            highest=max(scores.get(label, 0.0) for label in tracker.rules.thresholds),
            open=tuple(activity.label for activity in tracker.open),
            unknown=unknown,
        )
        for activity in events:
            started = activity.end_s is None
            status.activity = activity.title
            status.activity_at = self._clock()
            status.alerts += started
            self._dispatcher.write(activity)
