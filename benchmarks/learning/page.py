"""benchmarks/learning/README.md, made of the results."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.learning.measure import Counts, Learned
from benchmarks.page import render

_TEMPLATE = Path(__file__).with_name("README.md.jinja")


def page(results: Sequence[Learned]) -> str:
    """The page as Markdown."""
    first = results[0]
    kinds = list(first.films)
    return render(
        _TEMPLATE,
        kinds=kinds,
        films=[[kind, str(first.films[kind]), f"{first.minutes[kind]:g}"] for kind in kinds],
        fights=first.fights,
        rows=[row for one in results for row in _rows(one, kinds)],
        total=_total(results),
    )


def _rows(one: Learned, kinds: Sequence[str]) -> list[list[str]]:
    return [
        [str(one.seed), "before", "", *_cells(one.before, kinds)],
        ["", "after", str(one.dismissed), *_cells(one.after, kinds)],
    ]


def _cells(counts: Counts, kinds: Sequence[str]) -> list[str]:
    by_kind = [counts.false_alarms[kind] for kind in kinds]
    return [*map(str, by_kind), str(sum(by_kind)), str(counts.fights_found)]


def _total(results: Sequence[Learned]) -> dict[str, str]:
    """All seeds together."""
    before = sum(sum(one.before.false_alarms.values()) for one in results)
    after = sum(sum(one.after.false_alarms.values()) for one in results)
    fights = sum(one.fights for one in results)
    found = [sum(counts.fights_found for counts in side) for side in (
        [one.before for one in results], [one.after for one in results]
    )]  # fmt: skip
    lost = 100 * (found[0] - found[1]) / fights
    return {
        "before": str(before),
        "after": str(after),
        "gone": f"{1 - after / before:.0%}" if before else "none",
        "change": f"{abs(lost):.1f} points {'fewer' if lost > 0 else 'more'}",
    }
