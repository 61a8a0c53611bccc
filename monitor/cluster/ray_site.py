"""A site as the command sees it: begun on a Ray that runs, asked how it does, and ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import ray
from ray.exceptions import RayError

from monitor.cluster.agent import SiteConfig
from monitor.cluster.controller import ClusterStatus
from monitor.cluster.ray_controller import ShardController, agent_of, namespace
from monitor.cluster.ray_session import BEGIN_S, check_tokens, joined, nodes_alive
from monitor.cluster.site import check_change
from monitor.errors import ConfigError, MonitorError

ANSWER_S = 20.0  # that an actor has
POLL_S = 1.0
_CONTROLLER = "controller"
# Without its head Ray places nothing anyway: so no other machine's loss stops the controller, too.
_ON_HEAD = {"node:__internal_head__": 0.001}


@contextmanager
def connected(address: str, site: str) -> Iterator[Site]:
    """A site of a Ray that runs; ConfigError if it lets in whoever reaches it.

    MonitorError if none is there, or it fails.
    """
    with joined(address, namespace(site)):
        yield Site(site)


class Site:
    """The actors of one site."""

    def __init__(self, name: str) -> None:
        self._name = name

    def submit(self, config: SiteConfig) -> None:
        """Have this configuration watched; what is watched by another one changes over to it."""
        check_tokens()
        if (before := self._find(_CONTROLLER)) is not None:
            check_change(self._status_of(before), config)
        self._control(config, ())

    def drain(self, node: str, config: SiteConfig) -> None:
        """Have all shards leave a node, one after the other."""
        known = self.status()
        names = [one.name for one in known.nodes]
        if node not in names:
            raise ConfigError(f"no node is named {node}; nodes: {', '.join(names)}")
        if known.config != config.fingerprint:
            raise ConfigError(
                "the site is watched by another configuration than this file's: give that, or "
                "begin this one first: har-monitor --cluster"
            )
        self._control(config, tuple({*known.leaving, node}))

    def status(self) -> ClusterStatus:
        """How it does; MonitorError if it does not run."""
        controller = self._find(_CONTROLLER)
        if controller is None:
            raise MonitorError(f"site {self._name}: it does not run in this cluster")
        return self._status_of(controller)

    def stop(self, config: SiteConfig) -> None:
        """End all of it, on all nodes that are there; MonitorError if processes are left."""
        if (controller := self._find(_CONTROLLER)) is not None:
            self._end(controller)
        # Also where there is no agent: processes outlive the Ray that began them.
        left = {one["NodeName"]: agent_of(one, config) for one in nodes_alive()}
        deadline_s = time.monotonic() + BEGIN_S
        while left:
            if time.monotonic() > deadline_s:
                raise MonitorError(f"site {self._name}: shards do not end on {', '.join(left)}")
            asked = {agent.stop_all.remote(): name for name, agent in left.items()}
            answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_S)
            for call in answered:
                if ray.get(call):
                    ray.kill(left.pop(asked[call]), no_restart=True)
            time.sleep(POLL_S)

    def _control(self, config: SiteConfig, leaving: tuple[str, ...]) -> None:
        """Put a new controller in the place of the one that is there."""
        if (before := self._find(_CONTROLLER)) is not None:
            self._end(before)
        _until(lambda: self._find(_CONTROLLER) is None, "the old controller does not end")
        made = (
            ray.remote(ShardController)
            .options(
                name=_CONTROLLER,
                lifetime="detached",
                num_cpus=0,
                max_restarts=-1,
                resources=_ON_HEAD,
            )
            .remote(config, leaving)
        )
        self._status_of(made)  # it has begun

    def _end(self, controller: Any) -> None:
        """End a controller; one that does not answer is killed all the same."""
        with suppress(RayError):
            ray.get(controller.close.remote(), timeout=ANSWER_S)
        ray.kill(controller, no_restart=True)

    def _status_of(self, controller: Any) -> ClusterStatus:
        found: ClusterStatus = ray.get(controller.status.remote(), timeout=BEGIN_S)
        return found

    def _find(self, name: str) -> Any:
        """An actor of the site; None if there is none of this name."""
        try:
            return ray.get_actor(name)
        except ValueError:
            return None


def _until(condition: Callable[[], bool], fault: str) -> None:
    deadline_s = time.monotonic() + ANSWER_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise MonitorError(fault)
        time.sleep(POLL_S / 5)
