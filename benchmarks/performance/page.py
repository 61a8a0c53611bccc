"""benchmarks/performance/README.md and its charts, made of the results."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks.page import NOTHING, render, write
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
from train.report.charts import Line, chart, svg_file

NAME = "README.md"
TEMPLATE = Path(__file__).with_name(f"{NAME}.jinja")
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
        lines = [
            Line(TITLES[program].removesuffix(", tf2onnx"), *points, f"c{index}")
            for index, program in enumerate(scaling.programs)
            if (points := _cores(_scaled(results, scaling.name, program)))
        ]
        if lines:
            cores = results[
                next(n for n in results if n.startswith("scaling"))
            ].origin.machine.cores
            title = f"Cores in use: {declared.stream(scaling.stream).title}"
            yield f"{scaling.name}.svg", _by_cameras(title, "cores in use", lines, cores)
    lines = list(_latency_lines(results))
    if lines:
        yield "latency.svg", _by_cameras("Picture in the socket to alert line", "ms", lines)


def _by_cameras(title: str, y_label: str, lines: Sequence[Line], limit: float | None = None) -> str:
    """A chart over numbers of cameras, on a logarithmic axis, as an SVG file."""
    counts = sorted({cameras for line in lines for cameras in line.x})
    highest = max([value for line in lines for value in line.y] + [limit or 0.0])
    return svg_file(
        chart(
            title,
            lines,
            x_label="cameras",
            y_label=y_label,
            x_range=(counts[0], counts[-1]),
            y_range=(0, max(highest * 1.05, 1e-6)),
            x_ticks=counts,
            log_x=True,
            limit=limit,
        )
    )


def _cores(usages: Sequence[Usage]) -> tuple[list[float], list[float]] | None:
    """Numbers of cameras, and the cores that they took; None if none was read in time."""
    in_time = sorted((u.cameras, u.cpu_ms * u.cameras / 1000) for u in usages if u.in_time)
    return ([c for c, _ in in_time], [cores for _, cores in in_time]) if in_time else None


def _latency_lines(results: Results) -> Iterator[Line]:
    """Of the stream that is declared first; others are in the table alone."""
    every = [r for r in results.values() if isinstance(r, LatencyResult) and r.usage.in_time]
    found = [r for r in every if r.stream == every[0].stream] if every else []
    for index, program in enumerate(dict.fromkeys(r.program for r in found)):
        for place, name in ((0, "p50"), (1, "p95")):
            points = sorted(
                (r.cameras, summary_[place])
                for r in found
                if r.program == program and (summary_ := summary(r.latencies_ms)) is not None
            )
            if points:
                title = TITLES[program].removesuffix(", tf2onnx")
                style = f"c{index} dashed" if place else f"c{index}"
                cameras, latencies_ms = zip(*points, strict=True)
                yield Line(f"{title}, {name}", cameras, latencies_ms, style)


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
