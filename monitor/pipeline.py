"""The monitor: its threads, what runs on each, and how they stop.

    one capture thread per camera   Source -> a WindowSequence for each region
    one classify worker             Classifier -> the region's ActivityTracker -> Sinks
    one closing thread              waits for the captures to end, then closes each mailbox in turn
    the caller's thread             the view, or nothing

Stop enters at the sources and leaves at the sinks: only the capture path looks at the stop event,
and every later stage ends because its input ended.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from monitor.activity import ActivityTracker
from monitor.capture import Capture, Captured, Retry
from monitor.config import CameraOptions, MonitorOptions
from monitor.contract import Contract
from monitor.errors import LASTING, MonitorError, SourceError, SourceOpenError
from monitor.gate import Gate
from monitor.mailbox import Mailbox
from monitor.records import UNKNOWN, Activity, Frame, Outputs, Prediction, Skipped, Window
from monitor.sequence import WindowSequence
from monitor.sinks import Sink
from monitor.source import Source, StreamLimits, make_source
from monitor.source.address import Address
from monitor.source.decoding import Decoding
from monitor.status import CameraStatus, RegionStatus
from monitor.view import Update, View
from monitor.windows import WindowBuffer

log = logging.getLogger(__name__)

# Seconds that a capture thread has to end once stop is asked for. A read that waits on the network
# cannot be cut short; such a thread holds nothing that could be lost and ends with the process.
STOP_S = 1.5
VIEW_ROOM = 8  # frames and updates of one camera that wait for the view


class Classifier(Protocol):
    """Names the activity in clips: a model file with its contract."""

    @property
    def contract(self) -> Contract:
        """What the model says about itself."""

    def classify(self, clips: NDArray[np.uint8], /) -> Outputs:
        """Scores, and novelty where there is one, of clips (N, T, H, W, 3) uint8 RGB."""


@dataclass
class _Camera:
    """One camera and what belongs to it alone."""

    status: CameraStatus
    trackers: dict[str, ActivityTracker]  # by region
    thread: threading.Thread
    show: Callable[[Frame | Update], None]


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
    ) -> None:
        self._classifier = classifier
        self._novelty_limit = options.activity.novelty_limit(classifier.contract)
        self._sinks = sinks
        self._view = view
        self._clock = clock
        self._on_window = on_window  # called by the worker, which it must not hold up
        self._stop = threading.Event()
        self._captures_left = len(options.cameras)
        self._ending = threading.Event()  # every capture ended, or stop was asked for
        self._lock = threading.Lock()  # of _captures_left and _failures
        self._failures: list[BaseException] = []
        self._windows: Mailbox[Captured] = Mailbox()
        self._views: Mailbox[Frame | Update] = Mailbox(VIEW_ROOM)
        self._cameras = {
            camera.name: self._camera(camera, options, make) for camera in options.cameras
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
        worker = threading.Thread(target=self._guard, args=(self._work,), name="classify")
        closing = threading.Thread(target=self._close_in_turn, args=(worker,), name="closing")
        worker.start()
        closing.start()
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
            self._windows,
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
        return _Camera(
            status, trackers, thread, show if self._view is not None else lambda item: None
        )

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

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self._fail(error)
        finally:
            self._windows.close()  # wakes a capture that waits to leave a window

    def _close_in_turn(self, worker: threading.Thread) -> None:
        self._ending.wait()  # ended by the last capture, or by stop
        deadline_s = self._clock() + STOP_S
        for camera in self._cameras.values():
            if camera.thread.ident is not None:
                camera.thread.join(max(0.0, deadline_s - self._clock()))
            if camera.thread.is_alive():
                log.info("camera %s: was still reading when it was stopped", camera.status.name)
                camera.status.state = "stopped"
        self._windows.close()
        worker.join()
        self._views.close()

    def _work(self) -> None:
        try:
            self._work_until_closed()
        finally:  # what is open gets its end: of captures that missed their limit, or in a crash
            for camera in self._cameras.values():
                for tracker in camera.trackers.values():
                    self._publish(camera, tracker, tracker.close())

    def _work_until_closed(self) -> None:
        while (item := self._windows.get()) is not None:
            camera = self._cameras[item.camera]
            tracker = camera.trackers[item.region]
            if isinstance(item, Window):
                self._classify(camera, tracker, item)
            elif isinstance(item, Skipped):
                self._skip(camera, tracker, item)
            else:
                self._publish(camera, tracker, tracker.close())
                camera.show(Update(item.camera, None, {}, (), region=item.region))

    def _skip(self, camera: _Camera, tracker: ActivityTracker, item: Skipped) -> None:
        if self._on_window is not None:
            self._on_window(item)
        events = tracker.skip(item.end_s, item.captured_s)
        self._publish(camera, tracker, events, unknown=item.reason == UNKNOWN)
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

    def _classify(self, camera: _Camera, tracker: ActivityTracker, window: Window) -> None:
        (scores,), novelty = self._classifier.classify(window.clip[np.newaxis])
        if novelty is not None and novelty[0] > self._novelty_limit:
            camera.status.dropped[UNKNOWN] += 1
            place = window.camera, window.region
            self._skip(camera, tracker, Skipped(*place, window.end_s, window.captured_s, UNKNOWN))
            return
        labels = self._classifier.contract.labels
        prediction = Prediction(
            camera=window.camera,
            start_s=window.start_s,
            end_s=window.end_s,
            scores=dict(zip(labels, scores.tolist(), strict=True)),
            captured_s=window.captured_s,
            region=window.region,
        )
        if self._on_window is not None:
            self._on_window(prediction)
        events = tracker.update(prediction)
        status = camera.status
        status.windows += 1
        status.latency_ms = (self._clock() - window.captured_s) * 1000
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
        camera: _Camera,
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
            for sink in self._sinks:
                try:
                    sink.write(activity)
                except Exception:  # one sink's failure is not the others'
                    log.exception("%s could not take an activity", type(sink).__name__)
