"""A site on many machines, simulated: real are the controller and the leases, by one clock.

Faked are the machines, the time that processes take, and the watching. A step is half a second.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor import __version__
from monitor.cluster.agent import NodeReport, ProcessReport, SiteConfig
from monitor.cluster.controller import Controller
from monitor.cluster.plan import Actions, Place, ProcessState
from monitor.errors import OvertakenError
from monitor.lease.keeper import RENEW_S, LeaseKeeper
from monitor.store.lease import SHARD, Holder, Leases, Site
from monitor.store.store import EventStore

STEP_S = 0.5
BEGIN_S = 3.0  # from the order to a process that asks for its lease
OPEN_S = 1.0  # from the lease to cameras that are watched
END_S = 0.5  # from the order to a lease that was given back
AGAIN_S = 0.5  # until the agent begins a process again that died
KILLED_SEEN_S = 4.7  # until Ray takes a node for dead whose processes are gone, by health checks
FROZEN_SEEN_S = 8.0  # the same of one that is frozen or cut off: 1 s, 3 times
REJOIN_S = 10.0  # from a machine that is back to a node of Ray


@dataclass
class Machine:
    """A machine, as far as it matters here."""

    name: str
    cores: float
    up: bool = True  # its processes run
    reached: bool = True  # by Ray
    joined_s: float = 0.0  # since when it is a node, if it is one
    lost_s: float | None = None  # since when Ray cannot reach it
    seen_s: float = KILLED_SEEN_S  # that Ray takes to notice
    processes: dict[Place, ShardProcess] = field(default_factory=dict)
    zones: tuple[str, ...] = ()  # whose cameras it reaches

    def is_node(self, now_s: float) -> bool:
        """Whether Ray takes it for alive."""
        if self.lost_s is not None:
            return now_s - self.lost_s < self.seen_s
        return now_s >= self.joined_s


class World:
    """All of it. `step` lets half a second pass."""

    def __init__(
        self,
        machines: Sequence[Machine],
        costs: Sequence[float],
        store: EventStore,
        zones: Sequence[str],  # of the shards
    ) -> None:
        self.now_s = 0.0
        self.machines = {one.name: one for one in machines}
        self.costs = costs  # of shards, from 1
        self.leases = Leases(store, self._database_clock)
        self.site = Site("site", len(costs), "")
        self.config = SiteConfig("site", tuple(zones), {}, "/", "1", "")
        self.controller = Controller(self.config, (), lambda: self.now_s)
        self.begun = 0  # processes so far
        self.doubles = 0  # steps in which two processes of a shard could write

    def _database_clock(self, connection: Connection) -> sa.ColumnElement[int]:
        return sa.literal(round((self.now_s + 1000) * 1000), sa.BigInteger)

    def step(self) -> None:
        """Let every process and, each second, the controller do what is due."""
        self.now_s += STEP_S
        for machine in self.machines.values():
            if machine.up:
                for process in list(machine.processes.values()):
                    process.step()
                machine.processes = {
                    place: one for place, one in machine.processes.items() if not one.ended
                }
        if self.now_s % 1 == 0:
            self._place()
        writing = [one.place.shard for one in self._processes() if one.keeper.may_write]
        self.doubles += len(writing) - len(set(writing))

    @property
    def watched(self) -> set[int]:
        """The shards whose cameras are watched."""
        return {one.place.shard for one in self._processes() if one.watches}

    @property
    def rests(self) -> bool:
        """Whether each shard is watched, and by one process."""
        return len(self._processes()) == len(self.watched) == len(self.costs)

    def loads(self) -> list[float]:
        """Of each node that is there: the cost of its shards over its cores."""
        nodes = (one for one in self.machines.values() if one.up and one.is_node(self.now_s))
        return [
            sum(self.costs[place.shard - 1] for place in one.processes) / one.cores for one in nodes
        ]

    def shards_on(self, machine: Machine) -> set[int]:
        """The shards that a machine watches."""
        return {one.place.shard for one in machine.processes.values() if one.watches}

    def kill(self, machine: Machine) -> None:
        """Its power is gone."""
        machine.up, machine.processes = False, {}
        machine.lost_s, machine.seen_s = self.now_s, KILLED_SEEN_S

    def freeze(self, machine: Machine) -> None:
        """Nothing on it gets any time."""
        machine.up = False
        machine.lost_s, machine.seen_s = self.now_s, FROZEN_SEEN_S

    def cut_off(self, machine: Machine) -> None:
        """Ray no longer reaches it; its processes run, and reach the event store."""
        machine.reached = False
        machine.lost_s, machine.seen_s = self.now_s, FROZEN_SEEN_S

    def come_back(self, machine: Machine) -> None:
        """It runs again, and joins Ray anew."""
        machine.up = machine.reached = True
        machine.lost_s, machine.joined_s = None, self.now_s + REJOIN_S

    def kill_process(self, machine: Machine, place: Place) -> None:
        """A process dies; its agent begins it again."""
        old = machine.processes[place]
        machine.processes[place] = ShardProcess(self, place, old.identity, AGAIN_S)

    def _place(self) -> None:
        nodes = [one for one in self.machines.values() if one.is_node(self.now_s)]
        self.controller.see(one.name for one in nodes)
        orders = self.controller.tell()
        for machine in nodes:
            self.controller.asked(machine.name)
            if machine.up and machine.reached:
                self.controller.hear(self._follow(machine, orders.get(machine.name, Actions())))

    def _follow(self, machine: Machine, actions: Actions) -> NodeReport:
        for place in actions.stop:
            if place in machine.processes:
                machine.processes[place].stop()
        for place in actions.start:
            if place not in machine.processes:
                self.begun += 1
                machine.processes[place] = ShardProcess(self, place, f"process {self.begun}", 0.0)
        reports = tuple(one.report() for one in machine.processes.values())
        return NodeReport(
            machine.name, machine.cores, __version__, reports, (), zones=machine.zones
        )

    def _processes(self) -> list[ShardProcess]:
        running = (one for one in self.machines.values() if one.up)
        return [process for machine in running for process in machine.processes.values()]


class ShardProcess:
    """A process of a shard: it begins, takes its lease as soon as it can, and keeps it."""

    def __init__(self, world: World, place: Place, identity: str, wait_s: float) -> None:
        self.place = place
        self.identity = identity
        self.ended = False
        self._world = world
        self._ready_s = world.now_s + wait_s + BEGIN_S
        self._held_s: float | None = None
        self._renewed_s = 0.0
        self._end_s: float | None = None
        self._tried = False
        holder = Holder(identity, f"{identity} on {place.node}")
        name = f"{SHARD}{place.shard}"
        self.keeper = LeaseKeeper(world.leases, name, holder, world.site, lambda: world.now_s)

    @property
    def watches(self) -> bool:
        """Whether its cameras are watched, and its alerts would be written."""
        opened = self._held_s is not None and self._world.now_s >= self._held_s + OPEN_S
        return opened and self._end_s is None and self.keeper.may_write

    def stop(self) -> None:
        """It is told to end."""
        self._end_s = self._end_s or self._world.now_s + END_S

    def step(self) -> None:
        """Do what is due."""
        now_s = self._world.now_s
        if self._end_s is not None and now_s >= self._end_s:
            self.keeper.close()
            self.ended = True
        elif self._held_s is None:
            if now_s >= self._ready_s:
                self._tried = True
                if self.keeper.acquire():
                    self._held_s = self._renewed_s = now_s
        elif now_s - self._renewed_s >= RENEW_S:
            self._renewed_s = now_s
            try:
                self.keeper.renew()
            except OvertakenError:
                self.ended = True

    def report(self) -> ProcessReport:
        """What its agent says of it."""
        state = ProcessState.STARTING
        if self._end_s is not None:
            state = ProcessState.STOPPING
        elif self._held_s is not None:
            state = ProcessState.HELD
        elif self._tried:
            state = ProcessState.STANDBY
        cost = self._world.costs[self.place.shard - 1]
        return ProcessReport(self.place, "1", state, None, "", 0, 0, cost, "")


@contextmanager
def made(
    machines: int, cores: float, costs: Sequence[float], zones: Sequence[str] = ("",)
) -> Iterator[World]:
    """A world with so many machines of so many cores, that has come to rest.

    Machines and shards are of the zones in turn.
    """
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        store = EventStore(str(Path(folder) / "leases.sqlite"))
        try:
            found = [
                Machine(f"m{number:02}", cores, zones=tuple(filter(None, [zone])))
                for number, zone in zip(range(1, machines + 1), cycle(zones))
            ]
            world = World(found, costs, store, list(islice(cycle(zones), len(costs))))
            while not world.rests:
                world.step()
            yield world
        finally:
            store.close()


def shard_costs(cameras: int, shards: int, busy: float, draw: random.Random) -> list[float]:
    """Cores that each shard keeps busy, if that share of its cameras sees something move."""
    idle_cost, busy_cost = 0.02, 0.1  # cores, of a 1080p camera: benchmarks/performance
    found = [0.0] * shards
    for _ in range(cameras):
        cost = busy_cost if draw.random() < busy else idle_cost
        found[draw.randrange(shards)] += cost
    return found
