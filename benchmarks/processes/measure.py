"""The same cameras in one process and in several: what is seen of them, how late, at what cost."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from benchmarks.machine import machine
from benchmarks.options import RUNS
from benchmarks.performance.latency import QUICK_RULES, matched
from benchmarks.performance.models import made
from benchmarks.performance.paced import PacedServer, paced_server
from benchmarks.performance.programs import Task
from benchmarks.performance.running import Running, running
from benchmarks.performance.usage import machine_s, tree
from benchmarks.results import Facts, Result, now
from benchmarks.streams import Stream, encoded, served

BUSY = Stream("fights-360p15", "fights", 640, 360, 15, "h264", "constant", 500)
IDLE = Stream("idle-1080p25-variable", "mostly idle", 1920, 1080, 25, "h264", "variable", 4000)
READY_LIMIT_S = 60.0


class Run(Facts):
    """One har-monitor, for some seconds."""

    workers: int
    seconds: float
    windows_per_s: float  # classified, of all cameras
    cpu_share: float  # of one core
    memory_mib: float
    switches_per_s: float  # of its threads, from one to the next
    waiting_s: float  # the longest from one window of a camera to the next
    latencies_ms: tuple[float, ...] = ()  # from a frame to its alert
    again: int = 0  # cameras that were opened anew, whose alerts are not among these
    others_share: float  # of the machine, that other processes used: the server, too


Kind = Literal["overload", "still"]  # more than the cores can decode, or hardly any moves


class Shared(Result):
    """The same cameras in one process and in several, in turn."""

    kind: Kind
    at: str
    machine: str
    stream: str
    cameras: int
    runs: tuple[Run, ...]

    @property
    def key(self) -> str:
        """One for each number of cameras."""
        return f"{self.kind}-{self.cameras}"


KEPT = TypeAdapter(Shared)


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    overloaded: int = 200
    still: int = 64
    workers: tuple[int, ...] = (1, 2, 8)  # that watch the overloaded ones
    still_workers: tuple[int, ...] = (1, 2)
    warm_s: float = 30.0
    seconds: float = 60.0


QUICK = Plan(overloaded=8, still=4, workers=(1, 2), warm_s=3.0, seconds=5.0)


def measure_all(data: Path, plan: Plan) -> Iterator[Shared]:
    """Each result as it comes."""
    here = machine()

    def of(kind: Kind, stream: Stream, cameras: int, runs: list[Run]) -> Shared:
        return Shared(
            kind=kind,
            at=now(),
            machine=f"{here.cores} cores, {here.cpu}",
            stream=stream.title,
            cameras=cameras,
            runs=tuple(runs),
        )

    streams = RUNS / "streams"
    busy = encoded(BUSY, data, streams)
    runs = []
    for workers in plan.workers:
        with paced_server(busy, plan.overloaded) as server:
            urls = [server.url(client) for client in range(plan.overloaded)]
            runs.append(_run(urls, workers, plan, QUICK_RULES, server))
    yield of("overload", BUSY, plan.overloaded, runs)
    with served(encoded(IDLE, data, streams), IDLE.codec) as one:
        runs = [_run([one.url] * plan.still, workers, plan, {}) for workers in plan.still_workers]
    yield of("still", IDLE, plan.still, runs)


def _run(
    sources: list[str],
    workers: int,
    plan: Plan,
    settings: dict[str, Any],
    server: PacedServer | None = None,
) -> Run:
    folder = RUNS / "processes"
    health = folder / "health.json"
    health.unlink(missing_ok=True)
    own = {"workers": workers, "health": str(health)}
    task = Task(sources, made("shipped", RUNS / "models"), folder, {**settings, **own})
    with running("har-monitor", task) as program:
        program.wait_for(
            lambda lines: sum(": watching " in text for _, text in lines) >= len(sources),
            READY_LIMIT_S,
        )
        time.sleep(plan.warm_s)
        with _looking(program, health) as looked:
            end_s = time.monotonic() + plan.seconds
            while time.monotonic() < end_s:
                time.sleep(1.0)
                looked.look()
        memory_mib = program.memory_mib
        program.check()
    lines = [line for line in program.lines if looked.began_s <= line[0] <= looked.ended_s]
    latencies = [] if server is None else matched("har-monitor", lines, server)
    seconds = looked.ended_s - looked.began_s
    return Run(
        workers=workers,
        seconds=round(seconds, 1),
        windows_per_s=round(looked.windows / seconds, 2),
        cpu_share=round(looked.cpu_s / seconds, 3),
        memory_mib=round(memory_mib, 1),
        switches_per_s=round(looked.switches / seconds),
        waiting_s=looked.waiting_s,
        latencies_ms=tuple(round(one, 1) for one in latencies),
        again=0 if server is None else len(server.again),
        others_share=round(looked.others_share, 3),
    )


class _Looked:
    """What is seen from outside, while it runs."""

    def __init__(self, program: Running, health: Path) -> None:
        self._program = program
        self._health = health
        self._root = program.pid
        self._seen: dict[str, tuple[int, float]] = {}  # decoded frames, and since when
        self.waiting_s = 0.0
        self.began_s = time.monotonic()
        self.ended_s = self.began_s
        self._before = self._counts()

    def look(self) -> None:
        """Note which cameras were seen; about once a second."""
        now_s = time.monotonic()
        for camera in self._cameras():
            name, decoded = camera["name"], camera["frames"] - camera["passed_over"]
            before, since_s = self._seen.setdefault(name, (decoded, now_s))
            self.waiting_s = max(self.waiting_s, now_s - since_s)
            if decoded > before or camera["state"] in ("live", "idle"):
                self._seen[name] = decoded, now_s

    def end(self) -> None:
        """Take the counts."""
        self.ended_s = time.monotonic()
        windows, cpu_s, switches, all_s = (
            late - early for late, early in zip(self._counts(), self._before, strict=True)
        )
        self.windows, self.cpu_s, self.switches = windows, cpu_s, switches
        cores_s = (os.cpu_count() or 1) * (self.ended_s - self.began_s)
        self.others_share = max(0.0, all_s - cpu_s) / cores_s
        self.waiting_s = round(self.waiting_s, 1)

    def _counts(self) -> tuple[float, float, float, float]:
        windows = sum(camera["windows"] for camera in self._cameras())
        switches = sum(map(_switches, tree(self._root)))
        return windows, self._program.cpu_s, switches, machine_s()[0]

    def _cameras(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self._health.read_text())["cameras"]
        return found


@contextmanager
def _looking(program: Running, health: Path) -> Iterator[_Looked]:
    looked = _Looked(program, health)
    yield looked
    looked.end()


def _switches(pid: int) -> int:
    """How often the threads of a process were switched from, so far."""
    count = 0
    for path in Path(f"/proc/{pid}/task").glob("*/status"):
        try:
            lines = path.read_text().splitlines()
        except OSError:  # it has ended
            continue
        count += sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
    return count
