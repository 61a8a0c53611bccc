"""One camera that is watched: its capture, and its place at a worker."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from monitor.config.options import CameraOptions, MonitorOptions
from monitor.decode.options import Decoding
from monitor.decode.scheduler import DecodeScheduler
from monitor.decode.tap import PacketTap
from monitor.display.hub import Channel, Hub
from monitor.errors import SourceOpenError
from monitor.health.status import CameraStatus
from monitor.pipeline.capture import Capture, Retry
from monitor.pipeline.lane import make_lane
from monitor.pipeline.worker import Worker
from monitor.recognition.metadata import ModelMetadata
from monitor.recognition.models import Classifier
from monitor.records import Frame
from monitor.sources.address import Address
from monitor.sources.source import Source, SourceSettings
from monitor.states import EndReason, Pace
from monitor.windows.clip import ClipSpec

if TYPE_CHECKING:
    from av import VideoFrame

log = logging.getLogger(__name__)

SUSPICIOUS = 0.5  # of a threshold: a camera whose score is as high keeps its turn for longer


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
        shadow: tuple[Classifier, Worker] | None = None,  # a model that is tried out beside it
        make: Callable[[Address, SourceSettings], Source],
        scheduler: DecodeScheduler,
        tap: Callable[[], PacketTap | None],  # asked when it begins to watch
        on_end: Callable[[Camera, BaseException | None], None],  # called by its thread
        on_permanent_failure: Callable[[SourceOpenError], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        camera, pace = settings.camera, settings.pace
        rules = camera.activity.rules(classifier.metadata)

        status = partial(make_status, camera, clock=clock)
        shadow_model = None if shadow is None else shadow[0].metadata
        tried = None if shadow_model is None else status(f"{camera.name}, shadow", shadow_model)
        self.settings = settings
        self.status = status(camera.name, classifier.metadata, shadow=tried)
        self._hub = hub
        self._thresholds = rules.thresholds
        self._alert_s = rules.min_s + 3 * rules.smoothing_s  # until a score of 1 is at 0.95
        self._channel = Channel(camera.name, pace.live, camera.region_shapes, rules.thresholds)
        lane = partial(make_lane, camera, pace, clock=clock)
        publish = partial(hub.publish, self._channel)
        self._lanes = [lane(classifier, worker, self.status, publish, shadow=False)]
        models = [classifier.metadata]
        if shadow is not None and tried is not None:
            self._lanes.append(lane(*shadow, tried, lambda update: None, shadow=True))
            models.append(shadow[0].metadata)
        self.capture = Capture(
            self.status,
            lambda: make(camera.address, self._source_settings(models, scheduler)),
            self._lanes,
            pace=pace,
            retry=Retry(camera.stream.retry_min_s, camera.stream.retry_max_s),
            on_frame=self._show,
            on_end=partial(on_end, self),
            on_permanent_failure=on_permanent_failure,
            stream_clock=camera.stream.clock,
            clock=clock,
        )
        self._make_tap = tap
        self._tap: PacketTap | None = None
        for one in self._lanes:
            one.enter()

    def start(self) -> None:
        """Begin to watch."""
        camera = self.settings.camera
        if camera.address.encrypted and camera.stream.ca_file is None:
            log.warning("%s: no ca_file is set: the certificate is not checked", camera.address)
        self._tap = self._make_tap()
        self.capture.start(self._tap)

    def stop(self, reason: EndReason) -> None:
        """Ask its capture to end; the first reason counts."""
        self.capture.stop(reason)

    def leave(self) -> None:
        """Let worker and hub forget it, once its capture has ended."""
        for lane in self._lanes:
            lane.leave()
        self._hub.close(self._channel)

    def _show(self, frame: Frame) -> bool:
        return self._hub.publish(self._channel, frame)

    def _show_still(self, picture: VideoFrame) -> None:
        """Show a key frame of a scene in which nothing moves, at no time in particular."""
        self._hub.publish(self._channel, Frame(math.nan, picture, camera=self.status.name))

    def _is_suspicious(self) -> bool:
        """Whether its newest windows show an activity, or nearly do."""
        return any(
            region.open
            or any(
                score >= SUSPICIOUS * self._thresholds.get(label, math.inf)
                for label, score in region.scores.items()
            )
            for region in tuple(self.status.worker.regions.values())
        )

    def _source_settings(
        self, models: Sequence[ModelMetadata], scheduler: DecodeScheduler
    ) -> SourceSettings:
        camera = self.settings.camera
        stream, decoding = camera.stream, make_decoding(camera, models)
        looked_at = partial(self._hub.looked_at, camera.name)
        return SourceSettings(
            stream.transport,
            stream.ca_file,
            stream.open_timeout_s,
            stream.read_timeout_s,
            replace(
                decoding,
                loop_filter=decoding.loop_filter or looked_at(),
                scheduler=scheduler if camera.address.live else None,
                tap=self._tap,
                looked_at=looked_at,
                on_still=self._show_still,
                suspicious=self._is_suspicious,
                alert_s=self._alert_s,
            ),
        )


def make_status(
    camera: CameraOptions,
    name: str,
    model: ModelMetadata,
    *,
    shadow: CameraStatus | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> CameraStatus:
    """What counts for a model of a camera, and for one that is tried out beside it."""
    return CameraStatus(
        name,
        str(camera.address),
        regions=[region.name for region in camera.region_shapes] or [""],
        labels=model.alert_labels,
        span_s=model.clip.span_s,
        shadow=shadow,
        clock=clock,
    )


def make_decoding(camera: CameraOptions, models: Sequence[ModelMetadata]) -> Decoding:
    """What of a camera is decoded for these models, if nobody looks at it."""
    decode = camera.decode
    # If activities may hardly move, a still scene says nothing.
    idle = decode.idle and all(camera.windows.min_motion(model) > 0 for model in models)
    return Decoding(
        loop_filter=decode.loop_filter,
        idle_max_delay_s=decode.idle_max_delay_s if idle else None,
        context_s=max(_context_s(model.clip) for model in models),
        turn_s=max(model.clip.span_s for model in models),
        hardware=decode.hardware,
    )


def _context_s(clip: ClipSpec) -> float:
    """How far before a movement its first window begins, at the most.

    That is a frame less than a clip spans, and half a one more for jitter.
    """
    return clip.span_s - 0.5 / clip.fps
