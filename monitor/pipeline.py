"""The monitor: its threads, what runs on each, and how they stop.

    one capture thread per camera   Source -> a WindowSequence for each region
    a classify worker per core      Classifier -> the region's ActivityTracker -> Sinks
    one closing thread              waits for the captures to end, then closes each mailbox in turn
    the caller's thread             the view, or nothing

Stop enters at the sources and leaves at the sinks: only the capture path looks at the stop event,
and every later stage ends because its input ended.
"""

import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitor.activity import ActivityTracker
from monitor.capture import Capture, Retry
from monitor.config import CameraOptions, MonitorOptions
from monitor.errors import LASTING, MonitorError, SourceError, SourceOpenError
from monitor.gate import Gate
from monitor.mailbox import Mailbox
from monitor.records import Frame, Prediction, Skipped
from monitor.sequence import WindowSequence
from monitor.sinks import Sink
from monitor.source import Source, StreamLimits, make_source
from monitor.source.address import Address
from monitor.source.decoding import Decoding
from monitor.source.turns import Turns
from monitor.status import CameraStatus, RegionStatus
from monitor.view import Update, View
from monitor.windows import WindowBuffer
from monitor.worker import Classifier, Outlet, Watched, Worker

log = logging.getLogger(__name__)

# Seconds that a capture thread has to end once stop is asked for. A read that waits on the network
# cannot be cut short; such a thread holds nothing that could be lost and ends with the process.
STOP_S = 1.5
VIEW_ROOM = 8  # frames and updates of one camera that wait for the view


@dataclass
class _Camera:
    """One camera and its thread."""

    status: CameraStatus
    thread: threading.Thread


