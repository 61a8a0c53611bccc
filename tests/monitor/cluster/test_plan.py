"""The decision which process of which shard begins where: by examples, and by drawn histories."""

from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.cluster.plan import Actions, Node, Place, Process, ProcessState, Wanted, reconcile

HELD, STANDBY = ProcessState.HELD, ProcessState.STANDBY
STARTING, FAILED = ProcessState.STARTING, ProcessState.FAILED
STOPPING = ProcessState.STOPPING
A, B, C = (Node(name, 4) for name in "abc")


def process(shard: int, node: str, state: ProcessState = HELD, config: str = "1", slot: str = "a"):
    return Process(Place(shard, node, slot), config, state)


def decided(shards: int, nodes: list[Node], *there: Process, config: str = "1", **more) -> Actions:
    zones = more.pop("zones", ("",) * shards)
    return reconcile(Wanted(zones, config), nodes, there, more.pop("costs", {}), **more)


def starts(actions: Actions) -> list[tuple[int, str]]:
    return [(place.shard, place.node) for place in actions.start]


def stops(actions: Actions) -> list[tuple[int, str]]:
    return [(place.shard, place.node) for place in actions.stop]


def test_shards_that_nobody_watches_begin_at_once_spread_over_all_nodes() -> None:
    actions = decided(6, [A, B, C])
    assert Counter(node for _, node in starts(actions)) == {"a": 2, "b": 2, "c": 2}
    assert actions.stop == ()


def test_what_is_well_is_left_alone() -> None:
    there = [process(1, "a"), process(2, "b"), process(3, "c")]
    assert decided(3, [A, B, C], *there) == Actions()


def test_of_a_node_that_is_gone_only_its_own_shards_begin_elsewhere_all_of_them_at_once() -> None:
    there = [process(n, node) for n, node in enumerate("aabbcc", 1)]
    actions = decided(6, [A, B], *there)
    assert sorted(shard for shard, _ in starts(actions)) == [5, 6]
    assert {node for _, node in starts(actions)} == {"a", "b"}
    assert actions.stop == ()


def test_a_node_that_joins_takes_over_one_shard_and_the_old_process_ends_once_it_stands_by() -> (
    None
):
    there = [process(n, "a" if n <= 4 else "b") for n in range(1, 9)]
    first = decided(8, [A, B, C], *there)
    ((shard, node),) = starts(first)
    assert node == "c"
    assert first.stop == ()
    begun = process(shard, "c", STARTING)
    assert decided(8, [A, B, C], *there, begun) == Actions()
    ready = replace(begun, state=STANDBY)
    second = decided(8, [A, B, C], *there, ready)
    assert (starts(second), stops(second)) == ([], [(shard, "a" if shard <= 4 else "b")])


def test_a_changed_configuration_is_rolled_out_shard_after_shard_beside_the_old_process() -> None:
    there = [process(1, "a"), process(2, "b")]
    first = decided(2, [A, B], *there, config="2")
    assert first.start == (Place(1, "a", "b"),)
    new = process(1, "a", STANDBY, "2", "b")
    second = decided(2, [A, B], *there, new, config="2")
    assert second.stop == (Place(1, "a", "a"),)
    third = decided(2, [A, B], replace(new, state=HELD), there[1], config="2")
    assert third.start == (Place(2, "b", "b"),)


def test_a_configuration_that_fails_stops_at_the_first_shard_and_the_old_ones_stay() -> None:
    there = [process(1, "a"), process(2, "b")]
    new = process(1, "a", FAILED, "2", "b")
    first = decided(2, [A, B], *there, new, config="2", unfit={(1, "a")})
    assert first == Actions(stop=(Place(1, "a", "b"),))
    unfit = {(1, "a"), (1, "b")}
    assert decided(2, [A, B], *there, config="2", unfit=unfit) == Actions()


def test_a_node_that_leaves_gives_its_shards_to_others_one_after_the_other() -> None:
    leaving = replace(B, leaving=True)
    there = [process(1, "a"), process(2, "b"), process(3, "b")]
    assert starts(decided(3, [A, leaving], *there)) == [(2, "a")]
    ready = process(2, "a", STANDBY)
    assert stops(decided(3, [A, leaving], *there, ready)) == [(2, "b")]


