"""benchmarks/web/README.md, made of the results."""

import statistics
from collections.abc import Collection, Sequence
from pathlib import Path

from benchmarks.page import render
from benchmarks.web.measure import Kept, Lists, Start, Unwatched, Viewers

_TEMPLATE = Path(__file__).with_name("README.md.jinja")


def page(results: Collection[Kept]) -> str:
    """The page as Markdown."""
    return render(
        _TEMPLATE,
        starts=[_start_row(one) for one in results if isinstance(one, Start)],
        lists=[
            [f"`{one.address}`", f"{one.events:,}", f"{one.p50_ms:.0f} ms", f"{one.p95_ms:.0f} ms"]
            for one in results
            if isinstance(one, Lists)
        ],
        viewers=[_viewers_row(one) for one in results if isinstance(one, Viewers)],
        unwatched=[row for one in results if isinstance(one, Unwatched) for row in _rows(one)],
    )


def _start_row(one: Start) -> list[str]:
    middle = statistics.median(one.seconds)
    return [f"{middle:.2f} s", f"{min(one.seconds):.2f} s", f"{max(one.seconds):.2f} s"]


def _viewers_row(one: Viewers) -> list[str]:
    return [
        str(one.viewers),
        one.stream,
        _percent(one.before),
        _percent(one.during),
        f"{100 * (one.during - one.before) / one.viewers:.2f} %",
        f"{min(one.fragments_s):.1f} to {max(one.fragments_s):.1f}",
        f"{one.dropped} of {one.windows + one.dropped}",
    ]


def _rows(one: Unwatched) -> list[list[str]]:
    base = statistics.median(one.without)
    named = {
        "alert log only": one.without,
        "with event store and evidence": one.alone,
        "with these and the page": one.with_page,
    }
    return [_row(name, shares, base, one) for name, shares in named.items()]


def _row(name: str, shares: Sequence[float], base: float, one: Unwatched) -> list[str]:
    middle = statistics.median(shares)
    more = "" if shares is one.without else f"{100 * (middle / base - 1):+.1f} %"
    each = ", ".join(_percent(share) for share in shares)
    return [f"{one.cameras}, {one.stream}", name, each, _percent(middle), more]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
