"""One camera that is watched: what it was set up with, its thread, and its end at a worker."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from monitor.config.options import (
    ActivityOptions,
    CameraOptions,
    DecodeOptions,
    MonitorOptions,
    WindowOptions,
)
from monitor.decode.options import Decoding
from monitor.decode.scheduler import DecodeScheduler
from monitor.display.view import Update
from monitor.errors import SourceOpenError
from monitor.health.status import CameraStatus, RegionStatus
from monitor.pipeline.capture import Capture, Retry, Stop
from monitor.pipeline.worker import CameraSlot, Worker
from monitor.recognition.metadata import Contract
from monitor.recognition.tracker import ActivityTracker
from monitor.records import Frame, StreamEnd, camera_key
from monitor.sources.address import Address
from monitor.sources.source import Source, StreamLimits
from monitor.states import EndReason
from monitor.windows.buffer import WindowBuffer
from monitor.windows.clip import ClipSpec
from monitor.windows.filter import WindowFilter
from monitor.windows.sequence import RegionSampler

log = logging.getLogger(__name__)

Show = Callable[[CameraStatus, Frame | Update], None]


@dataclass(frozen=True)
class CameraSettings:
    """Everything that one camera is watched by: equal ones need no new start."""

    camera: CameraOptions
    windows: WindowOptions
    activity: ActivityOptions
    decode: DecodeOptions
    realtime: bool

    @classmethod
    def of(cls, options: MonitorOptions) -> dict[str, CameraSettings]:
        """Those of every camera, by its name, in the order of the configuration."""
        shared = options.windows, options.activity, options.decode
        return {camera.name: cls(camera, *shared, options.realtime) for camera in options.cameras}

    @property
    def live(self) -> bool:
        """Whether the newest frame counts, and not every one."""
        return self.realtime or self.camera.address.live


class Camera:
    """A camera with its thread, which is started once."""

    def __init__(
        self,
        settings: CameraSettings,
        contract: Contract,
        worker: Worker,
        *,
        make: Callable[[Address, StreamLimits], Source],
        scheduler: DecodeScheduler,
        show: Show | None,  # None: nobody looks
        run: Callable[[Camera], None],  # the body of its thread
        on_permanent_failure: Callable[[SourceOpenError], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        address = settings.camera.address
        regions = {region.name: region for region in settings.camera.areas}
        names = tuple(regions) or ("",)
        self.status = status = CameraStatus(
            settings.camera.name, str(address), span_s=contract.clip.span_s, clock=clock
        )
        status.regions.update((name, RegionStatus()) for name in names)
        rules = settings.activity.rules(contract)
        self._worker = worker
        self._slot = CameraSlot(
            status,
            {
                name: ActivityTracker(status.name, rules, region=name, live=settings.live)
                for name in names
            },
            (lambda item: None) if show is None else (lambda item: show(status, item)),
            worker.windows,
            settings.activity.novelty_limit(contract),
        )
        limits = _limits(settings, contract, scheduler, shown=show is not None)
        windows, stream, spec = settings.windows, settings.camera.stream, contract.clip
        window_filter = WindowFilter(
            status,
            names,
            min_fps=windows.min_fps(spec),
            pictures=windows.quality,
            min_motion=windows.min_motion(contract),
        )
        self._stop = Stop()
        self.capture = Capture(
            status,
            lambda: make(address, limits),
            [
                RegionSampler(
                    WindowBuffer(status.name, spec, windows.stride, windows.max_gap_s, name),
                    regions.get(name),
                    window_filter,
                )
                for name in names
            ],
            self._slot,
            file=not address.live,
            realtime=settings.realtime,
            retry=Retry(stream.retry_min_s, stream.retry_max_s),
            stop=self._stop,
            on_frame=None if show is None else (lambda frame: show(status, frame)),
            on_permanent_failure=on_permanent_failure,
            stream_clock=stream.clock,
            clock=clock,
        )
        self._thread = threading.Thread(
            target=run, args=(self,), name=f"capture-{status.name}", daemon=True
        )
        worker.cameras.add(self._slot)

    def start(self) -> None:
        """Begin to watch."""
        address = self.settings.camera.address
        if address.encrypted and self.settings.camera.stream.ca_file is None:
            log.warning("%s: no ca_file is set: the certificate is not checked", address)
        self._thread.start()

    def stop(self, reason: EndReason) -> None:
        """Ask its thread to end."""
        self._stop.set(reason)

    def join(self, limit_s: float) -> bool:
        """Wait for its thread; whether it ended in time, or was never started."""
        if self._thread.ident is not None:
            self._thread.join(limit_s)
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """End what is open of it, where its thread does not end; it leaves when that does."""
        for region in self._slot.trackers:
            end = StreamEnd(self.status.name, region, self._stop.reason)
            self._worker.windows.put_nowait(camera_key(end.camera, region), (self._slot, end))

    def leave(self) -> None:
        """Let its worker forget it, once its thread has ended and its windows are classified."""
        self._worker.cameras.discard(self._slot)


def _context_s(clip: ClipSpec) -> float:
    """How far before a movement its first window begins, at the most.

    That is a frame less than a clip spans, and half a one more for jitter.
    """
    return clip.span_s - 0.5 / clip.fps


def _limits(
    settings: CameraSettings, contract: Contract, scheduler: DecodeScheduler, *, shown: bool
) -> StreamLimits:
    stream, decode = settings.camera.stream, settings.decode
    # Where activities may hardly move, a still scene says nothing; who looks, looks at everything.
    idle = decode.idle and settings.windows.min_motion(contract) > 0 and not shown
    return StreamLimits(
        stream.transport,
        stream.ca_file,
        stream.open_timeout_s,
        stream.read_timeout_s,
        Decoding(
            loop_filter=decode.loop_filter or shown,
            idle_max_delay_s=decode.idle_max_delay_s if idle else None,
            context_s=_context_s(contract.clip),
            hardware=decode.hardware,
            scheduler=scheduler if settings.camera.address.live else None,
        ),
    )