def test_a_node_that_leaves_keeps_its_shards_if_there_is_no_other() -> None:
    assert decided(1, [replace(A, leaving=True)], process(1, "a")) == Actions()


def test_if_nobody_watches_a_shard_a_node_that_leaves_is_better_than_none() -> None:
    assert starts(decided(1, [replace(A, leaving=True)])) == [(1, "a")]


def test_a_shard_that_fails_on_one_node_is_tried_on_another() -> None:
    actions = decided(1, [A, B], process(1, "a", FAILED), unfit={(1, "a")})
    assert (starts(actions), stops(actions)) == ([(1, "b")], [(1, "a")])


def test_a_shard_that_fails_on_all_nodes_stays_where_it_is_tried_again() -> None:
    failed = process(1, "b", FAILED)
    assert decided(1, [A, B], failed, unfit={(1, "a"), (1, "b")}) == Actions()


def test_of_two_that_watch_and_stand_by_where_it_is_as_good_the_one_that_watches_stays() -> None:
    for watching, other in (("a", "b"), ("b", "a")):
        actions = decided(1, [A, B], process(1, watching), process(1, other, STANDBY))
        assert (starts(actions), stops(actions)) == ([], [(1, other)])


ZONES = ("", "", "north", "north", "south")
NORTH, SOUTH, BOTH = (
    replace(node, zones=zones)
    for node, zones in zip((A, B, C), (("north",), ("south",), ("north", "south")), strict=True)
)


def test_shards_of_a_zone_begin_only_where_it_is_reached() -> None:
    d = Node("d", 4)
    assert sorted(starts(decided(5, [NORTH, SOUTH, d], zones=ZONES))) == [
        (1, "d"), (2, "d"), (3, "a"), (4, "a"), (5, "b"),
    ]  # fmt: skip
    assert starts(decided(5, [NORTH], zones=ZONES)) == [(3, "a"), (4, "a")]
    assert starts(decided(5, [d], zones=ZONES)) == [(1, "d"), (2, "d")]


def test_a_node_of_two_zones_takes_over_shards_of_both_and_none_goes_elsewhere_to_even_out() -> (
    None
):
    there = [process(3, "a"), process(4, "a"), process(5, "b")]
    zones = ZONES[2:]
    there = [process(n, one.place.node) for n, one in enumerate(there, 1)]
    assert decided(3, [NORTH, SOUTH], *there, zones=zones) == Actions()
    assert starts(decided(3, [NORTH, SOUTH, BOTH], *there, zones=zones)) == [(1, "c")]
    assert starts(decided(3, [SOUTH, BOTH], *there, zones=zones)) == [(1, "c"), (2, "c")]


def test_a_shard_whose_node_is_of_its_zone_no_longer_changes_hands() -> None:
    there = process(1, "a")
    assert starts(decided(1, [A, BOTH], there, zones=("south",))) == [(1, "c")]
    assert decided(1, [A], there, zones=("south",)) == Actions()


def test_a_shard_that_the_configuration_no_longer_has_ends() -> None:
    assert stops(decided(1, [A], process(1, "a"), process(2, "a"))) == [(2, "a")]


def test_a_node_with_more_cores_has_more_shards() -> None:
    actions = decided(9, [Node("large", 8), Node("small", 4)])
    assert Counter(node for _, node in starts(actions)) == {"large": 6, "small": 3}


def test_dear_shards_are_spread_first() -> None:
    actions = decided(4, [A, B], costs={1: 1.0, 2: 1.0, 3: 1.0, 4: 3.0})
    assert {shard for shard, node in starts(actions) if node == "a"} in ({4}, {1, 2, 3})


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_costs_that_vary_a_little_move_nothing(noise: float) -> None:
    there = [process(n, "abc"[n % 3]) for n in range(1, 10)]
    costs = {n: 1.0 + (noise if n % 3 else -noise) for n in range(1, 10)}
    assert decided(9, [A, B, C], *there, costs=costs) == Actions()


