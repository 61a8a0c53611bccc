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
    metadata, windows = classifier.metadata, camera.windows
    spec = metadata.clip
    rules = camera.activity.rules(metadata)
    regions = {region.name: region for region in camera.region_shapes}
    names = tuple(regions) or ("",)
    # A film that is watched again has the same activities; a camera never has.
    began = datetime.now(UTC).isoformat() if pace.live else camera.address.target
    source = f"{classifier.sha256} {began}"
    worker_camera = WorkerCamera(
        status,
        pace,
        classifier,
        {
            name: ActivityTracker(
                camera.name,
                rules,
                region=name,
                live=pace.live,
                source=f"{source} shadow" if shadow else source,
            )
            for name in names
        },
        publish,
        camera.activity.novelty_limit(metadata),
        AlertMaker(classifier.sha256, metadata.name, spec.span_s, shadow=shadow),
        {name: region.bounds for name, region in regions.items()},
    )
    window_filter = WindowFilter(
        status,
        names,
        min_fps=windows.min_fps(spec),
        check_pictures=windows.quality,
        min_motion=windows.min_motion(metadata),
        clock=clock,
    )
    return Lane(
        status,
        [
            RegionWindows(
                WindowBuffer(camera.name, spec, windows.stride, windows.max_gap_s, name),
                regions.get(name),
                window_filter,
            )
            for name in names
        ],
        partial(worker.submit, worker_camera),
        partial(worker.cameras.add, worker_camera),
        partial(worker.cameras.discard, worker_camera),
    )
