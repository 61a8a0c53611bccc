"""Which process of which shard is to begin where, and which is to end: a decision without memory.

    wanted shards, nodes, processes that there are, what shards cost  ->  starts and stops

It is taken anew every second, of what is seen then. So it does not matter which order was lost, who
gave it, or what was begun by a controller that is gone.

A shard may have two processes for a while. That is safe: its lease lets one of them write. A shard
changes hands so: its next process begins and stands by; then the old one is told to end, and gives
the lease back; then the next one has it. If nobody watches a shard, nothing is waited for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from monitor.cluster.balance import Loads

SLOTS = ("a", "b")  # so many processes of a shard may be on one node, each with its own folder


class ProcessState(StrEnum):
    """How a shard's process does."""

    STARTING = "starting"
    STANDBY = "standby"  # another process has the shard's lease
    HELD = "held"  # it has the lease: it watches
    FAILED = "failed"  # it ended by itself, again and again
    STOPPING = "stopping"  # it was told to end


@dataclass(frozen=True, order=True)
class Place:
    """Where a process of a shard is, or is to be."""

    shard: int
    node: str
    slot: str


@dataclass(frozen=True)
class Process:
    """A process of a shard that is there."""

    place: Place
    config: str  # fingerprint of its configuration
    state: ProcessState


@dataclass(frozen=True)
class Node:
    """A machine that answers."""

    name: str
    cores: float
    leaving: bool = False  # it is to have no shards
    zones: tuple[str, ...] = ()  # whose cameras it reaches; none: those that name no zone

    def reaches(self, zone: str) -> bool:
        """Whether it reaches the cameras of a zone; empty: those that name none."""
        return zone in (self.zones or ("",))


@dataclass(frozen=True)
class Wanted:
    """What is to be watched, by a configuration with this fingerprint."""

    zones: tuple[str, ...]  # of the shards, from 1 on
    config: str

    @property
    def shards(self) -> range:
        """Their numbers."""
        return range(1, len(self.zones) + 1)

    def zone(self, shard: int) -> str:
        """Of a shard."""
        return self.zones[shard - 1]


@dataclass(frozen=True)
class Actions:
    """What is to be done now."""

    start: tuple[Place, ...] = ()
    stop: tuple[Place, ...] = ()


Unfit = Collection[tuple[int, str]]  # shards, and nodes on which they failed a short while ago


def reconcile(
    wanted: Wanted,
    nodes: Iterable[Node],
    processes: Iterable[Process],
    costs: Mapping[int, float],  # of shards, where known: cores that they keep busy
    unfit: Unfit = (),
) -> Actions:
    """What is to be done so that each shard has one process, on a node that may keep it."""
    return _Decision(wanted, nodes, processes, costs, unfit).made()


