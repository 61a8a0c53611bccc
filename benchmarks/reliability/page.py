"""README.md, from the results."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.page import NOTHING, render
from benchmarks.reliability.results import Dropped, Kept
from benchmarks.reliability.soak import AGAIN_S, HEALTHY, Soak, total
from testkit.kills import Killed

_TEMPLATE = Path(__file__).with_name("README.md.jinja")


def page(results: Mapping[str, Kept]) -> str:
    """The page as Markdown."""
    found = {what: one.found for what, one in results.items()}
    soak, drops, kills = (found.get(what) for what in ("soak", "drops", "kills"))
    return render(
        _TEMPLATE,
        soak=soak,
        soak_rows=_soak_rows(soak) if isinstance(soak, Soak) else [],
        healthy=HEALTHY,
        drops=drops,
        drops_rows=_drops_rows(drops) if isinstance(drops, Dropped) else [],
        kills=kills,
        kills_rows=_kills_rows(kills) if isinstance(kills, Killed) else [],
        origins=list(dict.fromkeys(map(_origin, results.values()))),
    )


def _origin(one: Kept) -> str:
    where = one.machine
    return (
        f"Measured on {one.date}, har-monitor {one.version}: {where.cpu}, "
        f"{where.cores} cores, {where.memory_gib:g} GiB, {where.kernel}"
    )


def _soak_rows(soak: Soak) -> list[tuple[str, str]]:
    all_ = total(list(soak.judged.values()))
    first, last = soak.samples[0], soak.samples[-1]
    return [
        ("alerts owed", f"{all_.expected}"),
        ("of these lost", f"{len(all_.lost)}"),
        ("alerts where the film has none", f"{all_.unexpected}"),
        ("faults", f"{sum(soak.faults.values())}"),
        ("reconnects", f"{soak.reconnects}"),
        ("after a fault, its camera was watched again within", _again(soak)),
        (f"faults after which it was not, within {AGAIN_S:g} s", f"{soak.blind}"),
        *_latencies(soak),
        (
            "memory at the start, at the end",
            _pair(first.held.memory_mib, last.held.memory_mib, "MiB"),
        ),
        ("memory slope after warming up", f"{soak.memory_slope:+.2f} MiB an hour"),
        ("threads at the start, at the end", _pair(first.held.threads, last.held.threads)),
        ("descriptors at the start, at the end", _pair(first.held.files, last.held.files)),
        ("CPU", f"{100 * last.cpu_s / last.at_s:.0f} % of one core"),
        ("exit code, tracebacks", f"{soak.exit_code}, {soak.tracebacks}"),
    ]


def _again(soak: Soak) -> str:
    if not soak.again_s:
        return NOTHING
    half, most, all_ = np.percentile(soak.again_s, [50, 95, 100])
    return f"{half:.0f} s half of the time, {most:.0f} s 95 of 100 times, {all_:.0f} s always"


def _latencies(soak: Soak) -> list[tuple[str, str]]:
    rows = []
    for percent in (50, 95):
        parts = [soak.latency_ms(percent, part) for part in range(3)]
        shown = ", ".join(NOTHING if ms is None else f"{ms:.0f}" for ms in parts)
        rows.append(
            (f"latency of healthy cameras, {percent} of 100, by thirds of the run", f"{shown} ms")
        )
    return rows


def _drops_rows(found: Dropped) -> list[tuple[str, str]]:
    return [
        ("memory", _pair(found.before.memory_mib, found.after.memory_mib, "MiB")),
        ("threads", _pair(found.before.threads, found.after.threads)),
        ("descriptors", _pair(found.before.files, found.after.files)),
    ]


def _kills_rows(found: Killed) -> list[tuple[str, str]]:
    return [
        ("activities that started", str(found.starts)),
        ("lines that are not whole", str(found.torn)),
        ("ids given twice", str(found.twice)),
        ("starts without exactly one end after them", str(found.unended)),
        ("ends written by the next monitor", str(found.died)),
    ]


def _pair(before: float, after: float, unit: str = "") -> str:
    return f"{before:.4g}, {after:.4g} {unit}".rstrip()
