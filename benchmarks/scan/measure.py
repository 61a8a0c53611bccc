"""How fast har-scan is, against decoding alone at the same time.

An archive of one film, again and again, is scanned by some processes, or by a Ray of one node with
so many CPUs. Beside each of them two other processes do nothing but decode the same film by the
same FFmpeg, one as it is, the other without the loop filter, as har-scan does. All have the same
share of the cores. What they do in the time of the scan is compared: whatever else the machine is
at, it is so for all of them. What it takes to begin, which no archive of hours notices, is measured
by a scan of a clip, and taken off.
"""

import multiprocessing
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from benchmarks.machine import Machine, machine
from benchmarks.options import RUNS
from benchmarks.performance.plan import read_plan
from benchmarks.performance.usage import cpu_s, own_cpu_s
from benchmarks.results import Facts, Result, now
from benchmarks.streams import Stream, encoded
from monitor.errors import MonitorError
from testkit import DATA
from testkit.process import script
from testkit.servers.ray import ray_cluster

PLAN = Path(__file__).parents[1] / "performance" / "plan.yaml"
STREAMS = {"busy-1080p25": 1, "busy-360p15": 3, "idle-1080p25-variable": 1}  # files per process
By = Literal["processes", "ray"]
WAYS: tuple[tuple[By, int], ...] = (("processes", 1), ("processes", 2), ("ray", 2))
_QUICK: tuple[tuple[By, int], ...] = (WAYS[0], ("ray", 1))
_BATCH = 25  # pictures, after which a decoder says how far it is
_LOOK_S = 0.25  # from one look at the CPU time of Ray's processes to the next
_FAST = {"skip_loop_filter": "all"}
Scanner = Callable[[Path], float]  # scans an archive; the CPU seconds that this took


class Speed(Facts):
    """What was done in the time of a scan."""

    video_s: float  # in all processes of a kind
    cpu_s: float

    @property
    def per_cpu(self) -> float:
        """Seconds of video in a second of CPU time."""
        return self.video_s / self.cpu_s


class Compared(Result):
    """A scan, and what decoders did meanwhile."""

    stream: str
    title: str
    by: By = "processes"
    processes: int  # of each kind
    date: str
    machine: Machine
    windows: int  # that the model saw
    scan: Speed
    decode: Speed  # the film as it is
    decode_fast: Speed  # without the loop filter

    @property
    def key(self) -> str:
        """The film and the processes."""
        return f"{self.stream}-{self.processes}{'-ray' * (self.by == 'ray')}"


KEPT = TypeAdapter(Compared)


def measure_all(data: Path, *, quick: bool) -> Iterator[Compared]:
    """Every stream in every way; `quick` is to try it out."""
    plan = read_plan(PLAN)
    for name in STREAMS:
        stream = plan.stream(name)
        film = encoded(stream, data, RUNS / "streams")
        for by, processes in _QUICK if quick else WAYS:
            with tempfile.TemporaryDirectory() as folder, _scanner(by, processes) as scan:
                yield _measure(Path(folder), stream, film, by, processes, scan)


def _measure(
    folder: Path, stream: Stream, film: Path, by: By, processes: int, scan: Scanner
) -> Compared:
    archive = _archive(folder / "films", film, STREAMS[stream.name] * processes)
    begin_s = scan(_archive(folder / "clips", DATA / "nofight.mp4", processes))
    with _decoders(film, processes, {}) as full, _decoders(film, processes, _FAST) as fast:
        before = full.speed(), fast.speed()
        used_s = scan(archive) - begin_s
        decode, decode_fast = full.since(before[0]), fast.since(before[1])
    rows = pq.read_table(archive.with_suffix(".files.parquet")).to_pylist()
    return Compared(
        stream=stream.name,
        title=stream.title,
        by=by,
        processes=processes,
        date=now(),
        machine=machine(),
        windows=sum(row["windows"] for row in rows),
        scan=Speed(video_s=round(sum(row["seconds"] for row in rows), 1), cpu_s=round(used_s, 2)),
        decode=decode,
        decode_fast=decode_fast,
    )


def _archive(folder: Path, film: Path, files: int) -> Path:
    """A folder that holds a film so many times."""
    folder.mkdir()
    for number in range(files):
        (folder / f"{number:03}.mp4").symlink_to(film)
    return folder


@contextmanager
def _scanner(by: By, processes: int) -> Iterator[Scanner]:
    """What scans an archive with so many processes, or CPUs of a Ray that runs until then."""
    if by == "processes":
        workers = ("--workers", str(processes))
        yield lambda archive: _scan(archive, workers, dict(os.environ))
        return
    with ray_cluster("scan") as ray:
        node = ray.start("one", cpus=processes)
        used: dict[int, float] = {}  # by each process, also of those that have ended

        def look() -> None:
            used.update(own_cpu_s(node.process.pid))

        def scan(archive: Path) -> float:
            look()
            before_s = sum(used.values())
            own_s = _scan(archive, ("--cluster", ray.address), ray.environment, look)
            return own_s + sum(used.values()) - before_s

        yield scan


def _scan(
    archive: Path,
    by: tuple[str, str],
    environment: dict[str, str],
    look: Callable[[], object] = lambda: None,
) -> float:
    """Scan an archive into a table beside it; the CPU seconds that this took.

    Meanwhile `look` is called often: Ray waits for no process that ends, so no other has its time.
    """
    out = archive.with_suffix(".parquet")
    command = [*script("har-scan"), str(archive), "--out", str(out), *by]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryFile("w+") as said:
        with subprocess.Popen(command, stdout=said, stderr=said, env=environment) as scan:
            while scan.poll() is None:
                look()
                time.sleep(_LOOK_S)
        said.seek(0)
        text = said.read()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if scan.returncode:
        raise MonitorError(f"har-scan ended with code {scan.returncode}: {text}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@dataclass
class _Decoders:
    """Processes that decode a film over and over."""

    processes: list[Any]
    done: Any  # seconds of video

    def speed(self) -> Speed:
        """What they did since they began."""
        used_s = sum(cpu_s(process.pid) for process in self.processes)
        return Speed(video_s=self.done.value, cpu_s=used_s)

    def since(self, before: Speed) -> Speed:
        """What they did since then."""
        after = self.speed()
        return Speed(
            video_s=round(after.video_s - before.video_s, 1),
            cpu_s=round(after.cpu_s - before.cpu_s, 2),
        )


@contextmanager
def _decoders(film: Path, count: int, options: dict[str, str]) -> Iterator[_Decoders]:
    """So many, until the end of the block; they have begun."""
    context = multiprocessing.get_context("spawn")
    done = context.Value("d", 0.0)
    made = [
        context.Process(target=_decode, args=(film, options, done), daemon=True)
        for _ in range(count)
    ]
    try:
        for process in made:
            process.start()
        while not done.value:
            time.sleep(0.05)
        yield _Decoders(made, done)
    finally:
        for process in made:
            process.kill()
            process.join()


def _decode(film: Path, options: dict[str, str], done: Any) -> None:
    while True:
        with av.open(str(film)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_type = "NONE"
            stream.codec_context.options = options
            assert stream.average_rate is not None  # it is one of ours
            each_s = float(_BATCH / stream.average_rate)
            for number, _ in enumerate(container.decode(stream), start=1):
                if not number % _BATCH:
                    with done.get_lock():
                        done.value += each_s