class _Decision:
    def __init__(
        self,
        wanted: Wanted,
        nodes: Iterable[Node],
        processes: Iterable[Process],
        costs: Mapping[int, float],
        unfit: Unfit,
    ) -> None:
        self._wanted = wanted
        self._nodes = {node.name: node for node in nodes}
        self._unfit = unfit
        self._there: dict[int, list[Process]] = defaultdict(list)
        for one in sorted(processes, key=lambda one: one.place):
            if one.place.node in self._nodes:
                self._there[one.place.shard].append(one)
        self._loads = Loads({node.name: node.cores for node in self._nodes.values()}, costs)
        self._start: list[Place] = []
        self._stop: list[Place] = []

    def made(self) -> Actions:
        shards = self._wanted.shards
        for shard, there in self._there.items():
            if shard not in shards:
                self._end(there)
        homes = self._homes(shards)
        unwatched = []
        for shard in shards:
            live = _live(self._there[shard])
            if not live:
                unwatched.append(shard)
                continue
            self._end(self._failed(shard))
            self._end_others(homes.get(shard, live[0]))
        for shard in sorted(unwatched, key=lambda shard: (-self._loads.cost(shard), shard)):
            self._begin_unwatched(shard)
        if not any(map(self._is_changing, shards)):
            self._change_hands(shards, homes)
        return Actions(tuple(self._start), tuple(self._stop))

    def _homes(self, shards: Sequence[int]) -> dict[int, Process]:
        """The process of each shard that is to stay, of those that may."""
        homes = {}
        several = []
        for shard in shards:
            fitting = [one for one in _live(self._there[shard]) if self._may_stay(one)]
            if len(fitting) == 1:
                homes[shard] = fitting[0]
                self._loads.add(shard, fitting[0].place.node)
            elif fitting:
                several.append((shard, fitting))
            elif there := _live(self._there[shard]):  # it changes hands later; until then it works
                self._loads.add(shard, there[0].place.node)
        for shard, fitting in several:
            homes[shard] = min(fitting, key=self._preference)
            self._loads.add(shard, homes[shard].place.node)
        return homes

    def _may_stay(self, process: Process) -> bool:
        node, shard = self._nodes[process.place.node], process.place.shard
        return process.config == self._wanted.config and self._may_have(node, shard)

    def _may_have(self, node: Node, shard: int) -> bool:
        return not node.leaving and node.reaches(self._wanted.zone(shard))

    def _preference(self, process: Process) -> tuple[float, bool, Place]:
        """Less is better: where there is less to do, if that is worth a change of hands."""
        held = process.state is ProcessState.HELD
        place = process.place
        return self._loads.rank(place.shard, place.node, is_there=held), not held, place

    def _end_others(self, home: Process) -> None:
        """End the other processes of a shard, once the one that stays can take over."""
        if home.state in (ProcessState.HELD, ProcessState.STANDBY):
            self._end(one for one in _live(self._there[home.place.shard]) if one is not home)

    def _begin_unwatched(self, shard: int) -> None:
        """Begin a shard that nobody watches, and for which nobody stands by."""
        node = self._lightest(shard) or self._lightest(shard, even_leaving=True)
        failed = self._failed(shard)
        if node is None or any(one.place.node == node for one in failed):
            return  # each node tries again what failed there
        if self._begin(shard, node):
            self._end(failed)

    def _failed(self, shard: int) -> list[Process]:
        return [one for one in self._there[shard] if one.state is ProcessState.FAILED]

    def _is_changing(self, shard: int) -> bool:
        """Whether a shard is about to be watched, or changes hands."""
        there = self._there[shard]
        starting = any(one.state is ProcessState.STARTING for one in there)
        return starting or len(there) > 1 or any(one.shard == shard for one in self._start)

    def _change_hands(self, shards: Iterable[int], homes: Mapping[int, Process]) -> None:
        """Have one shard change hands: because its process must not stay, or to even out."""
        for shard in shards:
            live = _live(self._there[shard])
            if shard in homes or not live:
                continue
            before = live[0].place.node
            may_stay = self._may_have(self._nodes[before], shard)
            stays = may_stay and (shard, before) not in self._unfit
            node = before if stays else self._lightest(shard)
            if node is not None:
                self._begin(shard, node)
                return
            if live[0].config != self._wanted.config:
                return  # what fails for this shard is not tried on the next one
        movable = [
            shard
            for shard, home in homes.items()
            if home.state is ProcessState.HELD and len(self._there[shard]) == 1
        ]
        for zone in sorted(set(self._wanted.zones)):
            if (move := self._evening_out(movable, zone)) is not None:
                self._begin(*move)
                return

    def _evening_out(self, movable: Iterable[int], zone: str) -> tuple[int, str] | None:
        """The shard of a zone whose move evens out most, and where to; None if it is even."""
        shunned = {node for _, node in self._unfit}
        usable = [
            node.name
            for node in self._nodes.values()
            if not node.leaving and node.reaches(zone) and node.name not in shunned
        ]
        own = [shard for shard in movable if self._wanted.zone(shard) == zone]
        return self._loads.move(own, usable)

    def _lightest(self, shard: int, *, even_leaving: bool = False) -> str | None:
        usable = [
            node.name
            for node in self._nodes.values()
            if (even_leaving or not node.leaving)
            and node.reaches(self._wanted.zone(shard))
            and (shard, node.name) not in self._unfit
        ]
        return self._loads.lightest(shard, usable)

    def _begin(self, shard: int, node: str) -> bool:
        """Begin a shard's process in a folder that is free; False if there is none."""
        taken = {one.place.slot for one in self._there[shard] if one.place.node == node}
        slot = next((slot for slot in SLOTS if slot not in taken), None)
        if slot is None:
            return False
        self._start.append(Place(shard, node, slot))
        self._loads.add(shard, node)
        return True

    def _end(self, processes: Iterable[Process]) -> None:
        told = ProcessState.STOPPING
        self._stop += [one.place for one in processes if one.state is not told]


def _live(processes: Iterable[Process]) -> list[Process]:
    """Those that watch or will, the one with the lease first."""
    ended = (ProcessState.FAILED, ProcessState.STOPPING)
    live = [one for one in processes if one.state not in ended]
    return sorted(live, key=lambda one: one.state is not ProcessState.HELD)
