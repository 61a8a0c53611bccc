"""A Ray that runs: joined only if it asks whoever gives it orders for a token."""

from __future__ import annotations

import io
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from monitor.errors import ConfigError, MonitorError

AUTH_MODE = "RAY_AUTH_MODE"  # of the environment: how Ray knows who may give it orders
TOKEN = "token"
BEGIN_S = 60.0  # that Ray has to begin an actor, or a task on each node
_REACH_S = 5.0


@contextmanager
def joined(address: str, namespace: str) -> Iterator[None]:
    """Within the block this process may give orders to a Ray.

    ConfigError if it lets in whoever reaches it. MonitorError if none is there, or it fails.
    """
    if auth_mode() != TOKEN:
        raise ConfigError(
            f"--cluster: {AUTH_MODE}={TOKEN} is not set: without it, whoever reaches Ray runs "
            "commands on its machines; set it here and wherever Ray is started: docs/cluster.md"
        )
    _check_reached(address)
    try:
        ray.init(address=address, namespace=namespace, log_to_driver=False, logging_level="ERROR")
    except (RayError, RuntimeError, ValueError, OSError) as error:
        text = f"--cluster {address}: {in_a_line(error)}"
        if "Failed to connect" in text:  # Ray says no more than that of a wrong token
            text += "; is its token that of this machine: RAY_AUTH_TOKEN, or ~/.ray/auth_token?"
        raise MonitorError(text) from None
    try:
        yield
    except RayError as error:
        raise MonitorError(f"--cluster {address}: {in_a_line(error)}") from None
    finally:
        ray.shutdown()


@contextmanager
def joined_for_tasks(address: str) -> Iterator[None]:
    """The same, of a Ray that is given tasks.

    Whatever it is told, Ray prints many lines on standard output when a process of a task dies.
    They are dropped: what matters of them is logged in a line.
    """
    with redirect_stdout(_Unprinted()), joined(address, "har-monitor tasks"):
        check_tokens()
        yield


def auth_mode() -> str:
    """How the Ray that began this process knows who may give it orders."""
    return os.environ.get(AUTH_MODE, "disabled")


def check_tokens() -> None:
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


def nodes_alive() -> list[dict[str, Any]]:
    """The nodes that Ray takes for alive, in a fixed order."""
    return sorted((one for one in ray.nodes() if one["Alive"]), key=lambda one: one["NodeID"])


def pinned(node_id: str) -> NodeAffinitySchedulingStrategy:
    """What keeps something on a node."""
    return NodeAffinitySchedulingStrategy(node_id, soft=False)


def in_a_line(error: BaseException) -> str:
    """What an error of Ray says, without the lines that explain it."""
    lines = (str(error).strip() or type(error).__name__).splitlines()
    # That of a task is its traceback, at whose end the error stands.
    return lines[-1 if isinstance(error, RayTaskError) else 0].strip()


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


class _Unprinted(io.TextIOBase):
    """Standard output to which nothing is printed; who writes to the file itself still can."""

    def __init__(self) -> None:
        super().__init__()
        self._file = sys.stdout

    def write(self, text: str) -> int:
        """Drop it."""
        return len(text)

    def fileno(self) -> int:
        """Of the file itself."""
        return self._file.fileno()
