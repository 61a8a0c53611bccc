"""The cameras of one har-monitor, watched by several processes under this one.

    parent    configuration, supervision, the sinks but the evidence, page, metrics, health
    process 1   a Monitor of some of the cameras, and the evidence of these
    process 2   ...

One process of many cameras is slow before the cores are: their threads queue for Python's lock.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from monitor.config.options import CameraOptions, MonitorOptions
from monitor.decode.look_places import places_file
from monitor.errors import ConfigError, MonitorError, SourceError, SourceOpenError
from monitor.events.alert import AlertEvent
from monitor.events.dispatcher import Dispatcher
from monitor.events.sink import Sink
from monitor.health.status import CameraSnapshot
from monitor.lease.granted import Grant
from monitor.pipeline.camera import CameraSettings
from monitor.pipeline.monitor import BEAT_S, SIGNAL_S, STOP_S, Beat, cores, raise_failure
from monitor.processes.messages import ProcessSettings
from monitor.processes.placement import place
from monitor.processes.process import END_S, WatchProcess
from monitor.recognition.models import Models
from monitor.records import SinkStatus, WorkerStatus
from monitor.states import PERMANENT
from monitor.throttle import LogThrottle
from monitor.web.pictures import Send

log = logging.getLogger(__name__)

_ANSWER_S = 5.0  # that a process has to change its cameras, beside what those that leave may take
_LOOK_S = 0.2  # between two looks if a process that died is wanted
_SMOOTHED = 0.9  # of a camera's cost, what it was before


class Processes:
    """A monitor in several processes; as `Monitor`, for the command alone.

    A process that dies or hangs is begun anew. One that dies again and again is split until the
    camera that kills it is alone. ConfigError and ModelError if the cameras cannot be watched.
    """

    def __init__(
        self,
        options: MonitorOptions,
        count: int,
        sinks: Sequence[Sink] = (),
        on_beat: Beat = lambda cameras, sinks, busy_s: None,
        grant: Callable[[], Grant | None] | None = None,  # by which evidence is kept; None: always
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._count = count
        self._on_beat = on_beat
        self._grant = grant
        self._clock = clock
        self._models = Models(None, options.inference.provider)
        self._dispatcher = Dispatcher(sinks)
        self._throttle = LogThrottle(log, clock)
        self._stopping = threading.Event()
        self._ending = threading.Event()
        self._lock = threading.Lock()  # of _failures
        self._failures: list[BaseException] = []
        self._placing = threading.Lock()  # which process watches which camera
        self._reloaded = False
        self._numbers = 0  # of processes so far
        self._places = places_file()
        self._send_page: Send = lambda message: None
        self._look: Mapping[str, Any] = {}
        self._costs: dict[str, float] = {}  # of cameras: seconds of work a second
        self._worked: dict[str, tuple[float, float]] = {}  # the clock, and their work until then
        self._grown: dict[int, int] = {}  # evidence that processes have written
        self._check(options)
        self._options = options
        placed = place([camera.name for camera in options.cameras], {}, {}, range(1, count + 1))
        self._processes = tuple(self._new_process() for _ in range(count))
        for process in self._processes:
            mine = [one for one in options.cameras if placed[one.name] == process.number]
            process.assign(self._settings(mine))

    @property
    def cameras(self) -> tuple[CameraSnapshot, ...]:
        """How each camera does, in the order of the configuration; at most a second old."""
        known: dict[str, CameraSnapshot] = {}
        for process in self._processes:
            known |= process.snapshots
        return tuple(
            known.get(one.name) or CameraSnapshot(one.name, str(one.address))
            for one in self._options.cameras
        )

    @property
    def sinks(self) -> tuple[SinkStatus, ...]:
        """How each sink does; those of all processes together."""
        found: dict[str, SinkStatus] = {one.name: one for one in self._dispatcher.sinks}
        for one in (sink for process in self._processes for sink in process.state.sinks):
            name, *before = found.get(one.name, SinkStatus(one.name, 0, 0, 0))
            counts = (a + b for a, b in zip(before, one[1:], strict=True))
            found[name] = SinkStatus(name, *counts)
        return tuple(found.values())

    @property
    def workers(self) -> tuple[WorkerStatus, ...]:
        """How each worker of each process does."""
        return tuple(one for process in self._processes for one in process.state.workers)

    @property
    def models(self) -> Models:
        """The models that the cameras are watched with."""
        return self._models

    @property
    def evidence_bytes(self) -> int | None:
        """What all evidence takes; None: not known."""
        known = [used for one in self._processes if (used := one.state.evidence_used) is not None]
        return max(known, default=None)

    @property
    def stopped(self) -> bool:
        """Whether it was asked to stop."""
        return self._stopping.is_set()

    @property
    def ended(self) -> bool:
        """Whether nothing is watched any more."""
        return self._ending.is_set()

    def add_sink(self, sink: Sink) -> None:
        """Take one more sink."""
        self._dispatcher.add(sink)

    def announce(self, alert: AlertEvent) -> None:
        """Hand the sinks an alert that is not from this watching."""
        self._dispatcher.write(alert)

    def pictures(self, send: Send) -> ProcessPictures:
        """What the page looks at; `send` takes messages for its process."""
        self._send_page = send
        return ProcessPictures(self.look)

    def look(self, order: Mapping[str, Any]) -> None:
        """Follow the page's newest order."""
        self._look = order
        for process in self._processes:
            process.look(order)

    def stop(self) -> None:
        """Ask every process to end; from any thread, and twice is fine."""
        self._stopping.set()
        for process in self._processes:
            process.stop()
        self._ending.set()

    def fail(self, error: BaseException) -> None:
        """Stop, and have `run` raise this; from any thread."""
        with self._lock:
            self._failures.append(error)
        self.stop()

    def run(self) -> None:
        """Watch until every file has ended, or `stop`; then raise what went wrong."""
        heartbeat = threading.Thread(target=self._beat, name="heartbeat")
        self._dispatcher.start()
        try:
            for process in self._processes:
                process.start()
            heartbeat.start()
            while not self._ending.wait(SIGNAL_S):
                pass
        except BaseException as error:
            self.fail(error)
        deadline_s = self._clock() + END_S
        with self._placing:
            for process in self._processes:
                process.close(max(0.0, deadline_s - self._clock()))
        if heartbeat.ident is not None:
            heartbeat.join()
        self._failures += self._dispatcher.close()
        self._places.close()
        raise_failure(self._failures, several=True)

    def reload(self, options: MonitorOptions) -> None:
        """Watch the cameras of `options`; one whose settings are the same is hardly ever moved.

        ConfigError or ModelError if that cannot be; the old configuration then stays.
        """
        if not options.cameras:
            raise ConfigError("no camera is left")
        self._check(options)
        with self._placing:
            was, now = CameraSettings.of(self._options), CameraSettings.of(options)
            self._reloaded = True
            same = {name for name in now if was.get(name) == now[name]}
            for process in self._processes:
                if process.ended:  # what is the same of it has ended, too
                    process.cameras = tuple(one for one in process.cameras if one.name in same)
            stay = [one for one in self._processes if _apart(one) and _names(one) <= same]
            there = {name for process in stay for name in _names(process)}
            self._options = options
            self._share_out([one for one in options.cameras if one.name not in there], stay)

    def _check(self, options: MonitorOptions) -> None:
        """ModelError or ConfigError if a process could not watch its cameras."""
        for camera in options.cameras:
            camera.activity.rules(self._models.get(camera.model).metadata)
            self._models.shadow(camera.model, camera.shadow)

    def _settings(self, cameras: Sequence[CameraOptions]) -> ProcessSettings:
        options = self._options
        return ProcessSettings(
            cameras=tuple(cameras),
            realtime=options.realtime,
            inference=options.inference,
            evidence=options.evidence,
            shard=None if options.share is None else str(options.share),
            cores=cores() / self._count,
            verbose=logging.getLogger().isEnabledFor(logging.DEBUG),
        )

    def _new_process(self, deaths: tuple[float, ...] = ()) -> WatchProcess:
        self._numbers += 1
        process = WatchProcess(
            self._numbers,
            on_alert=self._dispatcher.write,
            on_page=lambda message: self._send_page(message),
            on_death=self._died,
            on_end=self._ended,
            places=self._places,
            deaths=deaths,
            clock=self._clock,
        )
        process.look(self._look)
        return process

    def _share_out(self, cameras: Sequence[CameraOptions], stay: Sequence[WatchProcess]) -> None:
        """Have these cameras watched by all processes but those that stay as they are.

        A camera that moves leaves one before it comes to another.
        """
        count = min(self._count, len(cameras))
        usable = [one for one in self._processes if one not in stay and not _apart(one)][:count]
        come = [self._new_process() for _ in range(count - len(usable))]
        before = {name: one.number for one in self._processes for name in _names(one)}
        numbers = [process.number for process in (*usable, *come)]
        placed = place([one.name for one in cameras], self._costs, before, numbers)
        share = {n: [one for one in cameras if placed[one.name] == n] for n in numbers}
        usable = [one for one in (*usable, *come) if share[one.number]]
        limit_s = _ANSWER_S + STOP_S
        limit_s += max((one.stream.call_timeout_s for one in cameras), default=0.0)
        leave = [one for one in (*self._processes, *come) if one not in stay and one not in usable]
        for process in leave:
            process.stop()
        for process in leave:
            process.close(limit_s)
        for process in usable:
            kept = [one for one in share[process.number] if before.get(one.name) == process.number]
            if process not in come and kept and len(kept) < len(process.cameras):
                process.change(self._settings(kept), limit_s)
        for process in usable:
            settings = self._settings(share[process.number])
            if process in come:
                process.assign(settings)
                process.start()
            elif settings.cameras != process.cameras:
                process.change(settings, limit_s)
        self._processes = tuple(sorted((*stay, *usable), key=lambda one: one.number))
        if self._stopping.is_set():
            self.stop()

    def _died(self, process: WatchProcess) -> bool:
        """Split a process that dies again and again; whether it is another one then."""
        while not self._placing.acquire(timeout=_LOOK_S):
            if process.closing:  # who closes it may wait for this very thread
                return False
        try:
            return not self._ending.is_set() and process.loops and self._split(process)
        finally:
            self._placing.release()

    def _split(self, process: WatchProcess) -> bool:
        """Halve a process; False if it has but one camera."""
        count = len(process.cameras)
        if count == 1:
            name = process.cameras[0].name
            text = f"camera {name}: ends the process that watches it again and again; it has one "
            self._throttle.log(logging.ERROR, name, f"{text}of its own")
            return False
        log.warning(
            "process %d: ended %d times: its %d cameras are split, to find the one that ends it",
            process.number,
            len(process.recent_deaths),
            count,
        )
        keep, go = process.cameras[: count // 2], process.cameras[count // 2 :]
        other = self._new_process(process.recent_deaths[-1:])
        self._processes = (*self._processes, other)
        process.assign(self._settings(keep))
        other.assign(self._settings(go))
        other.start()
        return True

    def _join_halves(self) -> None:
        """Bring together what was split, once what is left has been well for long enough."""
        with self._placing:
            sound = [one for one in self._processes if not _apart(one)]
            well = all(not one.recent_deaths for one in sound)
            if len(sound) > self._count and well and not self._stopping.is_set():
                cameras = [camera for one in sound for camera in one.cameras]
                self._share_out(cameras, [one for one in self._processes if one not in sound])

    def _ended(self, process: WatchProcess, error: MonitorError | None) -> None:
        """Take note that a process ended by itself; on a thread of its own."""
        process.close(0.0)
        if error is not None:
            with self._lock:
                self._failures.append(error)
            if not isinstance(error, SourceError):  # that is a camera's: the others go on
                self.stop()
        if all(one.ended for one in self._processes):
            self._ending.set()

    def _beat(self) -> None:
        try:
            while not self._ending.wait(BEAT_S):
                self._dispatcher.report()
                processes, cameras = self._processes, self.cameras
                for process in processes:
                    process.check()
                    if self._grant is not None:
                        process.grant(self._grant())
                self._note_evidence(processes)
                self._note_costs(cameras)
                self._give_up_if_all(cameras)
                if sum(not _apart(one) for one in processes) > self._count:
                    joining = partial(threading.Thread, daemon=True)
                    joining(target=self._join_halves, name="join processes").start()
                self._on_beat(cameras, self.sinks, max(one.state.busy_s for one in processes))
        except BaseException as error:
            self.fail(error)

    def _note_evidence(self, processes: Sequence[WatchProcess]) -> None:
        """Tell each process what the others have written: all of it must fit in one folder."""
        for process in processes:
            now = process.state.evidence_grown
            more = now - self._grown.get(process.number, 0)
            self._grown[process.number] = now
            if more > 0:  # less: the process is a new one
                for other in processes:
                    if other is not process:
                        other.grown(more)

    def _note_costs(self, cameras: Sequence[CameraSnapshot]) -> None:
        now_s = self._clock()
        for one in cameras:
            at_s, worked_s = self._worked.get(one.name, (now_s, one.cpu_s))
            self._worked[one.name] = now_s, one.cpu_s
            if now_s > at_s and one.cpu_s >= worked_s:
                cost = (one.cpu_s - worked_s) / (now_s - at_s)
                before = self._costs.get(one.name, cost)
                self._costs[one.name] = _SMOOTHED * before + (1 - _SMOOTHED) * cost

    def _give_up_if_all(self, cameras: Sequence[CameraSnapshot]) -> None:
        """Fail if no camera at all was ever opened and waiting will hardly mend it."""
        if not self._reloaded and all(one.cause in PERMANENT and not one.frames for one in cameras):
            first = cameras[0]
            cause = next(one for one in PERMANENT if one == first.cause)
            text = f"none of {len(cameras)} cameras can be opened; {first.name}: {first.source}"
            self.fail(SourceOpenError(f"{text}: {cause}: {cause.meaning}", cause))


def _names(process: WatchProcess) -> set[str]:
    return {camera.name for camera in process.cameras}


def _apart(process: WatchProcess) -> bool:
    """Whether a process is left as it is: it has ended, or its one camera kills it."""
    return process.ended or (len(process.cameras) == 1 and process.loops)


class ProcessPictures:
    """Pictures that processes send to the page."""

    def __init__(self, look: Callable[[Mapping[str, Any]], object]) -> None:
        self._look = look

    def look(self, order: Mapping[str, Any]) -> None:
        """Follow the newest order."""
        self._look(order)

    def close(self) -> None:
        """The processes send nothing once nobody looks."""
        self._look({})
