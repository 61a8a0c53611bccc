"""benchmarks/scan/README.md, made of the results."""

from collections.abc import Collection
from pathlib import Path

from benchmarks.page import NOTHING, render
from benchmarks.scan.measure import Compared

_TEMPLATE = Path(__file__).with_name("README.md.jinja")


def page(results: Collection[Compared]) -> str:
    """The page as Markdown."""
    machines = dict.fromkeys((one.machine.cpu, one.machine.cores) for one in results)
    return render(
        _TEMPLATE,
        machines=", ".join(f"{cpu}, {cores} threads" for cpu, cores in machines) or NOTHING,
        rows=[_row(one) for one in results],
    )


def _row(one: Compared) -> list[str]:
    limit, fast = one.decode.per_cpu, one.decode_fast.per_cpu
    beside_ms = 1000 * (one.scan.cpu_s - one.scan.video_s / fast) / one.windows
    return [
        one.title,
        f"Ray, {one.processes} CPUs" if one.by == "ray" else str(one.processes),
        f"{one.scan.per_cpu:.1f}",
        f"{limit:.1f}",
        f"{one.scan.per_cpu / limit - 1:+.0%}",
        f"{fast:.1f}",
        f"{one.windows / one.scan.video_s:.2f}",
        f"{beside_ms:.0f} ms" if beside_ms > 0 else NOTHING,
    ]
