"""What is made to fail in a site, at random, and what is done to mend it."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from monitor.config.shard import Shard
from testkit.patience import LIMIT_S
from testkit.servers.ray import RayNode
from testkit.site import Running, Site

Kind = Literal[
    "process killed",
    "process hung",
    "agent killed",
    "controller killed",
    "node killed",
    "node frozen",
    "PostgreSQL stopped",
    "head lost",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
MEANINGS: dict[Kind, str] = {
    "process killed": "SIGKILL to the process of a shard",
    "process hung": "SIGSTOP to the process of a shard",
    "agent killed": "SIGKILL to the agent of a node",
    "controller killed": "SIGKILL to the controller",
    "node killed": "SIGKILL to all processes of a node but the head's; it is begun again later",
    "node frozen": "SIGSTOP to all processes of such a node, and SIGCONT later",
    "PostgreSQL stopped": "it is stopped at once, as by a crash, and started 3 to 20 s later",
    "head lost": "SIGKILL to all of Ray on the head, then on all nodes; it is begun again",
}
# Each comes once in a round, and what is most likely more often.
FREEZE: tuple[Kind, ...] = ("process hung", "node frozen")
_MORE: tuple[Kind, ...] = ("process killed",) * 2
_ROUND = KINDS + _MORE
_REST_S = (2.0, 10.0)  # from a site that is well to the next fault
NODES = ("one", "two", "three")  # the first is the head's
# Health files are written each second, and old ones do not count after three.
_STALE_S = 4.0


@dataclass(frozen=True)
class Fault:
    """Something that was made to fail."""

    kind: Kind
    what: str  # which node or shard
    at_s: float  # by the clock of `time.time`
    cameras: frozenset[str]  # whose watching it ended
    well_s: float | None  # until each camera was watched; None: it was not, within the limit


def kinds(draw: random.Random) -> Iterator[tuple[Kind, float]]:
    """What fails next, and how long the site rests before that, without end."""
    while True:
        for kind in draw.sample(_ROUND, len(_ROUND)):
            yield kind, draw.uniform(*_REST_S)


class Saboteur:
    """Makes a site fail, waits until it is well, and mends what does not mend itself."""

    def __init__(self, site: Site, cameras: list[str], draw: random.Random) -> None:
        self._site = site
        self._cameras = cameras
        self._draw = draw

    def do(self, kind: Kind) -> Fault:
        """Do it once."""
        how: dict[Kind, Callable[[Kind], Fault]] = {
            "process killed": lambda kind: self._process(kind, signal.SIGKILL),
            "process hung": lambda kind: self._process(kind, signal.SIGSTOP),
            "agent killed": lambda kind: self._actor(kind, "ShardAgent"),
            "controller killed": lambda kind: self._actor(kind, "ShardController"),
            "node killed": self._node_killed,
            "node frozen": self._node_frozen,
            "PostgreSQL stopped": self._database,
            "head lost": self._head,
        }
        return how[kind](kind)

    def _process(self, kind: Kind, number: signal.Signals) -> Fault:
        victim = self._draw.choice(self._site.shards)
        pid, hit = victim.pid, [victim] if victim.watches else []  # or it stands by
        at_s = time.time()
        os.kill(pid, number)
        return self._fault(kind, f"shard {victim.number} on {victim.node}", at_s, hit)

    def _actor(self, kind: Kind, name: str) -> Fault:
        found = [(node, pid) for node in self._nodes.values() for pid in node.actors(name)]
        node, pid = self._draw.choice(found)
        at_s = time.time()
        os.kill(pid, signal.SIGKILL)
        return self._fault(kind, f"on {node.name}", at_s, [])

    def _node_killed(self, kind: Kind) -> Fault:
        name = self._draw.choice(NODES[1:])
        hit = self._on(name)
        at_s = time.time()
        self._nodes[name].kill()
        fault = self._fault(kind, name, at_s, hit)
        self._site.ray.start(name)
        return fault

    def _node_frozen(self, kind: Kind) -> Fault:
        name = self._draw.choice(NODES[1:])
        node, hit = self._nodes[name], self._on(name)
        at_s = time.time()
        node.signal(signal.SIGSTOP)
        fault = self._fault(kind, name, at_s, hit)
        time.sleep(self._draw.uniform(0, 10))
        pids = node.shard_pids
        node.signal(signal.SIGCONT)
        deadline_s = time.monotonic() + LIMIT_S
        while any(map(_lives, pids)) and time.monotonic() < deadline_s:
            time.sleep(0.2)
        node.kill()  # its machine is switched on again
        self._site.ray.start(name)
        return fault

    def _database(self, kind: Kind) -> Fault:
        at_s = time.time()
        self._site.database.stop()
        time.sleep(self._draw.uniform(3, 20))
        self._site.database.start()
        return self._fault(kind, "", at_s, [])

    def _head(self, kind: Kind) -> Fault:
        at_s = time.time()
        self._nodes[NODES[0]].kill_ray()
        time.sleep(self._draw.uniform(0, 10))
        for name in NODES[1:]:  # as it ends by itself, a minute later
            self._nodes[name].kill_ray()
        self._site.ray.port = 0
        for name in NODES:
            self._site.ray.start(name)
        self._site.begin()
        return self._fault(kind, "", at_s, [])

    @property
    def _nodes(self) -> dict[str, RayNode]:
        return self._site.ray.nodes

    def _on(self, node: str) -> list[Running]:
        return [one for one in self._site.shards if one.node == node and one.watches]

    def _fault(self, kind: Kind, what: str, at_s: float, hit: list[Running]) -> Fault:
        """What was done just now, once the site is well again.

        A node that is gone is still among the nodes, so that all of it ends with the run; its files
        grow old.
        """
        shards = [Shard(one.number, self._site.count) for one in hit]
        cameras = {name for name in self._cameras if any(shard.has(name) for shard in shards)}
        time.sleep(_STALE_S)
        deadline_s = time.monotonic() + LIMIT_S
        while not (well := bool(self._site.watched(*self._nodes))):
            if time.monotonic() > deadline_s:
                break
            time.sleep(0.2)
        return Fault(kind, what, at_s, frozenset(cameras), time.time() - at_s if well else None)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
