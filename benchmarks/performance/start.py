"""Time from the start of a program to its first classified window of a file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.performance.measure import Places
from benchmarks.performance.plan import ProgramName, Start
from benchmarks.performance.programs import TITLES, Line, Task, told
from benchmarks.performance.results import Origin, StartResult
from benchmarks.performance.running import running
from benchmarks.streams import Stream
from monitor.errors import MonitorError

LIMIT_S = 120.0
_ROOT = Path(__file__).parents[2]
# The first window raises an alert whatever its score, so it is seen from outside.
_FIRST_WINDOW = {
    "defaults": {
        "activity": {"threshold": 0, "min_s": 0, "unknown": False},
        "windows": {"quality": False, "motion": False},
    },
    "sinks": [{"type": "log", "path": "-"}],
}


def run_starts(job: Start, stream: Stream | None, places: Places, origin: Origin) -> StartResult:
    """Start each program in turn, `runs` times, and once before to fill the caches."""
    if stream is not None:
        clip = places.clip(stream)
    else:
        assert job.clip is not None
        clip = _ROOT / job.clip
    starts: dict[ProgramName, list[float]] = {program: [] for program in job.programs}
    for turn in range(job.runs + 1):
        for program, found in starts.items():
            task = replace(places.task(program, [str(clip)], "shipped"), settings=_FIRST_WINDOW)
            took_s = _start(program, task)
            if turn:
                found.append(round(took_s, 3))
    return StartResult(
        name=job.name,
        origin=origin,
        clip=stream.title if stream is not None else clip.name,
        starts_s={program: tuple(found) for program, found in starts.items()},
    )


def _start(program: ProgramName, task: Task) -> float:
    with running(program, task) as one:
        one.wait_for(lambda lines: _classified(program, lines) is not None, LIMIT_S)
        at_s = _classified(program, one.lines)
        if at_s is None:
            raise MonitorError(f"{TITLES[program]}: classified nothing within {LIMIT_S:g} s")
        return at_s - one.started_s


def _classified(program: ProgramName, lines: Sequence[Line]) -> float | None:
    if program == "har-monitor":
        return next((at_s for at_s, text in lines if text.startswith('{"schema"')), None)
    return next((at_s for at_s, event in told(lines) if event["event"] == "window"), None)
