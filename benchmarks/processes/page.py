"""benchmarks/processes/README.md, made of the results."""

from collections.abc import Collection
from pathlib import Path

from benchmarks.page import NOTHING, render
from benchmarks.performance.latency import summary
from benchmarks.processes.measure import Run, Shared

_TEMPLATE = Path(__file__).with_name("README.md.jinja")


def page(results: Collection[Shared]) -> str:
    """The page as Markdown."""
    return render(
        _TEMPLATE,
        overload=[
            _busy_row(one, run) for one in results if one.kind == "overload" for run in one.runs
        ],
        still=[_still_row(one, run) for one in results if one.kind == "still" for run in one.runs],
        machines=sorted({one.machine for one in results}),
    )


def _busy_row(about: Shared, run: Run) -> list[str]:
    found = summary(run.latencies_ms)
    p50, p95 = (NOTHING, NOTHING) if found is None else (f"{one:.0f} ms" for one in found)
    return [
        f"{about.cameras}, {about.stream}",
        str(run.workers),
        f"{run.windows_per_s:.1f}",
        str(len(run.latencies_ms)),
        p50,
        p95,
        f"{run.waiting_s:.0f} s",
        f"{run.switches_per_s:,.0f}",
        f"{run.cpu_share:.2f}",
        f"{100 * run.others_share:.0f} %",
    ]


def _still_row(about: Shared, run: Run) -> list[str]:
    return [
        f"{about.cameras}, {about.stream}",
        str(run.workers),
        f"{1000 * run.cpu_share / about.cameras:.1f}",
        f"{run.memory_mib / about.cameras:.1f} MiB",
        f"{100 * run.others_share:.0f} %",
    ]
