"""The nodes of a Ray cluster that are given tasks: each is tried first, and one that joins, too."""

from __future__ import annotations

import logging
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError

from monitor import __version__
from monitor.cluster.ray_session import (
    AUTH_MODE,
    BEGIN_S,
    TOKEN,
    auth_mode,
    in_a_line,
    nodes_alive,
    pinned,
)
from monitor.errors import MonitorError
from monitor.jobs import Function, attempt
from monitor.names import how_many

AGAIN_S = 60.0  # after which a node that is given no tasks is tried once more
_LOOK_S = 1.0  # from one look at the nodes to the next

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """What a node must do without an error before it is given tasks."""

    function: Function
    job: Callable[[], object]  # what it is to be done with, made for each trial


@dataclass
class _Node:
    name: str
    cpus: float
    fault: str | None = None  # why it is given none; empty: it is given some; None: not known yet
    call: Any = None  # of its trial, while that is under way
    again_s: float = 0.0  # when it is tried once more


class WorkNodes:
    """Which nodes are given tasks, and why others are not, which is logged once."""

    def __init__(self, trial: Trial, common: Any, cpus: int) -> None:
        """`common` refers to what all tasks have in common; each takes so many CPUs."""
        self._trial = trial
        self._common = common
        self._cpus = cpus
        self._nodes: dict[str, _Node] = {}
        self._said: dict[str, str] = {}  # why a node is given none, by its name
        self._looked_s = 0.0

    def begin(self) -> None:
        """Try all nodes that are there; MonitorError if none can be given tasks."""
        self.look()
        deadline_s = time.monotonic() + BEGIN_S
        while (calls := self.calls) and time.monotonic() < deadline_s:
            ray.wait(calls, num_returns=len(calls), timeout=_LOOK_S)
            self.look()
        for node in self._nodes.values():
            if node.call is not None:
                log.warning("node %s has not answered: it is given no tasks until then", node.name)
        if not self.fit:
            faults = [f"node {one.name}: {one.fault}" for one in self._nodes.values() if one.fault]
            raise MonitorError(
                f"no node can be given tasks: {'; '.join(faults) or 'none has answered'}"
            )

    def look(self) -> None:
        """See which nodes are there, begin trials, and hear of those that have ended."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= _LOOK_S:
            self._looked_s = now_s
            self._see(nodes_alive())
        self._hear()
        for node_id, node in self._nodes.items():
            if node.call is None and (node.fault is None or (node.fault and now_s > node.again_s)):
                self._try(node_id, node)

    @property
    def calls(self) -> list[Any]:
        """The trials that are under way."""
        return [node.call for node in self._nodes.values() if node.call is not None]

    @property
    def fit(self) -> frozenset[str]:
        """The ids of nodes that are given tasks."""
        return frozenset(node_id for node_id, one in self._nodes.items() if one.fault == "")

    @property
    def none_can(self) -> bool:
        """Whether every node has a fault, and none is tried just now."""
        return all(one.fault for one in self._nodes.values())

    @property
    def known(self) -> frozenset[str]:
        """The ids of all nodes that are there."""
        return frozenset(self._nodes)

    @property
    def room(self) -> int:
        """How many tasks can run at a time, if nobody else's do."""
        return sum(int(self._nodes[one].cpus // self._cpus) for one in self.fit)

    @property
    def described(self) -> str:
        """Who works, in words."""
        cpus = sum(self._nodes[one].cpus for one in self.fit)
        return f"{how_many(cpus, 'CPU')} of {how_many(len(self.fit), 'node')}"

    def fault(self, node_id: str) -> str | None:
        """Why a node is given no tasks; empty if it is, None while it is tried."""
        node = self._nodes.get(node_id)
        return "it is gone" if node is None else node.fault

    def doubt(self, node_id: str) -> None:
        """Try a node once more, on which a task has failed; until then it is given none."""
        node = self._nodes.get(node_id)
        if node is not None and node.fault == "":
            node.fault = None

    def _see(self, alive: list[dict[str, Any]]) -> None:
        there = {one["NodeID"]: one for one in alive if one["Resources"].get("CPU", 0) > 0}
        for node_id in self._nodes.keys() - there.keys():
            log.warning("node %s is gone: others do its tasks", self._nodes.pop(node_id).name)
        for node_id, one in there.items():
            if node_id not in self._nodes:
                self._nodes[node_id] = _Node(one["NodeName"], one["Resources"]["CPU"])

    def _try(self, node_id: str, node: _Node) -> None:
        if node.cpus < self._cpus:
            self._note(node, f"it has {node.cpus:g} CPUs, and each task takes {self._cpus}")
            return
        node.call = (
            ray.remote(_try_out)
            .options(num_cpus=0, max_retries=0, scheduling_strategy=pinned(node_id))
            # What another version could not read is packed, or behind a reference.
            .remote(
                __version__,
                pickle.dumps((self._trial.function, self._trial.job())),
                [self._common],
            )
        )

    def _hear(self) -> None:
        calls = {node.call: node for node in self._nodes.values() if node.call is not None}
        ready, _ = ray.wait(list(calls), num_returns=len(calls), timeout=0) if calls else ([], [])
        for call in ready:
            try:
                fault = ray.get(call)
            except RayError as error:
                fault = f"har-monitor {__version__} does not run there: {in_a_line(error)}"
            calls[call].call = None
            self._note(calls[call], fault)

    def _note(self, node: _Node, fault: str) -> None:
        node.fault = fault
        node.again_s = time.monotonic() + AGAIN_S
        if fault and self._said.get(node.name) != fault:
            log.warning("node %s is given no tasks: %s", node.name, fault)
        self._said[node.name] = fault


def _try_out(version: str, packed: bytes, common: list[Any]) -> str:
    """Why a node, on which this runs, is given no tasks; empty if it is."""
    if (mode := auth_mode()) != TOKEN:
        return f"its Ray was started with {AUTH_MODE}={mode}; {TOKEN} is needed"
    if version != __version__:
        return f"it has har-monitor {__version__}; {version} is needed"
    function, job = pickle.loads(packed)
    return attempt(function, job, ray.get(common[0]))[1]
