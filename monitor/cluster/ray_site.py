"""A site as the command sees it: begun on a Ray that runs, asked how it does, and ended."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import ray
from ray.exceptions import RayError

from monitor.cluster.agent import SiteConfig
from monitor.cluster.controller import ClusterStatus
from monitor.cluster.ray_agent import AUTH_MODE, TOKEN, auth_mode
from monitor.cluster.ray_controller import (
    ShardController,
    agent_of,
    namespace,
    nodes_alive,
    pinned,
)
from monitor.cluster.site import check_change
from monitor.errors import ConfigError, MonitorError

ANSWER_S = 20.0  # that an actor has
BEGIN_S = 60.0  # that Ray has to begin an actor, or a task on each node
POLL_S = 1.0
_REACH_S = 5.0
_CONTROLLER = "controller"
# Without its head Ray places nothing anyway: so no other machine's loss stops the controller, too.
_ON_HEAD = {"node:__internal_head__": 0.001}


@contextmanager
def connected(address: str, site: str) -> Iterator[Site]:
    """A site of a Ray that runs; ConfigError if it lets in whoever reaches it.

    MonitorError if none is there, or it fails.
    """
    if auth_mode() != TOKEN:
        raise ConfigError(
            f"--cluster: {AUTH_MODE}={TOKEN} is not set: without it, whoever reaches Ray runs "
            "commands on its machines; set it here and wherever Ray is started: docs/cluster.md"
        )
    _check_reached(address)
    try:
        ray.init(
            address=address, namespace=namespace(site), log_to_driver=False, logging_level="ERROR"
        )
    except (RayError, RuntimeError, ValueError, OSError) as error:
        text = f"--cluster {address}: {_in_a_line(error)}"
        if "Failed to connect" in text:  # Ray says no more than that of a wrong token
            text += "; is its token that of this machine: RAY_AUTH_TOKEN, or ~/.ray/auth_token?"
        raise MonitorError(text) from None
    try:
        yield Site(site)
    except RayError as error:
        raise MonitorError(f"--cluster {address}: {_in_a_line(error)}") from None
    finally:
        ray.shutdown()


class Site:
    """The actors of one site."""

    def __init__(self, name: str) -> None:
        self._name = name

    def submit(self, config: SiteConfig) -> None:
        """Have this configuration watched; what is watched by another one changes over to it."""
        self._check_nodes()
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

    def _check_nodes(self) -> None:
        """ConfigError if the Ray of a node lets in whoever reaches it."""
        asked = {
            one["NodeName"]: ray.remote(auth_mode)
            .options(num_cpus=0, scheduling_strategy=pinned(one["NodeID"]))
            .remote()
            for one in nodes_alive()
        }
        for name, call in asked.items():
            if (found := ray.get(call, timeout=BEGIN_S)) != TOKEN:
                raise ConfigError(
                    f"node {name}: its Ray was started with {AUTH_MODE}={found}; {TOKEN} is needed "
                    "on all nodes: docs/cluster.md"
                )

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


def _check_reached(address: str) -> None:
    """MonitorError unless somebody answers there: Ray itself would try for very long."""
    if address == "auto":
        return  # Ray looks among the processes of this machine
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise ConfigError(f"--cluster {address}: HOST:PORT of Ray's head is needed")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S).close()
    except (OSError, OverflowError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise MonitorError(f"--cluster {address}: {why}") from None


def _until(condition: Callable[[], bool], fault: str) -> None:
    deadline_s = time.monotonic() + ANSWER_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise MonitorError(fault)
        time.sleep(POLL_S / 5)


def _in_a_line(error: BaseException) -> str:
    return " ".join((str(error).strip() or type(error).__name__).splitlines()[:1])
