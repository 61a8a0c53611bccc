"""Programs run side by side on one stream, and what each of them needs."""

import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.performance.models import Models, made
from benchmarks.performance.plan import Network, Together
from benchmarks.performance.programs import Done, Task, done, watching
from benchmarks.performance.results import Origin, TogetherResult, Usage
from benchmarks.performance.running import Running, running
from benchmarks.performance.usage import cpu_s, machine_s
from benchmarks.streams import Server, Stream, encoded, served

# Many streams on few cores begin slowly. A camera that has not begun by then reads nothing. No
# program reaches the end of a film while it is measured.
READY_LIMIT_S = 45.0
# Time before the first window. Then there are two a second.
FILLING_S = 1.65
_PIPED_FPS = 10  # frames a second that the pipes give


@dataclass(frozen=True)
class Places:
    """Where the benchmark reads and writes."""

    data: Path  # folder of data sets
    results: Path  # their file
    streams: Path
    models: Path
    work: Path  # for files that are needed during a run

    def clip(self, stream: Stream) -> Path:
        """The file of a stream; made if there is none."""
        return encoded(stream, self.data, self.streams)

    def network(self, network: Network) -> Models:
        """The files of a network; made if there are none."""
        return made(network, self.models)

    def task(self, program: str, sources: list[str], network: Network) -> Task:
        """The task of a program, with a folder of its own."""
        return Task(sources, self.network(network), self.work / program)


@dataclass(frozen=True)
class _Reading:
    at_s: float
    used_s: list[float]  # of each program
    server_s: float
    machine_s: tuple[float, float]

    @classmethod
    def of(cls, programs: list[Running], server_s: Callable[[], float]) -> "_Reading":
        used_s = [one.cpu_s for one in programs]
        return cls(time.monotonic(), used_s, server_s(), machine_s())


@dataclass(frozen=True)
class Share:
    """What else used the machine during a measurement."""

    server_ms: float
    others_share: float
    stolen_share: float


def run_together(job: Together, stream: Stream, places: Places, origin: Origin) -> TogetherResult:
    """Start all programs, wait until all watch all cameras, measure, end them."""
    path = places.clip(stream)
    with ExitStack() as stack:
        server: Server = stack.enter_context(served(path, stream.codec))
        programs = []
        for name in job.programs:
            task = places.task(name, [server.url] * job.cameras, job.network)
            programs.append(stack.enter_context(running(name, task)))
        for program in programs:
            wait_until_watching(program, job.cameras)
        time.sleep(job.warm_s)
        cpu_ms, share = measure(programs, lambda: cpu_s(server.pid), job.cameras, job.seconds)
        memory = [program.memory_mib for program in programs]
        for program in programs:
            program.check()
            program.end()
        usages = tuple(
            usage(program, stream.fps, job.cameras, ms, mib)
            for program, ms, mib in zip(programs, cpu_ms, memory, strict=True)
        )
    return TogetherResult(
        name=job.name,
        origin=origin,
        stream=stream.title,
        network=job.network,
        seconds=job.seconds,
        usages=usages,
        server_ms=share.server_ms,
        others_share=share.others_share,
        stolen_share=share.stolen_share,
    )


def wait_until_watching(program: Running, cameras: int) -> None:
    """Wait until all its cameras have begun, as far as it says, or until the time limit."""
    if program.program != "decode":
        name = program.program
        program.wait_for(lambda lines: watching(name, lines) >= cameras, READY_LIMIT_S)


def measure(
    programs: list[Running], server_s: Callable[[], float], cameras: int, seconds: float
) -> tuple[list[float], Share]:
    """CPU ms of each program per camera-second, and what else used the machine."""
    before = _Reading.of(programs, server_s)
    time.sleep(seconds)
    after = _Reading.of(programs, server_s)
    passed_s = after.at_s - before.at_s
    used_s = [late - early for early, late in zip(before.used_s, after.used_s, strict=True)]
    served_s = after.server_s - before.server_s
    busy_s, stolen_s = (
        late - early for early, late in zip(before.machine_s, after.machine_s, strict=True)
    )
    cores_s = passed_s * (os.cpu_count() or 1)
    share = Share(
        server_ms=round(1000 * served_s / passed_s / (cameras * len(programs)), 2),
        others_share=round(max(0.0, busy_s - sum(used_s) - served_s) / cores_s, 3),
        stolen_share=round(stolen_s / cores_s, 3),
    )
    return [1000 * used / passed_s / cameras for used in used_s], share


def usage(program: Running, fps: int, cameras: int, cpu_ms: float, mib: float) -> Usage:
    """What a program that has ended needed, and what it said about its work."""
    found = done(program.program, program.lines, program.ended_s)
    due_fps = _PIPED_FPS if program.program == "ffmpeg-pipes" else fps
    dropped: Counter[str] = Counter()
    for one in found:
        dropped.update(one.dropped)
    return Usage(
        program=program.program,
        cameras=cameras,
        cpu_ms=round(cpu_ms, 2),
        memory_mib=round(mib, 1),
        windows=sum(one.windows for one in found),
        read=_read(found, cameras, due_fps),
        windows_per_s=_rate(found, cameras),
        dropped=dict(dropped),
    )


def _read(found: list[Done], cameras: int, fps: int) -> float | None:
    if not found:
        return None
    shares = [one.frames / (one.seconds * fps) for one in found if one.seconds]
    return round(min(1.0, sum(shares) / cameras), 3)


def _rate(found: list[Done], cameras: int) -> float | None:
    if not found:
        return None
    rates = [one.windows / (one.seconds - FILLING_S) for one in found if one.seconds > FILLING_S]
    return round(sum(rates) / cameras, 3)


def series_goes_on(result: TogetherResult) -> bool:
    """Whether the program of a scaling may be given more cameras."""
    return all(usage.in_time for usage in result.usages)
