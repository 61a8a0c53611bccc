"""Ray clusters on this machine: each node is a `ray start` of its own, and can be killed whole."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from testkit import ROOT
from testkit.patience import LIMIT_S

_RAY = Path(sys.executable).with_name("ray")
_PROC = Path("/proc")


@dataclass
class RayNode:
    """A node: all that `ray start` began, and what its actors did."""

    name: str
    process: subprocess.Popen[bytes]
    shards: Path  # the folder of its shards' processes

    @property
    def shard_pids(self) -> list[int]:
        """The processes of its shards, which are no children of Ray."""
        found = []
        for path in self.shards.glob("shard-*/*/process.json"):
            with suppress(OSError, ValueError):
                found.append(int(json.loads(path.read_text())["pid"]["number"]))
        return found

    def signal(self, number: signal.Signals) -> None:
        """Signal every process of it, Ray's own first, so that none is begun anew."""
        for pid in [*_family(self.process.pid), *self.shard_pids]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        for session in self.shard_pids:
            for pid in _of_session(session):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

    def actors(self, name: str) -> list[int]:
        """The processes of its actors of a class."""
        found = []
        for pid in _family(self.process.pid):
            with suppress(OSError):
                if (_PROC / str(pid) / "cmdline").read_bytes().startswith(b"ray::" + name.encode()):
                    found.append(pid)
        return found

    def kill_ray(self) -> None:
        """End Ray, as if somebody had killed all of it; the shards' processes are no part of it."""
        for pid in _family(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(LIMIT_S)

    def kill(self) -> None:
        """End it at once, as if its machine had lost its power."""
        self.signal(signal.SIGKILL)
        self.process.wait(LIMIT_S)


@dataclass
class RayCluster:
    """A head, and nodes that join it; all answer at 127.0.0.1, and only to who has the token."""

    folder: Path
    site: str
    token: str = field(default_factory=lambda: secrets.token_hex(32))
    port: int = 0
    nodes: dict[str, RayNode] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Of the head."""
        return f"127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Of whoever may give it orders."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
        return kept | {
            "PYTHONPATH": str(ROOT),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_health_check_initial_delay_ms": "1000",
            "RAY_health_check_period_ms": "1000",
            "RAY_health_check_timeout_ms": "1000",
            "RAY_health_check_failure_threshold": "3",
        }

    def start(
        self,
        name: str,
        environment: Mapping[str, str] | None = None,
        *,
        cpus: int = 2,
        zone: str | None = None,
    ) -> RayNode:
        """Start a node, the head if it is the first one, and wait until it is there."""
        command = [
            str(_RAY), "start", "--block", "--node-name", name, "--node-ip-address", "127.0.0.1",
            "--num-cpus", str(cpus), "--object-store-memory", "80000000", "--disable-usage-stats",
        ]  # fmt: skip
        if zone is not None:
            command += ["--resources", json.dumps({f"zone:{zone}": 1})]
        if self.port == 0:
            self.port = _free_port()
            command += ["--head", "--port", str(self.port), "--include-dashboard", "false"]
            command += ["--temp-dir", str(self.folder / "ray")]
        else:
            command += ["--address", self.address]
        said = self.folder / f"{name}.out"
        with said.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environment | dict(environment or {}),
                start_new_session=True,
            )
        node = RayNode(name, process, self.folder / "shards" / self.site / name)
        self.nodes[name] = node
        deadline_s = time.monotonic() + LIMIT_S
        while "Ray runtime started" not in said.read_text(errors="replace"):
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"ray start of {name}: {said.read_text(errors='replace')}")
            time.sleep(0.1)
        return node


@contextmanager
def ray_cluster(site: str) -> Iterator[RayCluster]:
    """A cluster without nodes, for one site; all of it ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="har-ray-", dir="/tmp"))  # a short path: sockets
    cluster = RayCluster(folder, site)
    try:
        yield cluster
    finally:
        for node in reversed(cluster.nodes.values()):
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for path in _PROC.iterdir():
        if path.name.isdecimal():
            with suppress(OSError, IndexError):
                fields = (path / "stat").read_text(errors="replace").rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(path.name))
    family = [pid]
    for one in family:
        family += children.get(one, [])
    return family


def _of_session(session: int) -> list[int]:
    found = []
    for path in _PROC.iterdir():
        if path.name.isdecimal():
            with suppress(OSError, IndexError):
                fields = (path / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if int(fields[3]) == session:
                    found.append(int(path.name))
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
