"""The simulated site: machines fail in it as they should, and the page has every figure."""

import random

from benchmarks.cluster.measure import Faults, measure_all
from benchmarks.cluster.page import page
from benchmarks.cluster.world import World, made, shard_costs
from monitor.store.lease import TTL_S

COSTS = shard_costs(120, 6, 0.2, random.Random(1))


def passes(world: World, seconds: float) -> list[set[int]]:
    """The shards that were watched, in each step."""
    seen = []
    until_s = world.now_s + seconds
    while world.now_s < until_s:
        world.step()
        seen.append(world.watched)
    return seen


def test_shards_of_a_machine_that_is_killed_are_watched_elsewhere_until_it_is_back() -> None:
    with made(3, 32, COSTS) as world:
        machine = world.machines["m01"]
        lost = world.shards_on(machine)
        assert lost
        world.kill(machine)
        seen = passes(world, 30)
        assert all(not lost & watched for watched in seen[:4])
        assert seen[-1] == set(range(1, 7))
        world.come_back(machine)
        passes(world, 60)
        assert world.shards_on(machine)
        assert world.doubles == 0


def test_one_that_was_frozen_longer_than_its_leases_last_watches_nothing_when_it_is_back() -> None:
    with made(3, 32, COSTS) as world:
        machine = world.machines["m01"]
        world.freeze(machine)
        passes(world, TTL_S + 10)
        assert world.watched == set(range(1, 7))
        world.come_back(machine)
        world.step()
        assert not world.shards_on(machine)
        passes(world, 30)
        assert world.doubles == 0


def test_one_that_is_cut_off_from_the_engine_alone_watches_on() -> None:
    with made(3, 32, COSTS) as world:
        machine = world.machines["m01"]
        had = world.shards_on(machine)
        world.cut_off(machine)
        assert all(had <= watched for watched in passes(world, 60))
        assert world.shards_on(machine) == had


def test_shards_of_a_zone_wait_for_machines_of_it_and_no_other_has_them() -> None:
    with made(3, 32, COSTS, ("north", "south", "")) as world:
        assert world.shards_on(world.machines["m02"]) == {2, 5}
        world.kill(world.machines["m02"])
        assert all(watched == {1, 3, 4, 6} for watched in passes(world, 60)[-60:])
        assert "zone south: no node reaches them" in world.controller.status().errors
        world.come_back(world.machines["m02"])
        assert passes(world, 60)[-1] == {1, 2, 3, 4, 5, 6}
        assert world.shards_on(world.machines["m02"]) == {2, 5}


def test_a_small_site_is_measured_and_each_fault_is_a_row() -> None:
    results = list(measure_all(quick=True))
    text = page(results)
    for one in results:
        assert one.doubles == 0
        assert f"| {one.fault}, 1 times | {one.hit} |" in text


def test_the_page_has_the_figures() -> None:
    text = page(
        [
            Faults(
                date="2026-05-04", fault="machine killed", cameras=10_000, shards=128, machines=20,
                times=2, hit=10, unwatched_s=(8.0, 9.0, 11.5), begun=(5, 7), back_s=(2.0, 3.5),
                uneven=(1.05, 1.125), doubles=0,
            )
        ]
    )  # fmt: skip
    row = "| machine killed, 2 times | 10 | 3 | 9.0 s | 9.0 s | 11.5 s | 1.20 | 3.5 s | 3.5 s |"
    assert f"{row} 1.12 | 0 |" in text
    assert "10,000 cameras in\n128 shards on 20 machines" in text
