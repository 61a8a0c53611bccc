"""The cameras of one har-monitor, watched by several processes under this one.

    parent    configuration, supervision, the sinks but the evidence, page, metrics, health
    shard 1   a Monitor of some of the cameras, and the evidence of these
    shard 2   ...

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
from monitor.errors import ConfigError, MonitorError, SourceError, SourceOpenError
from monitor.events.alert import AlertEvent
from monitor.events.dispatcher import Dispatcher
from monitor.events.sink import Sink
from monitor.health.status import CameraSnapshot
from monitor.pipeline.camera import CameraSettings
from monitor.pipeline.monitor import BEAT_S, STOP_S, Beat, cores
from monitor.recognition.models import Models
from monitor.records import SinkStatus, WorkerStatus
from monitor.shards.messages import ShardSettings
from monitor.shards.placement import place
from monitor.shards.shard import END_S, Shard
from monitor.states import PERMANENT
from monitor.throttle import LogThrottle
from monitor.web.pictures import Send

log = logging.getLogger(__name__)

_ANSWER_S = 5.0  # that a shard has to change its cameras, beside what those that leave may take
_LOOK_S = 0.2  # between two looks if a shard that died is wanted
_SMOOTHED = 0.9  # of a camera's cost, what it was before


class Shards:
    """A monitor in several processes; as `Monitor`, for the command alone.

    A shard that dies or hangs is begun anew. One that dies again and again is split until the
    camera that kills it is alone. ConfigError and ModelError if the cameras cannot be watched.
    """

    def __init__(
        self,
        options: MonitorOptions,
        count: int,
        sinks: Sequence[Sink] = (),
        on_beat: Beat = lambda cameras, sinks, busy_s: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._count = count
        self._on_beat = on_beat
        self._clock = clock
        self._models = Models(None, options.inference.provider)
        self._dispatcher = Dispatcher(sinks)
        self._throttle = LogThrottle(log, clock)
        self._stopping = threading.Event()
        self._ending = threading.Event()
        self._lock = threading.Lock()  # of _failures
        self._failures: list[BaseException] = []
        self._placing = threading.Lock()  # which shard watches which camera
        self._reloaded = False
        self._numbers = 0  # of shards so far
        self._send_page: Send = lambda message: None
        self._look: Mapping[str, Any] = {}
        self._costs: dict[str, float] = {}  # of cameras: seconds of work a second
        self._worked: dict[str, tuple[float, float]] = {}  # the clock, and their work until then
        self._grown: dict[int, int] = {}  # evidence that shards have written
        self._check(options)
        self._options = options
        placed = place([camera.name for camera in options.cameras], {}, {}, range(1, count + 1))
        self._shards = tuple(self._new_shard() for _ in range(count))
        for shard in self._shards:
            mine = [one for one in options.cameras if placed[one.name] == shard.number]
            shard.assign(self._settings(mine))

    @property
    def cameras(self) -> tuple[CameraSnapshot, ...]:
        """How each camera does, in the order of the configuration; at most a second old."""
        known: dict[str, CameraSnapshot] = {}
        for shard in self._shards:
            known |= shard.snapshots
        return tuple(
            known.get(one.name) or CameraSnapshot(one.name, str(one.address))
            for one in self._options.cameras
        )

    @property
    def sinks(self) -> tuple[SinkStatus, ...]:
        """How each sink does; those of all shards together."""
        found: dict[str, SinkStatus] = {one.name: one for one in self._dispatcher.sinks}
        for one in (sink for shard in self._shards for sink in shard.state.sinks):
            name, *before = found.get(one.name, SinkStatus(one.name, 0, 0, 0))
            counts = (a + b for a, b in zip(before, one[1:], strict=True))
            found[name] = SinkStatus(name, *counts)
        return tuple(found.values())

    @property
    def workers(self) -> tuple[WorkerStatus, ...]:
        """How each worker of each shard does."""
        return tuple(one for shard in self._shards for one in shard.state.workers)

    @property
    def models(self) -> Models:
        """The models that the cameras are watched with."""
        return self._models

    @property
    def evidence_bytes(self) -> int | None:
        """What all evidence takes; None: not known."""
        known = [used for one in self._shards if (used := one.state.evidence_used) is not None]
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

    def pictures(self, send: Send) -> ShardPictures:
        """What the page looks at; `send` takes messages for its process."""
        self._send_page = send
        return ShardPictures(self.look)

    def look(self, order: Mapping[str, Any]) -> None:
        """Follow the page's newest order."""
        self._look = order
        for shard in self._shards:
            shard.look(order)

    def stop(self) -> None:
        """Ask every shard to end; from any thread, and twice is fine."""
        self._stopping.set()
        for shard in self._shards:
            shard.stop()
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
            for shard in self._shards:
                shard.start()
            heartbeat.start()
            self._ending.wait()
        except BaseException as error:
            self.fail(error)
        deadline_s = self._clock() + END_S
        with self._placing:
            for shard in self._shards:
                shard.close(max(0.0, deadline_s - self._clock()))
        if heartbeat.ident is not None:
            heartbeat.join()
        self._failures += self._dispatcher.close()
        if self._failures:
            raise min(self._failures, key=lambda error: isinstance(error, SourceError))

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
            for shard in self._shards:
                if shard.ended:  # what is the same of it has ended, too
                    shard.cameras = tuple(one for one in shard.cameras if one.name in same)
            stay = [one for one in self._shards if _apart(one) and _names(one) <= same]
            there = {name for shard in stay for name in _names(shard)}
            self._options = options
            self._share_out([one for one in options.cameras if one.name not in there], stay)

    def _check(self, options: MonitorOptions) -> None:
        """ModelError or ConfigError if a shard could not watch its cameras."""
        for camera in options.cameras:
            camera.activity.rules(self._models.get(camera.model).metadata)
            self._models.shadow(camera.model, camera.shadow)

    def _settings(self, cameras: Sequence[CameraOptions]) -> ShardSettings:
        options = self._options
        return ShardSettings(
            cameras=tuple(cameras),
            realtime=options.realtime,
            inference=options.inference,
            evidence=options.evidence,
            cores=cores() / self._count,
            verbose=logging.getLogger().isEnabledFor(logging.DEBUG),
        )

    def _new_shard(self, deaths: tuple[float, ...] = ()) -> Shard:
        self._numbers += 1
        shard = Shard(
            self._numbers,
            on_alert=self._dispatcher.write,
            on_page=lambda message: self._send_page(message),
            on_death=self._died,
            on_end=self._ended,
            deaths=deaths,
            clock=self._clock,
        )
        shard.look(self._look)
        return shard

    def _share_out(self, cameras: Sequence[CameraOptions], stay: Sequence[Shard]) -> None:
        """Have these cameras watched by all shards but those that stay as they are.

        A camera that moves leaves one before it comes to another.
        """
        count = min(self._count, len(cameras))
        usable = [one for one in self._shards if one not in stay and not _apart(one)][:count]
        come = [self._new_shard() for _ in range(count - len(usable))]
        before = {name: one.number for one in self._shards for name in _names(one)}
        numbers = [shard.number for shard in (*usable, *come)]
        placed = place([one.name for one in cameras], self._costs, before, numbers)
        share = {n: [one for one in cameras if placed[one.name] == n] for n in numbers}
        usable = [one for one in (*usable, *come) if share[one.number]]
        limit_s = _ANSWER_S + STOP_S
        limit_s += max((one.stream.call_timeout_s for one in cameras), default=0.0)
        leave = [one for one in (*self._shards, *come) if one not in stay and one not in usable]
        for shard in leave:
            shard.stop()
        for shard in leave:
            shard.close(limit_s)
        for shard in usable:
            kept = [one for one in share[shard.number] if before.get(one.name) == shard.number]
            if shard not in come and kept and len(kept) < len(shard.cameras):
                shard.change(self._settings(kept), limit_s)
        for shard in usable:
            settings = self._settings(share[shard.number])
            if shard in come:
                shard.assign(settings)
                shard.start()
            elif settings.cameras != shard.cameras:
                shard.change(settings, limit_s)
        self._shards = tuple(sorted((*stay, *usable), key=lambda one: one.number))
        if self._stopping.is_set():
            self.stop()

    def _died(self, shard: Shard) -> bool:
        """Split a shard that dies again and again; whether it is another one then."""
        while not self._placing.acquire(timeout=_LOOK_S):
            if shard.closing:  # who closes it may wait for this very thread
                return False
        try:
            return not self._ending.is_set() and shard.loops and self._split(shard)
        finally:
            self._placing.release()

    def _split(self, shard: Shard) -> bool:
        """Halve a shard; False if it has but one camera."""
        count = len(shard.cameras)
        if count == 1:
            name = shard.cameras[0].name
            text = f"camera {name}: ends the process that watches it again and again; it has one "
            self._throttle.log(logging.ERROR, name, f"{text}of its own")
            return False
        log.warning(
            "shard %d: ended %d times: its %d cameras are split, to find the one that ends it",
            shard.number,
            len(shard.recent_deaths),
            count,
        )
        keep, go = shard.cameras[: count // 2], shard.cameras[count // 2 :]
        other = self._new_shard(shard.recent_deaths[-1:])
        self._shards = (*self._shards, other)
        shard.assign(self._settings(keep))
        other.assign(self._settings(go))
        other.start()
        return True

    def _join_halves(self) -> None:
        """Bring together what was split, once what is left has been well for long enough."""
        with self._placing:
            sound = [one for one in self._shards if not _apart(one)]
            well = all(not one.recent_deaths for one in sound)
            if len(sound) > self._count and well and not self._stopping.is_set():
                cameras = [camera for one in sound for camera in one.cameras]
                self._share_out(cameras, [one for one in self._shards if one not in sound])

    def _ended(self, shard: Shard, error: MonitorError | None) -> None:
        """Take note that a shard ended by itself; on a thread of its own."""
        shard.close(0.0)
        if isinstance(error, SourceError):
            with self._lock:
                self._failures.append(error)
        elif error is not None and not self._stopping.is_set():
            self.fail(error)
        if all(one.ended for one in self._shards):
            self._ending.set()

    def _beat(self) -> None:
        try:
            while not self._ending.wait(BEAT_S):
                self._dispatcher.report()
                shards, cameras = self._shards, self.cameras
                for shard in shards:
                    shard.check()
                self._note_evidence(shards)
                self._note_costs(cameras)
                self._give_up_if_all(cameras)
                if sum(not _apart(one) for one in shards) > self._count:
                    joining = partial(threading.Thread, daemon=True)
                    joining(target=self._join_halves, name="join shards").start()
                self._on_beat(cameras, self.sinks, max(one.state.busy_s for one in shards))
        except BaseException as error:
            self.fail(error)

    def _note_evidence(self, shards: Sequence[Shard]) -> None:
        """Tell each shard what the others have written: all of it must fit in one folder."""
        for shard in shards:
            now = shard.state.evidence_grown
            more = now - self._grown.get(shard.number, 0)
            self._grown[shard.number] = now
            if more > 0:  # less: the process is a new one
                for other in shards:
                    if other is not shard:
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


def _names(shard: Shard) -> set[str]:
    return {camera.name for camera in shard.cameras}


def _apart(shard: Shard) -> bool:
    """Whether a shard is left as it is: it has ended, or its one camera kills it."""
    return shard.ended or (len(shard.cameras) == 1 and shard.loops)


class ShardPictures:
    """Pictures that shards send to the page."""

    def __init__(self, look: Callable[[Mapping[str, Any]], object]) -> None:
        self._look = look

    def look(self, order: Mapping[str, Any]) -> None:
        """Follow the newest order."""
        self._look(order)

    def close(self) -> None:
        """The shards send nothing once nobody looks."""
        self._look({})
