"""Faults of machines, one after the other, and how long cameras are not watched."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Annotated, Literal, get_args

from pydantic import Field, TypeAdapter

from benchmarks.cluster.world import Machine, World, made, shard_costs
from benchmarks.results import Result, now
from monitor.cli.command import quieter

CAMERAS, SHARDS, MACHINES, CORES = 10_000, 128, 20, 32
BUSY = 0.2  # of the cameras: something moves there
SETTLE_S = 600.0  # the longest time until nothing changes any more
CALM_S = 15.0  # without a change: nothing changes any more
AWAY_S = 45.0  # that a machine which fails is away

Fault = Literal[
    "process killed",
    "machine killed",
    "machine frozen",
    "cut off from Ray",
    "three machines killed",
]
FAULTS: tuple[Fault, ...] = get_args(Fault)


class Faults(Result):
    """What became of the shards in some faults of one kind."""

    what: Literal["faults"] = "faults"
    date: str
    fault: Fault
    cameras: int
    shards: int
    machines: int
    times: int
    hit: int  # shards that it hit, of all times together
    unwatched_s: tuple[float, ...]  # of each shard that was not watched for some time, until it was
    begun: tuple[int, ...]  # processes that were begun elsewhere until it was at rest, each time
    back_s: tuple[float, ...]  # gaps of the shards that changed hands because machines came back
    uneven: tuple[float, ...]  # the busiest node over the mean of all, when it was at rest again
    doubles: int  # half seconds in which two processes of one shard could write

    @property
    def key(self) -> str:
        """What was done."""
        return self.fault


KEPT: TypeAdapter[Faults] = TypeAdapter(Annotated[Faults, Field()])


def measure_all(quick: bool) -> Iterator[Faults]:
    """Each kind of fault in turn, in a world of its own."""
    cameras, shards, machines = (200, 8, 4) if quick else (CAMERAS, SHARDS, MACHINES)
    for fault in FAULTS:
        draw = random.Random(18)
        costs = shard_costs(cameras, shards, BUSY, draw)
        times = 1 if quick else 3 if fault == "three machines killed" else 5
        # Of a thousand leases there is too much to say.
        with quieter(logging.CRITICAL, "monitor"), made(machines, CORES, costs) as world:
            yield _Series(world, fault, cameras, draw).measured(times)


class _Series:
    def __init__(self, world: World, fault: Fault, cameras: int, draw: random.Random) -> None:
        self._world = world
        self._fault = fault
        self._cameras = cameras
        self._draw = draw
        self._since: dict[int, float] = {}  # since when shards are not watched
        self._gaps: list[float] = []

    def measured(self, times: int) -> Faults:
        world = self._world
        hit, begun = 0, list[int]()
        unwatched, back, uneven = list[float](), list[float](), list[float]()
        for _ in range(times):
            before = world.begun
            victims = self._victims()
            hit += self._strike(victims)
            self._pass(AWAY_S)
            self._rest()
            begun.append(world.begun - before)
            unwatched += self._taken_gaps()
            for machine in victims:
                if machine.lost_s is not None:
                    world.come_back(machine)
            self._pass(AWAY_S)
            self._rest()
            back += self._taken_gaps()
            loads = world.loads()
            uneven.append(round(max(loads) * len(loads) / sum(loads), 3))
        return Faults(
            date=now(),
            fault=self._fault,
            cameras=self._cameras,
            shards=len(world.costs),
            machines=len(world.machines),
            times=times,
            hit=hit,
            unwatched_s=tuple(unwatched),
            begun=tuple(begun),
            back_s=tuple(back),
            uneven=tuple(uneven),
            doubles=world.doubles,
        )

    @cached_property
    def _how(self) -> Callable[[Machine], None]:
        world = self._world
        return {"machine frozen": world.freeze, "cut off from Ray": world.cut_off}.get(
            self._fault, world.kill
        )

    def _victims(self) -> list[Machine]:
        count = 3 if self._fault == "three machines killed" else 1
        return self._draw.sample(list(self._world.machines.values()), count)

    def _strike(self, victims: list[Machine]) -> int:
        """Do it; how many shards it hits."""
        if self._fault == "process killed":
            (machine,) = victims
            place = self._draw.choice(sorted(machine.processes))
            self._world.kill_process(machine, place)
            return 1
        hit = 0
        for machine in victims:
            hit += len(self._world.shards_on(machine))
            self._how(machine)
        return hit

    def _pass(self, seconds: float) -> None:
        until_s = self._world.now_s + seconds
        while self._world.now_s < until_s:
            self._step()

    def _rest(self) -> None:
        """Until nothing changes any more."""
        until_s, calm_s = self._world.now_s + SETTLE_S, self._world.now_s
        begun = self._world.begun
        while self._world.now_s - calm_s < CALM_S and self._world.now_s < until_s:
            self._step()
            if not self._all_watched or self._world.begun != begun:
                calm_s, begun = self._world.now_s, self._world.begun

    @property
    def _all_watched(self) -> bool:
        return not self._since

    def _step(self) -> None:
        world = self._world
        before_s = world.now_s
        world.step()
        watched = world.watched
        for shard in range(1, len(world.costs) + 1):
            if shard in watched:
                if shard in self._since:
                    self._gaps.append(round(world.now_s - self._since.pop(shard), 1))
            else:
                self._since.setdefault(shard, before_s)

    def _taken_gaps(self) -> list[float]:
        found, self._gaps = self._gaps, []
        return found