class Monitor:
    """Watches cameras with one classifier and hands their activities to the sinks."""

    def __init__(
        self,
        options: MonitorOptions,
        classifier: Classifier,
        sinks: Sequence[Sink],
        view: View | None = None,
        make: Callable[[Address, StreamLimits], Source] = make_source,
        clock: Callable[[], float] = time.monotonic,
        on_window: Callable[[Prediction | Skipped], None] | None = None,
        workers: int | None = None,
    ) -> None:
        self._classifier = classifier
        self._sinks = sinks
        self._view = view
        self._clock = clock
        self._turns = Turns()
        self._stop = threading.Event()
        self._captures_left = len(options.cameras)
        self._ending = threading.Event()  # every capture ended, or stop was asked for
        self._lock = threading.Lock()  # of _captures_left and _failures
        self._failures: list[BaseException] = []
        outlet, limit = Outlet(sinks), options.activity.novelty_limit(classifier.contract)
        self._workers = [
            Worker(classifier, outlet, limit, clock, on_window)
            for _ in range(max(1, min(workers or cores(), len(options.cameras))))
        ]
        self._views: Mailbox[Frame | Update] = Mailbox(VIEW_ROOM)
        self._cameras = {
            camera.name: self._camera(camera, options, make, self._workers[place])
            for place, camera in zip(
                itertools.cycle(range(len(self._workers))), options.cameras, strict=False
            )
        }

    @property
    def cameras(self) -> tuple[CameraStatus, ...]:
        """How each camera does, in the order of the configuration."""
        return tuple(camera.status for camera in self._cameras.values())

    def stop(self) -> None:
        """Ask every stage to end; from a signal handler, from any thread, and twice is fine."""
        self._stop.set()
        self._ending.set()

    def run(self) -> None:
        """Watch until every file has ended, or `stop`; then raise what went wrong first."""
        workers = [
            threading.Thread(target=self._guard, args=(worker,), name=f"classify-{number}")
            for number, worker in enumerate(self._workers)
        ]
        closing = threading.Thread(target=self._close_in_turn, args=(workers,), name="closing")
        for thread in (*workers, closing):
            thread.start()
        for camera in self._cameras.values():
            camera.thread.start()
        try:
            if self._view is not None:
                self._view.run(self._views, self.stop, self._stop.is_set)
        except BaseException as error:
            self._failures.append(error)
            self.stop()
            self._views.close()
        closing.join()  # ends after the captures, each of which has a limit
        for sink in self._sinks:
            try:
                sink.close()
            except MonitorError as error:
                self._failures.append(error)
        for status in self.cameras:
            if status.frames:
                log.info("%s", status.summary)
        if self._failures:
            raise self._failures[0]

    def _camera(
        self,
        camera: CameraOptions,
        options: MonitorOptions,
        make: Callable[[Address, StreamLimits], Source],
        worker: Worker,
    ) -> _Camera:
        address = camera.address
        spec = self._classifier.contract.clip
        stream, windows = options.stream, options.windows
        least_motion = options.least_motion(self._classifier.contract)
        # Where activities may hardly move, a still scene says nothing.
        idle = options.decode.idle and least_motion > 0
        shown = self._view is not None  # whole pictures, and each of them
        decoding = Decoding(
            loop_filter=options.decode.loop_filter or shown,
            idle_max_delay_s=(options.decode.idle_max_delay_s if idle and not shown else None),
            context_s=spec.span_s,
            hardware=options.decode.hardware,
            turns=self._turns if address.live else None,
        )
        limits = StreamLimits(
            stream.transport, stream.ca_file, stream.open_timeout_s, stream.read_timeout_s, decoding
        )
        regions = {region.name: region for region in camera.areas}
        names = tuple(regions) or ("",)
        status = CameraStatus(camera.name, str(address))
        status.regions.update((name, RegionStatus()) for name in names)
        gate = Gate(
            status,
            names,
            min_fps=windows.min_fps_share * spec.fps,
            pictures=windows.quality,
            least_motion=least_motion,
        )
        live = options.is_live(camera)

        # A live view shows the newest frame and holds up neither camera nor worker: frames and
        # updates replace their own kind. A file's video holds every frame, in order: its capture
        # waits for room; the worker does not, for it must not hold up other cameras.
        def show(item: Frame | Update) -> None:
            if live:
                kind = "frame" if isinstance(item, Frame) else f"update {item.region}"
                dropped = self._views.offer(f"{camera.name} {kind}", item)
                status.unshown += isinstance(dropped, Frame)
            elif isinstance(item, Frame):
                self._views.put(camera.name, item)
            else:
                self._views.leave(camera.name, item)

        capture = Capture(
            status,
            lambda: make(address, limits),
            [
                WindowSequence(
                    WindowBuffer(camera.name, spec, windows.stride, windows.max_gap_s, name),
                    regions.get(name),
                    gate,
                )
                for name in names
            ],
            worker.windows,
            file=not address.live,
            realtime=options.realtime,
            retry=Retry(stream.retry_min_s, stream.retry_max_s),
            stop=self._stop,
            on_frame=show if self._view is not None else None,
            on_hopeless=self._give_up_if_all,
            clock=self._clock,
        )
        thread = threading.Thread(
            target=self._capture, args=(capture,), name=f"capture-{camera.name}", daemon=True
        )
        rules = options.activity.rules(self._classifier.contract)
        trackers = {name: ActivityTracker(camera.name, rules, region=name) for name in names}
        worker.add(Watched(status, trackers, show if self._view is not None else lambda item: None))
        return _Camera(status, thread)

    def _capture(self, capture: Capture) -> None:
        try:
            capture.run()
        except SourceError as error:  # this camera alone; the others go on
            if len(self._cameras) > 1:
                log.error("camera %s: %s", capture.name, error)
            with self._lock:
                self._failures.append(error)
        except BaseException as error:
            self._fail(error)
        finally:
            with self._lock:
                self._captures_left -= 1
                if not self._captures_left:
                    self._ending.set()

    def _give_up_if_all(self, error: SourceOpenError) -> None:
        """Fail where no camera at all could be opened and waiting will hardly mend it."""
        if all(status.cause in LASTING and not status.frames for status in self.cameras):
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._failures.append(error)
        self.stop()

    def _guard(self, worker: Worker) -> None:
        try:
            worker.run()
        except BaseException as error:
            self._fail(error)
        finally:
            worker.windows.close()  # wakes a capture that waits to leave a window

    def _close_in_turn(self, workers: Sequence[threading.Thread]) -> None:
        self._ending.wait()  # ended by the last capture, or by stop
        deadline_s = self._clock() + STOP_S
        for camera in self._cameras.values():
            if camera.thread.ident is not None:
                camera.thread.join(max(0.0, deadline_s - self._clock()))
            if camera.thread.is_alive():
                log.info("camera %s: was still reading when it was stopped", camera.status.name)
                camera.status.state = "stopped"
        for worker in self._workers:
            worker.windows.close()
        for thread in workers:
            thread.join()
        self._views.close()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
