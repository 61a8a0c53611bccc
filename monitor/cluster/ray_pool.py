"""Jobs done by the nodes of a Ray cluster: what kills a process costs one try, a lost node none."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic

import ray
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayTaskError,
    TaskCancelledError,
    TaskUnschedulableError,
    WorkerCrashedError,
)

from monitor.cluster.ray_nodes import Trial, WorkNodes
from monitor.cluster.ray_session import in_a_line
from monitor.jobs import Function, Key, Outcome, attempt

_AHEAD = 2  # jobs under way for each that can run: the next one waits where the last one ends
_MOST_LOST = 3  # nodes; a job that was on so many may be what killed them
_NODE_ID = "ray.io/node-id"  # a label that Ray gives each node

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job(Generic[Key]):
    key: Key
    function: Function
    job: object
    nodes: frozenset[str] = frozenset()  # that may do it
    lost: int = 0  # nodes that were gone, or failed, while they were at it


class TaskPool(Generic[Key]):
    """Runs functions as tasks of the Ray that this process has joined.

    Ray places them on nodes that have passed a trial. Where a job fails, its node is tried again:
    if that fails, too, the fault is the node's, and another one does the job.
    """

    def __init__(self, trial: Trial, common: object, *, cpus: int = 1, fresh: bool = False) -> None:
        """Each task takes so many CPUs, and a process of its own if it is `fresh`.

        MonitorError if no node passes the trial.
        """
        self._common = ray.put(common)  # it travels to each node once
        self._task = ray.remote(num_cpus=cpus, max_retries=0, max_calls=int(fresh))(_work)
        self._waiting: deque[_Job[Key]] = deque()
        self._running: dict[Any, _Job[Key]] = {}  # by their calls
        self._doubted: list[tuple[str, _Job[Key], str]] = []  # failed on a node that is tried again
        self._idle_said = False
        self._nodes = WorkNodes(trial, self._common, cpus)
        self._nodes.begin()

    @property
    def has_room(self) -> bool:
        """Whether another job may be given."""
        return self.busy < max(1, _AHEAD * self._nodes.room)

    @property
    def busy(self) -> int:
        """How many jobs are under way."""
        return len(self._waiting) + len(self._running) + len(self._doubted)

    @property
    def described(self) -> str:
        """Who works, in words."""
        return self._nodes.described

    def start(self, key: Key, function: Function, job: object) -> None:
        """Begin a job; `function` is one of a module that every node has."""
        self._waiting.append(_Job(key, function, job))
        self._submit()

    def outcomes(self, timeout_s: float) -> Iterator[Outcome[Key]]:
        """What has become of jobs, once one has ended or some time has passed."""
        self._submit()
        calls = [*self._running, *self._nodes.calls]
        if calls:
            ray.wait(calls, timeout=timeout_s)
        else:
            time.sleep(timeout_s)
        self._nodes.look()
        running = list(self._running)
        ready, _ = ray.wait(running, num_returns=len(running), timeout=0) if running else ([], [])
        for call in ready:
            yield from self._outcome(self._running.pop(call), call)
        yield from self._settled()
        self._take_back()

    def close(self) -> None:
        """Give up what is under way; twice is fine."""
        for call in self._running:
            ray.cancel(call, force=True)
        self._running.clear()
        self._waiting.clear()
        self._doubted.clear()

    def _submit(self) -> None:
        """Hand what waits to Ray, if there is a node for it."""
        nodes = self._nodes.fit
        idle = bool(self._waiting) and self._nodes.none_can
        if idle and not self._idle_said:
            log.warning("no node can be given tasks now: they wait for one")
        self._idle_said = idle
        while self._waiting and nodes:
            job = replace(self._waiting.popleft(), nodes=nodes)
            task = self._task.options(label_selector={_NODE_ID: f"in({','.join(sorted(nodes))})"})
            self._running[task.remote(job.function, job.job, self._common)] = job

    def _outcome(self, job: _Job[Key], call: Any) -> Iterator[Outcome[Key]]:
        try:
            node_id, value, failure, trace = ray.get(call)
        except (WorkerCrashedError, OutOfMemoryError) as error:
            yield Outcome(job.key, failure=f"its process died: {in_a_line(error)}", crashed=True)
        except (
            NodeDiedError,
            ObjectLostError,
            TaskCancelledError,
            TaskUnschedulableError,
        ) as error:
            yield from self._again(job, in_a_line(error))
        except RayTaskError as error:
            yield Outcome(job.key, failure=in_a_line(error))
        else:
            if trace:
                log.error("%s", trace)
            if failure:
                self._nodes.doubt(node_id)
                self._doubted.append((node_id, job, failure))
            else:
                yield Outcome(job.key, value)

    def _settled(self) -> Iterator[Outcome[Key]]:
        """What has failed where the node's trial has ended since."""
        doubted, self._doubted = self._doubted, []
        for node_id, job, failure in doubted:
            fault = self._nodes.fault(node_id)
            if fault is None:
                self._doubted.append((node_id, job, failure))
            elif fault:
                yield from self._again(job, failure)
            else:
                yield Outcome(job.key, failure=failure)

    def _again(self, job: _Job[Key], why: str) -> Iterator[Outcome[Key]]:
        """Have a job done by another node, unless it may be what nodes die of."""
        if job.lost + 1 >= _MOST_LOST:
            failure = f"{_MOST_LOST} nodes were lost that were at it: {why}"
            yield Outcome(job.key, failure=failure, crashed=True)
        else:
            self._waiting.appendleft(replace(job, lost=job.lost + 1))

    def _take_back(self) -> None:
        """Take jobs back that wait for nodes of which none is there any more."""
        known = self._nodes.known
        stuck = [call for call, job in self._running.items() if not job.nodes & known]
        for call in stuck:
            self._waiting.appendleft(self._running.pop(call))
            ray.cancel(call, force=True)


def _work(function: Function, job: object, common: object) -> tuple[str, Any, str, str]:
    """What a node does: the id of the node, and what came of a job."""
    return (ray.get_runtime_context().get_node_id(), *attempt(function, job, common))
