"""What the controller remembers between two looks, and what it makes of nodes that say nothing."""

from dataclasses import replace

import pytest

from monitor import __version__
from monitor.cluster.agent import NodeReport, ProcessReport, SiteConfig
from monitor.cluster.controller import PATIENCE_S, SILENT_S, UNFIT_S, Controller
from monitor.cluster.plan import Actions, Place, ProcessState
from testkit.fakes import Clock

CONFIG = SiteConfig("home", ("", ""), {}, "/", "1", "")
ONE, TWO = Place(1, "a", "a"), Place(2, "b", "a")


def process(
    place: Place, state: ProcessState = ProcessState.HELD, error: str = ""
) -> ProcessReport:
    return ProcessReport(place, "1", state, 1, "", 3, 3, 0.5, error)


def report(node: str, *processes: ProcessReport) -> NodeReport:
    return NodeReport(node, 4, __version__, processes, ())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def controller(clock: Clock) -> Controller:
    made = Controller(CONFIG, (), clock)
    made.see(["a", "b"])
    return made


def test_nothing_is_placed_until_every_node_was_heard_of_for_it_may_have_all_shards(
    controller: Controller,
) -> None:
    controller.hear(report("a"))
    assert controller.tell() == {}
    controller.hear(report("b", process(ONE), process(TWO)))
    assert all(actions.stop == () for actions in controller.tell().values())


def test_a_node_that_is_never_heard_of_is_not_waited_for_for_ever(
    controller: Controller, clock: Clock
) -> None:
    clock.now_s += PATIENCE_S
    controller.hear(report("a"))
    assert {place.shard for place in controller.tell()["a"].start} == {1, 2}
    assert controller.status().nodes[1].state == "not heard of yet"


def test_a_zone_that_no_node_reaches_is_said(clock: Clock) -> None:
    controller = Controller(replace(CONFIG, zones=("", "north")), (), clock)
    controller.see(["a", "b"])
    controller.hear(report("a"))
    assert controller.status().errors == (), "b may reach it"
    controller.hear(report("b"))
    assert {place.shard for told in controller.tell().values() for place in told.start} == {1}
    assert controller.status().errors == ("zone north: no node reaches them",)
    controller.hear(replace(report("b"), zones=("north",)))
    assert controller.status().errors == ()
    assert controller.status().nodes[1].zones == ("north",)
    assert controller.tell() == {"b": Actions(start=(TWO,))}
    controller.see(["b"])
    (fault,) = controller.status().errors
    assert fault == "cameras without a zone: no node reaches them"


def test_what_was_told_is_not_told_again_while_it_is_not_answered(controller: Controller) -> None:
    controller.hear(report("a"))
    controller.hear(report("b"))
    told = controller.tell()
    assert sorted(place for actions in told.values() for place in actions.start) == [ONE, TWO]
    assert controller.tell() == {}
    controller.hear(report("a", process(ONE)))
    assert controller.tell() == {}


def test_an_order_that_was_lost_is_given_again(controller: Controller) -> None:
    controller.hear(report("a"))
    controller.hear(report("b", process(TWO)))
    assert controller.tell() == {"a": Actions(start=(ONE,))}
    controller.hear(report("a"))
    assert controller.tell() == {"a": Actions(start=(ONE,))}


def test_the_shards_of_a_node_that_says_nothing_begin_elsewhere(
    controller: Controller, clock: Clock
) -> None:
    controller.hear(report("a", process(ONE)))
    controller.hear(report("b", process(TWO)))
    controller.asked("b")
    clock.now_s += SILENT_S + 1
    controller.hear(report("a", process(ONE)))
    assert controller.tell() == {"a": Actions(start=(Place(2, "a", "a"),))}
    assert controller.status().nodes[1].state == "silent for 6 s"


def test_a_node_that_was_not_asked_is_not_silent_for_it_was_the_controller_that_slept(
    controller: Controller, clock: Clock
) -> None:
    controller.hear(report("a", process(ONE)))
    controller.hear(report("b", process(TWO)))
    clock.now_s += 100
    assert controller.tell() == {}
    controller.asked("a")
    controller.asked("b")
    controller.hear(report("a", process(ONE)))
    assert controller.tell() == {}


def test_when_it_is_back_one_of_both_processes_ends(controller: Controller) -> None:
    standby = replace(process(Place(2, "a", "a")), state=ProcessState.STANDBY)
    controller.hear(report("a", process(ONE), standby))
    controller.hear(report("b", process(TWO)))
    assert controller.tell() == {"a": Actions(stop=(Place(2, "a", "a"),))}


def test_a_node_that_is_gone_is_forgotten_and_a_report_that_comes_late_is_ignored(
    controller: Controller,
) -> None:
    for one in (report("a", process(ONE)), report("b", process(TWO))):
        controller.hear(one)
    controller.see(["a"])
    controller.hear(report("b", process(TWO)))
    assert controller.tell() == {"a": Actions(start=(Place(2, "a", "a"),))}
    assert [node.name for node in controller.status().nodes] == ["a"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "0.1"}, f"it has har-monitor 0.1; here is {__version__}"),
        ({"fault": "its disk is full"}, "its disk is full"),
    ],
)
def test_a_node_with_a_fault_has_no_shards_and_the_status_says_why(
    controller: Controller, change: dict[str, str], said: str
) -> None:
    controller.hear(report("a", process(ONE)))
    controller.hear(replace(report("b"), **change))  # type: ignore[arg-type]
    assert controller.tell() == {"a": Actions(start=(Place(2, "a", "a"),))}
    assert controller.status().nodes[1].state == said


def test_where_a_shard_failed_it_is_not_tried_for_some_time(
    controller: Controller, clock: Clock
) -> None:
    failed = process(TWO, ProcessState.FAILED, "no such model")
    controller.hear(report("a", process(ONE)))
    controller.hear(report("b", failed))
    begun = Place(2, "a", "a")
    assert controller.tell() == {"a": Actions(start=(begun,)), "b": Actions(stop=(TWO,))}
    assert controller.status().errors == ("shard 2 on b: no such model",)
    controller.hear(report("b"))
    controller.hear(report("a", process(ONE), process(begun)))
    assert controller.tell() == {}, "it would be even, but it failed there"
    clock.now_s += UNFIT_S
    controller.hear(report("b"))
    controller.hear(report("a", process(ONE), process(begun)))
    assert list(controller.tell()) == ["b"]


def test_a_process_that_cannot_be_begun_is_a_failure(controller: Controller) -> None:
    controller.hear(report("a", process(ONE)))
    controller.hear(replace(report("b"), refused=((TWO, "permission denied"),)))
    assert controller.tell() == {"a": Actions(start=(Place(2, "a", "a"),))}
    assert controller.status().errors == ("shard 2 on b: permission denied",)


def test_all_is_well_if_each_shard_has_one_process_of_the_present_configuration(
    controller: Controller,
) -> None:
    controller.hear(report("a", process(ONE)))
    assert not controller.status().well
    controller.hear(report("b", process(TWO)))
    assert controller.status().well
    assert not controller.status("another cluster places its shards").well
    controller.hear(report("b", replace(process(TWO), config="0")))
    assert not controller.status().well
