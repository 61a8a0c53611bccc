"""Everything that is declared, measured in turn; what has a result that still holds is left."""

from dataclasses import replace

from rich.console import Console

from benchmarks.performance.inference import run_inference
from benchmarks.performance.latency import run_latency
from benchmarks.performance.measure import Places, run_together, series_goes_on
from benchmarks.performance.origin import machine, origin
from benchmarks.performance.plan import Declared, Inference, Job, Latency, Start, Together, jobs_of
from benchmarks.performance.results import (
    Machine,
    Result,
    TogetherResult,
    kind_of,
)
from benchmarks.performance.start import run_starts
from benchmarks.recognition.evidence import read_facts, write_facts

QUICK_S = 5.0  # of each run, where only the benchmark itself is tried


def measure_all(
    declared: Declared, places: Places, console: Console, *, only: str = "", quick: bool = False
) -> None:
    """Measure every job whose name holds `only` and that has no result of this code and machine."""
    places.results.mkdir(parents=True, exist_ok=True)
    where = machine()
    jobs = [job for job in jobs_of(declared) if only in job.file.stem]
    full: set[str] = set()  # scalings whose program cannot keep up
    for number, job in enumerate(jobs, start=1):
        job = _shortened(job) if quick else job
        series = job.series if isinstance(job, Together) else ""
        path = places.results / job.file
        if series in full:
            path.unlink(missing_ok=True)  # of a time when it kept up
            continue
        result = measure_one(declared, job, places, where, console, f"{number}/{len(jobs)}")
        if series and isinstance(result, TogetherResult) and not series_goes_on(result):
            full.add(series)


def measure_one(
    declared: Declared, job: Job, places: Places, where: Machine, console: Console, turn: str = ""
) -> Result:
    """The result of a job: the one that is there, if it still holds, else a new one."""
    stream = None if job.stream is None else declared.stream(job.stream)
    from_here = origin(job, stream, where)
    path = places.results / job.file
    known = read_facts(path, kind_of(job))
    if known is not None and known.origin.key == from_here.key:
        return known
    console.print(f"{turn} {job.file.stem}", highlight=False)
    result: Result
    if isinstance(job, Inference):
        result = run_inference(job, places, from_here)
    elif isinstance(job, Start):
        result = run_starts(job, stream, places, from_here)
    else:
        assert stream is not None
        run = run_latency if isinstance(job, Latency) else run_together
        result = run(job, stream, places, from_here)  # type: ignore[arg-type]
    write_facts(path, result)
    return result


def _shortened(job: Job) -> Job:
    if isinstance(job, Start):
        return replace(job, runs=1)
    if isinstance(job, Inference):
        return replace(job, rounds=3)
    return replace(job, seconds=min(job.seconds, QUICK_S), warm_s=min(job.warm_s, QUICK_S))
