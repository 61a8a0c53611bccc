"""The monitor: its threads, what runs on each, and how they stop.

    one capture thread per camera   Source -> a RegionWindows for each region and model
    a classify worker per core      Classifier -> the region's ActivityTracker -> Dispatcher
    a thread for each sink          takes alerts as activities start and end
    one heartbeat thread            every second: supervisors are told
    one closing thread              waits for the captures to end, then closes each mailbox in turn
    the caller's thread             the view, or nothing

Stop enters at the sources and leaves at the sinks: the capture path and the view look at it,
and workers and sinks end because their input ended.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from math import ceil

from monitor.config.options import CameraOptions, MonitorOptions
from monitor.decode.look_places import LookPlaces
from monitor.decode.scheduler import DecodeScheduler
from monitor.decode.tap import PacketTap
from monitor.display.hub import Hub
from monitor.display.view import View
from monitor.errors import ConfigError, MonitorError, SourceError, SourceOpenError
from monitor.events.alert import AlertEvent
from monitor.events.dispatcher import Dispatcher
from monitor.events.feed import Feed
from monitor.events.sink import Sink
from monitor.health.status import CameraSnapshot
from monitor.pipeline.camera import Camera, CameraSettings
from monitor.pipeline.worker import Worker
from monitor.recognition.models import Classifier, Models
from monitor.records import Prediction, SinkStatus, Skipped, WorkerStatus
from monitor.sources.address import Address
from monitor.sources.make import make_source
from monitor.sources.source import Source, SourceSettings
from monitor.states import PERMANENT, CameraState, EndReason

log = logging.getLogger(__name__)

# Seconds that a capture thread has to end once stop is asked for. A read that waits on the network
# cannot be cut short; such a thread holds nothing that could be lost and ends with the process.
STOP_S = 1.5
# What is told every second: the cameras, the sinks, and for how long a window was worked on.
Beat = Callable[[Sequence[CameraSnapshot], Sequence[SinkStatus], float], None]
BEAT_S = 1.0
# Python takes signals when its main thread runs. The system may give one to another thread, which
# does not wake that.
SIGNAL_S = 0.5


class Monitor:
    """Watches cameras and hands alerts to the sinks.

    `run` watches until every file has ended, or `stop`. A loop over a monitor does the same on a
    thread of its own, and gives each alert as an activity starts and as it ends:

    >>> from monitor import Camera, Monitor
    >>> for alert in Monitor([Camera(name="bus", source="monitor/samples/bus.mp4")]):
    ...     print(alert.camera, alert.label, alert.event)
    bus fight start
    bus fight end
    """

    def __init__(
        self,
        options: MonitorOptions | Sequence[CameraOptions],
        classifier: Classifier | None = None,
        sinks: Sequence[Sink] = (),
        view: View | None = None,
        make: Callable[[Address, SourceSettings], Source] = make_source,
        clock: Callable[[], float] = time.monotonic,
        on_window: Callable[[Prediction | Skipped], None] | None = None,
        workers: int | None = None,
        usable: float | None = None,  # cores that it may use; None: all that the process may
        places: LookPlaces | None = None,  # at these cores; None: of this monitor alone
        tap: Callable[[CameraOptions], PacketTap | None] = lambda camera: None,
        on_beat: Beat = lambda cameras, sinks, busy_s: None,
        gives_up: bool = True,  # if no camera can ever be opened
    ) -> None:
        if not isinstance(options, MonitorOptions):
            options = MonitorOptions(cameras=tuple(options))
        self._models = Models(classifier, options.inference.provider)
        self._hub = Hub()
        self._view = view
        if view is not None:
            self._hub.subscribe(view)
        self._make = make
        self._tap = tap
        self._clock = clock
        self._on_beat = on_beat
        self._gives_up = gives_up
        usable = cores() if usable is None else usable
        self._scheduler = DecodeScheduler(cores=usable, places=places)
        self._stopping = threading.Event()
        self._ending = threading.Event()  # every capture ended, or stop was asked for
        self._lock = threading.Lock()  # of _cameras, _leaving, _left and _failures
        self._reloading = threading.Lock()  # one at a time
        self._reloaded = False
        self._failures: list[BaseException] = []
        self._dispatcher = Dispatcher(sinks)
        self._workers = [
            Worker(self._dispatcher, clock, on_window, self._scheduler.crowded)
            for _ in range(
                max(1, min(workers or ceil(usable), len(options.cameras + options.shadows)))
            )
        ]
        self._leaving: list[Camera] = []  # no longer watched, but perhaps still reading
        self._left: set[Camera] = set()  # whose threads have ended
        self._cameras = self._set_up(CameraSettings.of(options).values())

    @property
    def cameras(self) -> tuple[CameraSnapshot, ...]:
        """How each camera does just now, in the order of the configuration."""
        return tuple(camera.status.snapshot() for camera in tuple(self._cameras.values()))

    @property
    def hub(self) -> Hub:
        """Where pictures can be had while it watches."""
        return self._hub

    @property
    def sinks(self) -> tuple[SinkStatus, ...]:
        """How each sink does."""
        return self._dispatcher.sinks

    @property
    def workers(self) -> tuple[WorkerStatus, ...]:
        """How each worker does."""
        return tuple(worker.status for worker in self._workers)

    @property
    def models(self) -> Models:
        """The models that it uses."""
        return self._models

    @property
    def stopped(self) -> bool:
        """Whether it was asked to stop."""
        return self._stopping.is_set()

    @property
    def ended(self) -> bool:
        """Whether nothing is watched any more: every file has ended, or it was asked to stop."""
        return self._ending.is_set()

    def add_sink(self, sink: Sink) -> None:
        """Take one more sink."""
        self._dispatcher.add(sink)

    def announce(self, alert: AlertEvent) -> None:
        """Hand the sinks an alert that is not from this watching."""
        self._dispatcher.write(alert)

    def stop(self) -> None:
        """Ask every stage to end; from any thread, and twice is fine."""
        self._stopping.set()
        with self._lock:
            cameras = tuple(self._cameras.values())
        for camera in cameras:
            camera.stop(EndReason.MONITOR_STOPPED)
        self._ending.set()

    def __iter__(self) -> Iterator[AlertEvent]:
        """Watch, and give each alert; once.

        Leaving the loop ends the watching. What went wrong is raised at its end.
        """
        feed = Feed()
        self._dispatcher.add(feed)
        failures: list[BaseException] = []

        def watch() -> None:
            try:
                self.run()
            except BaseException as error:
                failures.append(error)
            finally:
                feed.close()  # also if it was never started

        thread = threading.Thread(target=watch, name="watching")
        thread.start()
        try:
            yield from feed
        finally:
            self.stop()
            thread.join()
        if failures:
            raise failures[0]

    def run(self) -> None:
        """Watch until every file has ended, or `stop`; then raise what went wrong.

        Where a thread cannot be had, or a signal's handler fails, all of it ends with that error.
        """
        workers = [
            threading.Thread(target=self._guard, args=(worker,), name=f"classify-{number}")
            for number, worker in enumerate(self._workers)
        ]
        closing = threading.Thread(target=self._close_in_turn, args=(workers,), name="closing")
        heartbeat = threading.Thread(target=self._beat, name="heartbeat")
        # Closing is the first, since it ends the others: where it cannot be had, none has begun.
        threads = (closing, *workers, heartbeat)
        try:
            for thread in threads:
                thread.start()
            self._dispatcher.start()
            for camera in tuple(self._cameras.values()):
                camera.start()
            if self._view is not None:
                self._view.run(self.stop, self._stopping.is_set)
            while closing.is_alive():  # it ends after the captures, each of which has a limit
                closing.join(SIGNAL_S)
        except BaseException as error:
            self.fail(error)
            self._close_view()
        for thread in threads:
            _join(thread)
        self._failures += self._dispatcher.close()
        for status in self.cameras:
            if status.frames:
                log.info("%s", status.summary)
        with self._lock:
            failures, several = tuple(self._failures), len(self._cameras) > 1
        raise_failure(failures, several)

    def reload(self, options: MonitorOptions) -> None:
        """Watch the cameras of `options`; one whose own settings are the same is not interrupted.

        ConfigError if that cannot be; the old configuration then stays. It takes no longer
        than the cameras that leave need to end; one that hangs is left to itself after a while.
        """
        if not options.cameras and options.share is None:
            raise ConfigError("no camera is left")
        wanted = CameraSettings.of(options)
        with self._reloading:
            now = self._cameras
            stay = {n: c for n, c in now.items() if wanted.get(n) == c.settings}
            leave = {n: c for n, c in now.items() if n not in stay}
            come = self._set_up(wanted[n] for n in wanted if n not in stay)
            self._reloaded = True
            with self._lock:
                self._cameras = {name: stay.get(name) or come[name] for name in wanted}
                self._leaving = list(leave.values())
            log.info("cameras: %d stay, %d leave, %d come", len(stay), len(leave), len(come))
            for camera in leave.values():
                camera.stop(EndReason.CAMERA_REMOVED)
            calls_s = (c.settings.camera.stream.call_timeout_s for c in now.values())
            limit_s = max(calls_s, default=0.0) + STOP_S
            deadline_s = self._clock() + limit_s
            for name, camera in leave.items():
                if camera.capture.join(max(0.0, deadline_s - self._clock())):
                    camera.leave()
                    with self._lock:
                        self._left.discard(camera)
                elif not self._stopping.is_set():
                    log.warning(
                        "camera %s: did not end within %g s: it is left to itself", name, limit_s
                    )
                    camera.capture.abandon()
            with self._lock:
                self._leaving = []
            for camera in come.values():
                if self._stopping.is_set():
                    camera.stop(EndReason.MONITOR_STOPPED)
                camera.start()

    def _set_up(self, wanted: Iterable[CameraSettings]) -> dict[str, Camera]:
        """The cameras, not begun yet; if one of them cannot be set up, none is."""
        cameras: dict[str, Camera] = {}
        try:
            for settings in wanted:
                own = settings.camera
                # The least busy one; a shadow's is another, where there is one.
                workers = sorted(self._workers, key=lambda worker: len(worker.cameras))
                shadow = self._models.shadow(own.model, own.shadow)
                cameras[own.name] = Camera(
                    settings,
                    self._models.get(own.model),
                    workers[0],
                    self._hub,
                    shadow=None if shadow is None else (shadow, workers[1 % len(workers)]),
                    make=self._make,
                    scheduler=self._scheduler,
                    tap=partial(self._tap, own),
                    on_end=self._ended,
                    on_permanent_failure=self._give_up_if_all,
                    clock=self._clock,
                )
        except MonitorError:
            for camera in cameras.values():
                camera.leave()
            raise
        return cameras

    def _ended(self, camera: Camera, error: BaseException | None) -> None:
        """Take note that a capture ended, on its thread."""
        if isinstance(error, SourceError):  # this camera alone; the others go on
            if len(self._cameras) > 1:
                log.error("camera %s: %s", camera.status.name, error)
            with self._lock:
                self._failures.append(error)
        elif error is not None:
            self.fail(error)
        with self._lock:
            watched = camera in self._cameras.values()
            if watched:
                self._left.add(camera)
            # A shard that has no camera just now waits for one.
            if self._cameras and self._left.issuperset(self._cameras.values()):
                self._ending.set()
        if not watched:  # it may end long after the reload that left it out
            camera.leave()

    def _give_up_if_all(self, error: SourceOpenError) -> None:
        """Fail where no camera at all was ever opened and waiting will hardly mend it.

        Not after a reload: cameras that it began anew may have been watched before.
        """
        hopeless = all(one.cause in PERMANENT and not one.frames for one in self.cameras)
        if hopeless and self._gives_up and not self._reloaded:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Stop, and have `run` raise this; from any thread."""
        with self._lock:
            self._failures.append(error)
        self.stop()

    def _guard(self, worker: Worker) -> None:
        try:
            worker.run()
        except BaseException as error:
            self.fail(error)
        finally:
            worker.close()  # wakes a capture that waits to hand on a window

    def _beat(self) -> None:
        try:
            while not self._ending.wait(BEAT_S):
                self._dispatcher.report()
                self._on_beat(self.cameras, self._dispatcher.sinks, self._busy_s())
        except BaseException as error:
            self.fail(error)

    def _busy_s(self) -> float:
        """For how long the slowest worker has been at work on one window."""
        return max(worker.busy_s for worker in self.workers)

    def _close_in_turn(self, workers: Sequence[threading.Thread]) -> None:
        self._ending.wait()  # ended by the last capture, or by stop
        deadline_s = self._clock() + STOP_S
        with self._lock:
            cameras = (*self._cameras.values(), *self._leaving)
        for camera in cameras:
            if not camera.capture.join(max(0.0, deadline_s - self._clock())):
                log.info("camera %s: was still reading when it was stopped", camera.status.name)
                camera.status.capture.state = CameraState.STOPPED
        for worker in self._workers:
            worker.close()
        for thread in workers:
            _join(thread)
        self._close_view()

    def _close_view(self) -> None:
        if self._view is not None:
            self._view.close()


def raise_failure(failures: Iterable[BaseException], several: bool) -> None:
    """Raise what went wrong first, and rather what is no camera's; the rest is a line each."""
    first, *others = sorted(failures, key=lambda error: isinstance(error, SourceError)) or (None,)
    for other in others:
        if not (several and isinstance(other, SourceError)):  # that was said when it came
            kind = "" if isinstance(other, MonitorError) else f"{type(other).__name__}: "
            log.error("%s%s", kind, other)
    if first is not None:
        raise first


def _join(thread: threading.Thread) -> None:
    """Wait for a thread, where it could be started."""
    if thread.ident is not None:
        thread.join()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
