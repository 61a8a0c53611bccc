"""What places a site's shards: remembers what nodes said last, and decides what each is told next.

It knows no engine: somebody tells it which nodes there are, carries its orders to them and brings
back their reports. What it forgets with its process, it learns again from the first reports.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from monitor import __version__
from monitor.cluster.agent import NodeReport, ProcessReport, SiteConfig
from monitor.cluster.plan import Actions, Node, Process, ProcessState, Wanted, reconcile

# A node that was asked and says nothing for so long may be gone: its shards begin elsewhere, and
# stand by there.
SILENT_S = 5.0
PATIENCE_S = 15.0  # that nodes have to be heard of for the first time
UNFIT_S = 60.0  # for which a shard is not begun where it failed
_COST = 1e-3  # cores


@dataclass(frozen=True)
class NodeStatus:
    """How a node does, for people."""

    name: str
    state: str
    cores: float
    busy: float  # cores, by its shards
    shards: int
    zones: tuple[str, ...] = ()  # whose cameras it reaches; none: those that name no zone


@dataclass(frozen=True)
class ClusterStatus:
    """How a site does, for people and for the command."""

    config: str  # fingerprint
    zones: tuple[str, ...]  # of the shards, from 1 on
    cameras: Mapping[str, str]  # their zones, by their names
    folder: str
    nodes: tuple[NodeStatus, ...]
    processes: tuple[ProcessReport, ...]
    errors: tuple[str, ...]
    leaving: tuple[str, ...]
    standby: str = ""  # why this cluster places nothing

    @property
    def shards(self) -> int:
        """How many there are."""
        return len(self.zones)

    @property
    def well(self) -> bool:
        """Whether each shard is watched by its one process, by the present configuration."""
        there = [one.place.shard for one in self.processes]
        return (
            not self.standby
            and sorted(there) == list(range(1, self.shards + 1))
            and all(
                one.state is ProcessState.HELD and one.config == self.config
                for one in self.processes
            )
        )


class Controller:
    """Decides for one site. Not to be called by two threads at once."""

    def __init__(
        self, config: SiteConfig, leaving: Collection[str], clock: Callable[[], float]
    ) -> None:
        self._config = config
        self._leaving = frozenset(leaving)
        self._clock = clock
        self._began_s = clock()
        self._alive: frozenset[str] = frozenset()
        self._reports: dict[str, NodeReport] = {}
        self._asked_s: dict[str, float] = {}  # since when nodes have not answered
        self._told: dict[str, Actions] = {}  # of nodes that have not answered since
        self._costs: dict[int, float] = {}
        self._unfit: dict[tuple[int, str], float] = {}  # until when
        self._errors: dict[tuple[int, str], str] = {}

    def see(self, alive: Iterable[str]) -> None:
        """These nodes are there just now; what is known of others is forgotten."""
        self._alive = frozenset(alive)
        for name in set(self._reports) - self._alive:
            del self._reports[name]
            self._told.pop(name, None)
        self._asked_s = {name: at_s for name, at_s in self._asked_s.items() if name in self._alive}

    def asked(self, node: str) -> None:
        """A node was asked just now, and told what `tell` said."""
        self._asked_s.setdefault(node, self._clock())

    def hear(self, report: NodeReport) -> None:
        """A node has followed what it was told last, and says how it does."""
        self._told.pop(report.node, None)
        self._asked_s.pop(report.node, None)
        if report.node not in self._alive:
            return
        self._reports[report.node] = report
        for one in report.processes:
            key = one.place.shard, report.node
            if one.state is ProcessState.HELD and one.cost is not None:
                self._costs[one.place.shard] = max(one.cost, _COST)
            if one.state is ProcessState.FAILED:
                self._fail(key, one.error)
            elif one.state is ProcessState.HELD:
                self._errors.pop(key, None)
        for place, why in report.refused:
            self._fail((place.shard, report.node), why)

    def tell(self) -> dict[str, Actions]:
        """What each node is to do now that has answered what it was asked before."""
        now_s = self._clock()
        self._unfit = {key: until for key, until in self._unfit.items() if until > now_s}
        if self._waits:
            return {}  # perhaps they have all shards already
        nodes = [
            Node(one.node, max(one.cores, 1.0), one.node in self._leaving, one.zones)
            for one in self._reports.values()
            if self._state_of(one) in ("", _LEAVING)
        ]
        wanted = Wanted(self._config.zones, self._config.fingerprint)
        actions = reconcile(wanted, nodes, self._processes(), self._costs, set(self._unfit))
        orders: dict[str, Actions] = {}
        for name in sorted(self._reports.keys() - self._told.keys() - self._asked_s.keys()):
            start = tuple(place for place in actions.start if place.node == name)
            stop = tuple(place for place in actions.stop if place.node == name)
            if start or stop:
                orders[name] = Actions(start, stop)
        self._told |= orders
        return orders

    def status(self, standby: str = "") -> ClusterStatus:
        """How all of it does."""
        processes = [one for report in self._reports.values() for one in report.processes]
        errors = [
            f"shard {shard} on {node}: {why}"
            for (shard, node), why in sorted(self._errors.items())
            if (shard, node) in self._unfit
        ]
        errors += self._unreached()
        names = sorted(self._alive | set(self._leaving))
        return ClusterStatus(
            self._config.fingerprint,
            self._config.zones,
            self._config.cameras,
            self._config.folder,
            tuple(self._node_status(name) for name in names),
            tuple(sorted(processes, key=lambda one: one.place)),
            tuple(errors),
            tuple(sorted(self._leaving)),
            standby,
        )

    @property
    def _waits(self) -> bool:
        """Whether nodes have not been heard of yet, but may be."""
        silent = self._alive - set(self._reports)
        return bool(silent) and self._clock() - self._began_s < PATIENCE_S

    def _unreached(self) -> list[str]:
        """The zones whose cameras no node reaches, once it is known."""
        if self._waits:
            return []
        nodes = [Node(one.node, one.cores, zones=one.zones) for one in self._reports.values()]
        return [
            f"{f'zone {zone}' if zone else 'cameras without a zone'}: no node reaches them"
            for zone in sorted(set(self._config.zones))
            if not any(node.reaches(zone) for node in nodes)
        ]

    def _fail(self, key: tuple[int, str], why: str) -> None:
        self._unfit[key] = self._clock() + UNFIT_S
        self._errors[key] = why

    def _state_of(self, report: NodeReport) -> str:
        """What is wrong with a node; empty if nothing is."""
        now_s = self._clock()
        silent_s = now_s - self._asked_s.get(report.node, now_s)
        if silent_s > SILENT_S:
            return f"silent for {silent_s:.0f} s"
        if report.fault:
            return report.fault
        if report.version != __version__:
            return f"it has har-monitor {report.version}; here is {__version__}"
        return _LEAVING if report.node in self._leaving else ""

    def _processes(self) -> list[Process]:
        """The processes that there are, or will be once all that was told is done."""
        found = {
            one.place: Process(one.place, one.config, one.state)
            for report in self._reports.values()
            for one in report.processes
        }
        for actions in self._told.values():
            for place in actions.start:
                new = Process(place, self._config.fingerprint, ProcessState.STARTING)
                found.setdefault(place, new)
            for place in actions.stop:
                if place in found:
                    found[place] = replace(found[place], state=ProcessState.STOPPING)
        return list(found.values())

    def _node_status(self, name: str) -> NodeStatus:
        if name not in self._reports:
            state = "not heard of yet" if name in self._alive else "gone"
            return NodeStatus(name, state, 0.0, 0.0, 0)
        report = self._reports[name]
        held = [one for one in report.processes if one.state is ProcessState.HELD]
        busy = sum(one.cost or 0.0 for one in held)
        state = self._state_of(report) or "ready"
        return NodeStatus(name, state, report.cores, busy, len(held), report.zones)


_LEAVING = "leaving"
