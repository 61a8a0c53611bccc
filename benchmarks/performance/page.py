"""benchmarks/performance/README.md and its charts, made of the results."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks.page import NOTHING, render, write
from benchmarks.performance.chart import Curve, chart
from benchmarks.performance.latency import summary
from benchmarks.performance.plan import Declared, ProgramName, jobs_of
from benchmarks.performance.programs import TITLES
from benchmarks.performance.results import (
    IN_TIME,
    MEASURED,
    InferenceResult,
    LatencyResult,
    Measured,
    StartResult,
    TogetherResult,
    Usage,
)
from benchmarks.performance.targets import OURS, Results, targets
from benchmarks.results import read

NAME = "README.md"
TEMPLATE, PICTURE = (Path(__file__).with_name(f"{n}.jinja") for n in (NAME, "chart.svg"))
_AGAINST: tuple[ProgramName, ...] = (
    "opencv", "opencv-grab", "ffmpeg-pipes", "decode", "keras", "tutorial",
)  # fmt: skip


def write_page(declared: Declared, results_file: Path, folder: Path) -> str:
    """Write the page and its charts into `folder`, from the results and nothing else."""
    results = read_results(declared, results_file)
    pictures = dict(_pictures(declared, results))
    text = page(declared, results, tuple(pictures))
    for name, content in {**pictures, NAME: text}.items():
        write(folder / name, content)
    return text


def read_results(declared: Declared, file: Path) -> dict[str, Measured]:
    """The results of all declared jobs, as far as they exist, in that order."""
    kept = read(file, MEASURED)
    return {job.name: kept[job.name] for job in jobs_of(declared) if job.name in kept}


def page(declared: Declared, results: Results, pictures: Sequence[str] = ()) -> str:
    """The page as Markdown."""
    together = {
        name.removeprefix("together-"): result
        for name, result in results.items()
        if isinstance(result, TogetherResult) and name.startswith("together-")
    }
    return render(
        TEMPLATE,
        targets=targets(results),
        against=[TITLES[program] for program in _AGAINST],
        ratio_rows=[_ratio_row(result) for result in together.values()],
        together=[(result, _usage_rows(result)) for result in together.values()],
        scaling=[(title, rows) for title, rows in _scaling(declared, results)],
        latency_rows=[_latency_row(r) for r in results.values() if isinstance(r, LatencyResult)],
        start_rows=[row for r in results.values() if isinstance(r, StartResult)
                    for row in _start_rows(r)],
        window_rows=[row for r in results.values() if isinstance(r, InferenceResult)
                     for row in _window_rows(r)],
        machines=_machines(results),
        pictures=pictures,
        in_time=IN_TIME,
    )  # fmt: skip


def _ratio_row(result: TogetherResult) -> list[str]:
    ours = result.of(OURS)
    cells = []
    for program in _AGAINST:
        theirs = result.of(program)
        if ours is None or theirs is None:
            cells.append(NOTHING)
        else:
            late = "" if theirs.in_time else " (late)"
            late += "" if ours.in_time else " (har-monitor late)"
            cells.append(f"{ours.cpu_ms / theirs.cpu_ms:.2f}{late}")
    return [result.stream, result.network, *cells]


def _usage_rows(result: TogetherResult) -> list[list[str]]:
    return [[TITLES[usage.program], *_usage_cells(usage)] for usage in result.usages]


def _usage_cells(usage: Usage) -> list[str]:
    dropped = ", ".join(f"{count} {cause}" for cause, count in usage.dropped.items())
    return [
        f"{usage.cpu_ms:.1f}",
        f"{1000 / usage.cpu_ms:.1f}" if usage.in_time and usage.cpu_ms else NOTHING,
        f"{usage.memory_mib / usage.cameras:.0f}",
        NOTHING if usage.read is None else f"{100 * usage.read:.0f} %",
        NOTHING if usage.windows_per_s is None else f"{usage.windows_per_s:.2f}",
        dropped or NOTHING,
    ]


def _scaling(declared: Declared, results: Results) -> Iterator[tuple[str, list[list[str]]]]:
    for scaling in declared.scaling:
        rows = []
        for program in scaling.programs:
            for usage in _scaled(results, scaling.name, program):
                rows.append([TITLES[program], str(usage.cameras), *_usage_cells(usage)])
        if rows:
            yield declared.stream(scaling.stream).title, rows


def _scaled(results: Results, name: str, program: str) -> list[Usage]:
    """What a program needed in a scaling, by number of cameras."""
    return [
        usage
        for job, result in results.items()
        if re.fullmatch(rf"scaling-{name}-{program}-\d+", job)
        and isinstance(result, TogetherResult)
        for usage in result.usages
    ]


def _latency_row(result: LatencyResult) -> list[str]:
    found = summary(result.latencies_ms)
    p50, p95 = (NOTHING, NOTHING) if found is None else (f"{v:.0f}" for v in found)
    lines = str(len(result.latencies_ms))
    if result.estimated:
        lines += f" ({result.estimated} within 2 frames)"
    cpu, _, _, read, _, dropped = _usage_cells(result.usage)
    title = TITLES[result.program]
    return [result.stream, title, str(result.cameras), lines, p50, p95, cpu, read, dropped]


def _start_rows(result: StartResult) -> list[list[str]]:
    return [
        [result.clip, TITLES[program], *(f"{v:.2f}" for v in (median(s), min(s), max(s)))]
        for program, s in result.starts_s.items()
        if s
    ]


def _window_rows(result: InferenceResult) -> list[list[str]]:
    return [
        [
            cost.network,
            f"{cost.tf2onnx_ms:.2f}",
            f"{cost.fused_ms:.2f}",
            f"{cost.tf2onnx_ms / cost.fused_ms:.2f}",
        ]
        for cost in result.costs
    ]


def _pictures(declared: Declared, results: Results) -> Iterator[tuple[str, str]]:
    for scaling in declared.scaling:
        curves = [
            Curve(TITLES[program].removesuffix(", tf2onnx"), points)
            for program in scaling.programs
            if (points := _cores(_scaled(results, scaling.name, program)))
        ]
        if curves:
            cores = results[
                next(n for n in results if n.startswith("scaling"))
            ].origin.machine.cores
            title = f"Cores in use: {declared.stream(scaling.stream).title}"
            drawn = chart(title, "cores in use", curves, cores)
            yield f"{scaling.name}.svg", render(PICTURE, chart=drawn)
    curves = list(_latency_curves(results))
    if curves:
        drawn = chart("Picture in the socket to alert line", "ms", curves)
        yield "latency.svg", render(PICTURE, chart=drawn)


def _cores(usages: Sequence[Usage]) -> tuple[tuple[int, float], ...]:
    return tuple((u.cameras, u.cpu_ms * u.cameras / 1000) for u in usages if u.in_time)


def _latency_curves(results: Results) -> Iterator[Curve]:
    """Curves of the stream that is declared first; the table has the others."""
    every = [r for r in results.values() if isinstance(r, LatencyResult) and r.usage.in_time]
    found = [r for r in every if r.stream == every[0].stream] if every else []
    for program in dict.fromkeys(r.program for r in found):
        for place, name in ((0, "p50"), (1, "p95")):
            points = tuple(
                (r.cameras, summary_[place])
                for r in found
                if r.program == program and (summary_ := summary(r.latencies_ms)) is not None
            )
            if points:
                title = TITLES[program].removesuffix(", tf2onnx")
                yield Curve(f"{title}, {name}", points, dashed=bool(place))


def _machines(results: Results) -> list[str]:
    """Each machine on which something was measured, in words."""
    words = []
    for result in results.values():
        machine = result.origin.machine
        versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
        words.append(
            f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib:g} GiB, "
            f"{machine.kernel}; {versions}"
        )
    return list(dict.fromkeys(words))
