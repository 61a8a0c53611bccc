"""What runs the shards of a node: begins and ends their processes, and says how they do.

It keeps nothing to itself: what is to run is in the folders of the processes. So the next agent of
a node finds all that is there, and goes on. Of two agents of one folder, one waits for the other.
"""

from __future__ import annotations

import fcntl
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from monitor import __version__
from monitor.atomic import make_folder
from monitor.cluster.alive import cpu_of_sessions, wait_for_end
from monitor.cluster.launching import Launcher
from monitor.cluster.plan import SLOTS, Actions, Place, ProcessState
from monitor.cluster.shard_process import Orders, ShardProcess
from monitor.errors import MonitorError

log = logging.getLogger(__name__)

LOOK_S = 0.5  # from one look at the processes to the next, if none ends meanwhile
_MEASURE_EVERY = 10  # looks
_BUSY = (ProcessState.STARTING, ProcessState.STOPPING)
_SMOOTHED = 0.95  # of a cost, what it was before: a minute and a half


@dataclass(frozen=True)
class SiteConfig:
    """The configuration that the shards of a site are watched by."""

    site: str
    zones: tuple[str, ...]  # of the shards, from 1 on; empty: cameras that name none
    cameras: Mapping[str, str]  # their zones, by their names
    folder: str  # of each node, for what its shards write
    fingerprint: str
    # As it was written: secrets that it names are found by each node in its own environment.
    text: str = field(repr=False)

    @property
    def shards(self) -> int:
        """How many there are."""
        return len(self.zones)


@dataclass(frozen=True)
class ProcessReport:
    """How a process of a shard does."""

    place: Place
    config: str  # fingerprint
    state: ProcessState
    epoch: int | None  # of whoever has the lease
    holder: str  # who has it, if that is another
    watched: int  # of its cameras
    cameras: int
    cost: float | None  # cores that it keeps busy; None: not measured yet
    error: str  # why it ended by itself


@dataclass(frozen=True)
class NodeReport:
    """How a node does."""

    node: str
    cores: float
    version: str  # of har-monitor
    processes: tuple[ProcessReport, ...]
    refused: tuple[tuple[Place, str], ...]  # processes that could not be begun, and why
    fault: str = ""  # why it can have no shards
    zones: tuple[str, ...] = ()  # whose cameras it reaches; none: those that name no zone


class NodeAgent:
    """The processes of a node. `follow` may be called from any thread."""

    def __init__(
        self,
        node: str,
        cores: float,
        folder: Path,
        zones: tuple[str, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node = node
        self._cores = cores
        self._folder = folder
        self._zones = zones
        self._clock = clock
        self._measured_s = clock()
        self._fault = "its agent waits for another one to end"
        self._launcher = Launcher(folder)
        self._locked: IO[str] | None = None
        self._processes: dict[Place, ShardProcess] = {}
        self._costs: dict[Place, float] = {}
        self._used: dict[int, float] = {}  # seconds of a core, by session
        self._looks = 0
        self._lock = threading.Lock()

    def run(self, ended: threading.Event) -> None:
        """Look after the processes until `ended`; they go on then."""
        while not ended.is_set():
            with self._lock:
                ours = self._locked is not None or self._begin()
                processes = list(self._processes.items()) if ours else []
            for place, process in processes:
                with self._lock:  # not all of them at once: a process takes its time to begin
                    self._look(place, process)
            if self._looks % _MEASURE_EVERY == 0:
                self._measure()
            self._looks += 1
            # What begins or ends has the cores first.
            if processes and not any(one.state in _BUSY for _, one in processes):
                self._launcher.prepare()
            wait_for_end([one.pid for _, one in processes if one.pid is not None], LOOK_S)
        self._launcher.close()
        with self._lock:
            if self._locked is not None:
                self._locked.close()
                self._locked, self._processes = None, {}

    def follow(self, actions: Actions, config: SiteConfig | None) -> NodeReport:
        """Begin and end processes, and say how all of them do; what begins needs a `config`."""
        refused = []
        with self._lock:
            if self._locked is not None:
                for place in actions.stop:
                    if place in self._processes:
                        self._processes[place].stop()
                for place in actions.start:
                    assert config is not None
                    try:
                        self._start(place, config)
                    except MonitorError as error:
                        refused.append((place, str(error)))
            return self._report(refused)

    def stop_all(self) -> bool:
        """Tell all processes to end; whether all have."""
        with self._lock:
            for process in self._processes.values():
                process.stop()
            return not self._processes and self._locked is not None

    def _begin(self) -> bool:
        """Take the folder, and the processes that are there; False if another agent has it."""
        try:
            make_folder(self._folder)
            locked = (self._folder / "agent.lock").open("w")
        except (MonitorError, OSError) as error:
            self._fault = f"{self._folder}: {getattr(error, 'strerror', None) or error}".lower()
            return False
        try:
            fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            locked.close()
            return False
        self._locked, self._fault = locked, ""
        for folder in self._folder.glob("shard-*/*"):
            number = folder.parent.name.removeprefix("shard-")
            process = ShardProcess.found(folder, self._launcher.begin)
            if process is not None and folder.name in SLOTS and number.isdecimal():
                self._processes[Place(int(number), self._node, folder.name)] = process
        return True

    def _start(self, place: Place, config: SiteConfig) -> None:
        if place in self._processes:
            return
        folder = self._folder / f"shard-{place.shard}" / place.slot
        orders = Orders(f"{place.shard}/{config.shards}", config.fingerprint)
        self._processes[place] = ShardProcess.begun(
            folder, orders, config.text, self._launcher.begin
        )

    def _look(self, place: Place, process: ShardProcess) -> None:
        try:
            process.look()
        except (MonitorError, OSError) as error:  # such as of a full disk
            log.error("%s: %s", process.folder, error)
        if process.ended:
            del self._processes[place]

    def _measure(self) -> None:
        """See what each process costs, with all that it started."""
        used = cpu_of_sessions()
        now_s = self._clock()
        passed_s, self._measured_s = now_s - self._measured_s, now_s
        with self._lock:
            costs = {}
            for place, process in self._processes.items():
                before_s = self._used.get(process.pid or 0)
                if process.pid in used and before_s is not None and process.settled:
                    cost = max(0.0, used[process.pid] - before_s) / passed_s
                    before = self._costs.get(place, cost)
                    costs[place] = _SMOOTHED * before + (1 - _SMOOTHED) * cost
            self._costs, self._used = costs, used

    def _report(self, refused: Sequence[tuple[Place, str]]) -> NodeReport:
        found = [self._process(place, one) for place, one in sorted(self._processes.items())]
        return NodeReport(
            self._node,
            self._cores,
            __version__,
            tuple(found),
            tuple(refused),
            self._fault,
            self._zones,
        )

    def _process(self, place: Place, process: ShardProcess) -> ProcessReport:
        health = process.health
        lease = None if health is None else health.lease
        return ProcessReport(
            place,
            process.orders.config,
            process.state,
            None if lease is None else lease.epoch,
            "" if lease is None else lease.by,
            0 if health is None else sum(one.watched for one in health.cameras),
            0 if health is None else len(health.cameras),
            self._costs.get(place),
            process.error,
        )
