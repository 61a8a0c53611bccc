"""A lane: what one model needs of a camera, from its windows to its place at a worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from monitor.config.options import CameraOptions
from monitor.display.hub import Update
from monitor.events.alert import AlertMaker
from monitor.health.status import CameraStatus
from monitor.pipeline.worker import Worker, WorkerCamera
from monitor.recognition.metadata import ModelMetadata
from monitor.recognition.models import Classifier
from monitor.recognition.tracker import ActivityTracker
from monitor.records import Captured, Skipped, Window
from monitor.states import Pace, SkipReason
from monitor.windows.buffer import WindowBuffer
from monitor.windows.filter import WindowFilter
from monitor.windows.region_windows import RegionWindows


@dataclass(frozen=True)
class Lane:
    """The windows of one model, and where they go.

    A camera has one for its own model, and one more for a model that is tried out beside it.
    """

    status: CameraStatus  # that counts its windows
    windows: Sequence[RegionWindows]
    submit: Callable[[Captured], Captured | None]  # an older item that was replaced for it
    enter: Callable[[], None] = lambda: None  # its worker gets to know it
    leave: Callable[[], None] = lambda: None  # and forgets it

    def hand_on(self, item: Window | Skipped, *, live: bool) -> None:
        """Submit a window, and count those that are not classified."""
        if isinstance(item, Skipped) and item.reason == SkipReason.OVERLOAD:
            self.status.count_skipped(SkipReason.OVERLOAD)
        replaced = self.submit(item)
        if live:
            if isinstance(replaced, Window):
                self.status.count_skipped(SkipReason.BUSY)
            self.status.capture.measure_stride(isinstance(replaced, Window))


def make_lane(
    camera: CameraOptions,
    pace: Pace,
    classifier: Classifier,
    worker: Worker,
    status: CameraStatus,
    publish: Callable[[Update], object],
    *,
    shadow: bool,
    clock: Callable[[], float] = time.monotonic,
) -> Lane:
    """The lane of a camera for a model; ConfigError if the camera's rules do not suit the model.

    What a `shadow` finds has ids of its own, whichever model it is.
    """
    metadata = classifier.metadata
    worker_camera = WorkerCamera(
        status,
        pace,
        classifier,
        make_trackers(camera, pace, metadata, classifier.sha256, shadow=shadow),
        publish,
        camera.activity.novelty_limit(metadata),
        AlertMaker(classifier.sha256, metadata.name, metadata.clip.span_s, shadow=shadow),
        {region.name: region.bounds for region in camera.region_shapes},
    )
    return Lane(
        status,
        make_windows(camera, metadata, status, clock),
        partial(worker.submit, worker_camera),
        partial(worker.cameras.add, worker_camera),
        partial(worker.cameras.discard, worker_camera),
    )


def make_trackers(
    camera: CameraOptions, pace: Pace, metadata: ModelMetadata, sha256: str, *, shadow: bool = False
) -> dict[str, ActivityTracker]:
    """The trackers of a camera's regions for a model; ConfigError if its rules do not suit it."""
    rules = camera.activity.rules(metadata)
    # A film that is watched again has the same activities; a camera never has.
    began = datetime.now(UTC).isoformat() if pace.live else camera.address.target
    source = f"{sha256} {began}"
    return {
        name: ActivityTracker(
            camera.name,
            rules,
            region=name,
            live=pace.live,
            source=f"{source} shadow" if shadow else source,
        )
        for name in _region_names(camera)
    }


def make_windows(
    camera: CameraOptions,
    metadata: ModelMetadata,
    status: CameraStatus,
    clock: Callable[[], float] = time.monotonic,
) -> list[RegionWindows]:
    """What makes the windows of a camera's regions for a model, and filters them."""
    windows, names = camera.windows, _region_names(camera)
    regions = {region.name: region for region in camera.region_shapes}
    window_filter = WindowFilter(
        status,
        names,
        min_fps=windows.min_fps(metadata.clip),
        check_pictures=windows.quality,
        min_motion=windows.min_motion(metadata),
        clock=clock,
    )
    return [
        RegionWindows(
            WindowBuffer(camera.name, metadata.clip, windows.stride, windows.max_gap_s, name),
            regions.get(name),
            window_filter,
        )
        for name in names
    ]


def _region_names(camera: CameraOptions) -> tuple[str, ...]:
    """Those of its regions; the whole picture has none."""
    return tuple(region.name for region in camera.region_shapes) or ("",)
