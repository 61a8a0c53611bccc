"""Runs the declared jobs in turn, but for those with a result that still holds."""

import hashlib
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from benchmarks.machine import Machine, machine
from benchmarks.performance.engines import run_inference
from benchmarks.performance.latency import run_latency
from benchmarks.performance.measure import Places, run_together, series_goes_on
from benchmarks.performance.plan import Declared, Inference, Job, Latency, Start, Together, jobs_of
from benchmarks.performance.results import MEASURED, Measured, Origin, TogetherResult
from benchmarks.performance.start import run_starts
from benchmarks.results import drop, keep, now, read
from benchmarks.streams import Stream, recipe_key
from monitor import __version__

# Raised if the benchmark measures otherwise than before.
METHOD = 1
QUICK_S = 5.0  # of each run with --quick

_ROOT = Path(__file__).parents[2]
_CODE = (
    "monitor/**/*.py",
    "monitor/models/*",
    "export/**/*.py",
    "benchmarks/performance/peers/*.py",
)


def measure_all(
    declared: Declared, places: Places, console: Console, *, only: str = "", quick: bool = False
) -> None:
    """Measure every job with `only` in its name, unless it has a result that still holds."""
    where = machine()
    jobs = [job for job in jobs_of(declared) if only in job.name]
    full: set[str] = set()  # scalings with a program that cannot keep up
    for number, job in enumerate(jobs, start=1):
        job = _shortened(job) if quick else job
        series = job.series if isinstance(job, Together) else ""
        if series in full:
            drop(places.results, MEASURED, job.name)  # from a time when it kept up
            continue
        result = measure_one(declared, job, places, where, console, f"{number}/{len(jobs)}")
        if series and isinstance(result, TogetherResult) and not series_goes_on(result):
            full.add(series)


def measure_one(
    declared: Declared, job: Job, places: Places, where: Machine, console: Console, turn: str = ""
) -> Measured:
    """The result of a job: the one that is kept if it still holds, or a new one."""
    stream = None if job.stream is None else declared.stream(job.stream)
    from_here = origin(job, stream, where)
    known = read(places.results, MEASURED).get(job.name)
    if known is not None and known.origin.key == from_here.key:
        return known
    console.print(f"{turn} {job.name}", highlight=False)
    result: Measured
    if isinstance(job, Inference):
        result = run_inference(job, places, from_here)
    elif isinstance(job, Start):
        result = run_starts(job, stream, places, from_here)
    else:
        assert stream is not None
        run = run_latency if isinstance(job, Latency) else run_together
        result = run(job, stream, places, from_here)  # type: ignore[arg-type]
    keep(places.results, MEASURED, result)
    return result


def origin(job: Job, stream: Stream | None, where: Machine) -> Origin:
    """The origin of what is measured here and now."""
    sha = hashlib.sha256(repr((METHOD, job, where.cpu, where.cores)).encode())
    if stream is not None:
        sha.update(recipe_key(stream).encode())
    for pattern in _CODE:
        for path in sorted(_ROOT.glob(pattern)):
            sha.update(path.read_bytes())
    return Origin(key=sha.hexdigest()[:16], machine=where, date=now(), version=__version__)


def _shortened(job: Job) -> Job:
    if isinstance(job, Start):
        return replace(job, runs=1)
    if isinstance(job, Inference):
        return replace(job, rounds=3)
    return replace(job, seconds=min(job.seconds, QUICK_S), warm_s=min(job.warm_s, QUICK_S))
