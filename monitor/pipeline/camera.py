"""One camera that is watched: its capture, and its place at a worker."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from monitor.config.options import CameraOptions, MonitorOptions
from monitor.decode.options import Decoding
from monitor.decode.scheduler import DecodeScheduler
from monitor.decode.tap import PacketTap
from monitor.display.hub import Channel, Hub
from monitor.errors import SourceOpenError
from monitor.events.alert import AlertMaker
from monitor.health.status import CameraStatus
from monitor.pipeline.capture import Capture, Retry
from monitor.pipeline.worker import Worker, WorkerCamera
from monitor.recognition.metadata import ModelMetadata
from monitor.recognition.models import Classifier
from monitor.recognition.tracker import ActivityTracker
from monitor.records import Frame
from monitor.sources.address import Address
from monitor.sources.source import Source, SourceSettings
from monitor.states import EndReason, Pace
from monitor.windows.buffer import WindowBuffer
from monitor.windows.clip import ClipSpec
from monitor.windows.filter import WindowFilter
from monitor.windows.region_windows import RegionWindows

if TYPE_CHECKING:
    from av import VideoFrame

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CameraSettings:
    """Everything that one camera is watched by: equal ones need no new start."""

    camera: CameraOptions
    pace: Pace

    @classmethod
    def of(cls, options: MonitorOptions) -> dict[str, CameraSettings]:
        """Those of every camera, by its name, in the order of the configuration."""
        return {camera.name: cls(camera, options.pace(camera)) for camera in options.cameras}


class Camera:
    """A camera that is set up to be watched, once."""

    def __init__(
        self,
        settings: CameraSettings,
        classifier: Classifier,
        worker: Worker,
        hub: Hub,
        *,
        make: Callable[[Address, SourceSettings], Source],
        scheduler: DecodeScheduler,
        tap: PacketTap | None,
        on_end: Callable[[Camera, BaseException | None], None],  # called by its thread
        on_permanent_failure: Callable[[SourceOpenError], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        camera, metadata = settings.camera, classifier.metadata
        rules = camera.activity.rules(metadata)
        regions = {region.name: region for region in camera.region_shapes}
        names = tuple(regions) or ("",)
        spec = metadata.clip
        self.settings = settings
        self.status = CameraStatus(
            camera.name, str(camera.address), regions=names, span_s=spec.span_s, clock=clock
        )
        self._hub = hub
        self._worker = worker
        self._channel = Channel(
            camera.name, settings.pace.live, tuple(regions.values()), rules.thresholds
        )
        # A film that is watched again has the same activities; a camera never has.
        began = datetime.now(UTC).isoformat() if settings.pace.live else camera.address.target
        self._worker_camera = WorkerCamera(
            self.status,
            settings.pace,
            classifier,
            {
                name: ActivityTracker(
                    camera.name,
                    rules,
                    region=name,
                    live=settings.pace.live,
                    source=f"{classifier.sha256} {began}",
                )
                for name in names
            },
            partial(hub.publish, self._channel),
            camera.activity.novelty_limit(metadata),
            AlertMaker(classifier.sha256, metadata.name, spec.span_s),
            {name: region.bounds for name, region in regions.items()},
        )
        window_filter = WindowFilter(
            self.status,
            names,
            min_fps=camera.windows.min_fps(spec),
            check_pictures=camera.windows.quality,
            min_motion=camera.windows.min_motion(metadata),
            clock=clock,
        )
        windows, stream = camera.windows, camera.stream
        self.capture = Capture(
            self.status,
            lambda: make(camera.address, self._source_settings(metadata, scheduler, tap)),
            [
                RegionWindows(
                    WindowBuffer(camera.name, spec, windows.stride, windows.max_gap_s, name),
                    regions.get(name),
                    window_filter,
                )
                for name in names
            ],
            partial(worker.submit, self._worker_camera),
            pace=settings.pace,
            retry=Retry(stream.retry_min_s, stream.retry_max_s),
            on_frame=self._show,
            on_end=partial(on_end, self),
            on_permanent_failure=on_permanent_failure,
            stream_clock=stream.clock,
            tap=tap,
            clock=clock,
        )
        worker.cameras.add(self._worker_camera)

    def start(self) -> None:
        """Begin to watch."""
        camera = self.settings.camera
        if camera.address.encrypted and camera.stream.ca_file is None:
            log.warning("%s: no ca_file is set: the certificate is not checked", camera.address)
        self.capture.start()

    def stop(self, reason: EndReason) -> None:
        """Ask its capture to end; the first reason counts."""
        self.capture.stop(reason)

    def leave(self) -> None:
        """Let worker and hub forget it, once its capture has ended."""
        self._worker.cameras.discard(self._worker_camera)
        self._hub.close(self._channel)

    def _show(self, frame: Frame) -> bool:
        return self._hub.publish(self._channel, frame)

    def _show_still(self, picture: VideoFrame) -> None:
        """Show a key frame of a scene in which nothing moves, at no time in particular."""
        self._hub.publish(self._channel, Frame(math.nan, picture, camera=self.status.name))

    def _source_settings(
        self, metadata: ModelMetadata, scheduler: DecodeScheduler, tap: PacketTap | None
    ) -> SourceSettings:
        camera = self.settings.camera
        stream, decode = camera.stream, camera.decode
        looked_at = partial(self._hub.looked_at, camera.name)
        # If activities may hardly move, a still scene says nothing.
        idle = decode.idle and camera.windows.min_motion(metadata) > 0
        return SourceSettings(
            stream.transport,
            stream.ca_file,
            stream.open_timeout_s,
            stream.read_timeout_s,
            Decoding(
                loop_filter=decode.loop_filter or looked_at(),
                idle_max_delay_s=decode.idle_max_delay_s if idle else None,
                context_s=_context_s(metadata.clip),
                hardware=decode.hardware,
                scheduler=scheduler if camera.address.live else None,
                tap=tap,
                looked_at=looked_at,
                on_still=self._show_still,
            ),
        )


def _context_s(clip: ClipSpec) -> float:
    """How far before a movement its first window begins, at the most.

    That is a frame less than a clip spans, and half a one more for jitter.
    """
    return clip.span_s - 0.5 / clip.fps