@dataclass
class World:
    """Nodes and processes that do what they are told, each in its own time; and leases."""

    shards: int
    nodes: dict[str, Node]
    config: str = "1"
    processes: dict[Place, Process] = field(default_factory=dict)
    begun: int = 0

    def holder(self, shard: int) -> Place | None:
        held = [p for p, one in self.processes.items() if one.state is HELD and p.shard == shard]
        assert len(held) <= 1
        return held[0] if held else None

    def turn(self) -> Actions:
        """Decide, obey, and let every process take one step."""
        seen = list(self.processes.values())
        actions = reconcile(Wanted(("",) * self.shards, self.config), self.nodes.values(), seen, {})
        for place in actions.stop:
            if self.processes[place].state is HELD:
                others = [
                    one
                    for other, one in self.processes.items()
                    if other.shard == place.shard and other != place
                ]
                wanted = place.shard <= self.shards
                assert not wanted or any(one.state is STANDBY for one in others), "nobody is ready"
            self.processes[place] = replace(self.processes[place], state=STOPPING)
        for place, one in list(self.processes.items()):
            if one.state is STOPPING:
                del self.processes[place]
            elif one.state in (STARTING, STANDBY):
                free = self.holder(place.shard) is None
                self.processes[place] = replace(one, state=HELD if free else STANDBY)
        for place in actions.start:
            assert place not in self.processes
            self.begun += 1
            self.processes[place] = Process(place, self.config, STARTING)
        return actions

    def settle(self) -> None:
        for _ in range(6 * self.shards + 10):
            rested = all(one.state is HELD for one in self.processes.values())
            if self.turn() == Actions() and rested:
                return
        raise AssertionError(f"it never comes to rest: {self.processes}")

    def lose(self, name: str) -> set[int]:
        """A node, with its processes; the shards that it had."""
        del self.nodes[name]
        lost = {place.shard for place in self.processes if place.node == name}
        self.processes = {p: one for p, one in self.processes.items() if p.node != name}
        return lost

    def check(self) -> None:
        assert sorted(place.shard for place in self.processes) == list(range(1, self.shards + 1))
        assert {one.config for one in self.processes.values()} == {self.config}
        staying = [node.name for node in self.nodes.values() if not node.leaving]
        count = Counter(place.node for place in self.processes)
        if staying:
            assert set(count) <= set(staying)
            most, least = (pick(count[name] for name in staying) for pick in (max, min))
            assert most - least <= max(1, 0.3 * self.shards / len(staying) + 1)


EVENTS = st.lists(
    st.tuples(st.sampled_from(["join", "lose", "leave", "change"]), st.integers(0, 30)), max_size=8
)


@settings(max_examples=150, deadline=None)
@given(shards=st.integers(1, 24), count=st.integers(1, 5), events=EVENTS)
def test_whatever_happens_each_shard_comes_to_have_one_process_and_none_is_ended_too_early(
    shards: int, count: int, events: list[tuple[str, int]]
) -> None:
    world = World(shards, {f"n{n}": Node(f"n{n}", 4) for n in range(count)})
    world.settle()
    assert world.begun == shards
    for number, (what, turns) in enumerate(events):
        names = sorted(world.nodes)
        staying = [name for name in names if not world.nodes[name].leaving]
        before, due = world.begun, shards
        if what == "join":
            world.nodes[f"m{number}"] = Node(f"m{number}", 4)
        elif what == "lose" and len(staying) > 1:
            due = len(world.lose(staying[turns % len(staying)])) + 1
        elif what == "leave" and len(staying) > 1:
            name = staying[turns % len(staying)]
            due = sum(place.node == name for place in world.processes) + 1
            world.nodes[name] = replace(world.nodes[name], leaving=True)
        elif what == "change":
            world.config = f"{number + 2}"
        rested = all(one.state is HELD for one in world.processes.values())
        if turns % 2 and what != "change":  # the next event comes in the middle of it
            for _ in range(turns // 2):
                world.turn()
            continue
        world.settle()
        world.check()
        if rested and number == 0:
            assert world.begun - before <= due, "more moves than are needed"
    world.settle()
    world.check()
    assert world.turn() == Actions()
