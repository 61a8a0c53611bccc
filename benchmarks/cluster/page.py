"""benchmarks/cluster/README.md, made of the results."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.cluster.measure import Faults
from benchmarks.page import NOTHING, render

_TEMPLATE = Path(__file__).with_name("README.md.jinja")


def page(results: Sequence[Faults]) -> str:
    """The page as Markdown."""
    first = results[0]
    return render(
        _TEMPLATE,
        cameras=f"{first.cameras:,}",
        shards=first.shards,
        machines=first.machines,
        rows=[_row(one) for one in results],
    )


def _row(one: Faults) -> list[str]:
    return [
        f"{one.fault}, {one.times} times",
        str(one.hit),
        str(len(one.unwatched_s)),
        *_times(one.unwatched_s),
        f"{sum(one.begun) / one.hit:.2f}",
        *_times(one.back_s)[::2],
        f"{max(one.uneven):.2f}",
        str(one.doubles),
    ]


def _times(seconds: Sequence[float]) -> list[str]:
    """Median, 95th percentile and longest."""
    if not seconds:
        return [NOTHING] * 3
    ordered = sorted(seconds)
    places = (len(ordered) // 2, int(0.95 * (len(ordered) - 1)), -1)
    return [f"{ordered[place]:.1f} s" for place in places]
