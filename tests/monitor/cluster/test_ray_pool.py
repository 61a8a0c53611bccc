"""What becomes of jobs whose nodes are lost, where Ray only seems to be."""

from collections.abc import Iterable
from typing import Any

import pytest
from ray.exceptions import NodeDiedError, OutOfMemoryError

from monitor.cluster import ray_pool
from monitor.cluster.ray_nodes import Trial
from monitor.cluster.ray_pool import TaskPool
from monitor.jobs import Outcome


def work(job: object, common: object) -> None:
    """What no test ever runs."""


class Ray:
    """Takes tasks, whose results are put there by hand."""

    def __init__(self) -> None:
        self.given: list[tuple[object, str]] = []  # jobs, and which nodes may do each
        self.results: dict[int, Any] = {}  # by the place of the task among those given
        self.cancelled: list[int] = []

    def put(self, value: object) -> object:
        return value

    def remote(self, **options: object) -> Any:
        return lambda function: self

    def options(self, label_selector: dict[str, str]) -> Any:
        ray, (nodes,) = self, label_selector.values()

        class Task:
            def remote(self, function: object, job: object, common: object) -> int:
                ray.given.append((job, nodes))
                return len(ray.given) - 1

        return Task()

    def wait(
        self, calls: Iterable[int], num_returns: int = 1, timeout: float = 0
    ) -> tuple[list[int], list[int]]:
        return [call for call in calls if call in self.results], []

    def get(self, call: int) -> Any:
        if isinstance(found := self.results[call], Exception):
            raise found
        return found

    def cancel(self, call: int, force: bool) -> None:
        self.cancelled.append(call)


class Nodes:
    """Nodes of two CPUs each that have passed their trial."""

    def __init__(self, *_: object) -> None:
        self.fit = self.known = frozenset({"a", "b"})
        self.calls: list[int] = []
        self.doubted: list[str] = []
        self.none_can = False

    def begin(self) -> None:
        pass

    def look(self) -> None:
        pass

    @property
    def room(self) -> int:
        return 2 * len(self.fit)

    def doubt(self, node_id: str) -> None:
        self.doubted.append(node_id)

    def fault(self, node_id: str) -> str:
        return ""


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Ray:
    made = Ray()
    monkeypatch.setattr(ray_pool, "ray", made)
    monkeypatch.setattr(ray_pool, "WorkNodes", Nodes)
    return made


@pytest.fixture
def pool(ray: Ray) -> TaskPool[str]:
    return TaskPool(Trial(work, lambda: None), None)


def outcomes(pool: TaskPool[str]) -> list[Outcome[str]]:
    return list(pool.outcomes(0))


def test_no_more_is_under_way_than_twice_the_cpus(pool: TaskPool[str], ray: Ray) -> None:
    while pool.has_room:
        pool.start("key", work, "job")
    assert pool.busy == 8
    assert ray.given == [("job", "in(a,b)")] * 8
    ray.results[3] = ("a", "found", "", "")
    assert outcomes(pool) == [Outcome("key", "found")]
    assert pool.has_room


def test_a_lost_node_costs_no_try_but_the_third_one_does(pool: TaskPool[str], ray: Ray) -> None:
    pool.start("key", work, "job")
    for call in range(3):
        ray.results[call] = NodeDiedError("the node died\nand more")
        found = outcomes(pool)
        assert len(found) == (call == 2)
        pool.outcomes(0)
    failure = "3 nodes were lost that were at it: the node died"
    assert found == [Outcome("key", failure=failure, crashed=True)]
    assert len(ray.given) == 3
    assert not pool.busy


def test_memory_that_ran_out_is_a_crash(pool: TaskPool[str], ray: Ray) -> None:
    pool.start("key", work, "job")
    ray.results[0] = OutOfMemoryError("low on memory")
    failure = "its process died: low on memory"
    assert outcomes(pool) == [Outcome("key", failure=failure, crashed=True)]


@pytest.mark.expects_errors
def test_a_fault_of_the_program_is_told_with_its_traceback(
    pool: TaskPool[str], ray: Ray, caplog: pytest.LogCaptureFixture
) -> None:
    pool.start("key", work, "job")
    ray.results[0] = ("a", None, "KeyError: 'x'", "Traceback: in work")
    assert outcomes(pool) == [Outcome("key", failure="KeyError: 'x'")]
    assert caplog.messages == ["Traceback: in work"]


def test_what_waits_for_nodes_that_are_gone_is_given_to_others(
    pool: TaskPool[str], ray: Ray, caplog: pytest.LogCaptureFixture
) -> None:
    pool.start("key", work, "job")
    nodes: Any = pool._nodes
    nodes.fit = nodes.known = frozenset()
    nodes.none_can = True
    assert outcomes(pool) == []
    assert ray.cancelled == [0]
    assert outcomes(pool) == outcomes(pool) == []
    assert caplog.messages == ["no node can be given tasks now: they wait for one"]
    nodes.fit = nodes.known = frozenset({"c"})
    nodes.none_can = False
    assert outcomes(pool) == []
    assert ray.given == [("job", "in(a,b)"), ("job", "in(c)")]
    ray.results[1] = ("c", "found", "", "")
    assert outcomes(pool) == [Outcome("key", "found")]
    pool.close()
    assert ray.cancelled == [0]
