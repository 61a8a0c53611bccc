"""benchmarks/reliability/README.md, made of the results."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.page import NOTHING, render
from benchmarks.reliability.results import Dropped, Kept
from benchmarks.reliability.schedule import MEANINGS, REST_S
from benchmarks.reliability.soak import AGAIN_S, HEALTHY, Soak, total
from testkit.drops import Held

_TEMPLATE = Path(__file__).with_name("README.md.jinja")


def page(results: Mapping[str, Kept]) -> str:
    """The page as Markdown."""
    found = {what: one.found for what, one in results.items()}
    origins: dict[str, list[str]] = {}  # where and when -> what was measured there
    for what, one in results.items():
        origins.setdefault(_origin(one), []).append(what)
    soak, drops, kills = (found.get(what) for what in ("soak", "drops", "kills"))
    return render(
        _TEMPLATE,
        soak=_soak(soak) if isinstance(soak, Soak) else None,
        drops=drops,
        drops_rows=_held_rows(drops.before, drops.after) if isinstance(drops, Dropped) else [],
        kills=kills,
        origins=origins,
    )


def _origin(one: Kept) -> str:
    where = one.machine
    return (
        f"measured on {one.date}, har-monitor {one.version}: {where.cpu}, "
        f"{where.cores} cores, {where.memory_gib:g} GiB, {where.kernel}"
    )


def _soak(soak: Soak) -> dict[str, object]:
    first, last = soak.samples[0], soak.samples[-1]
    watched_s = sum(soak.states_s.values())
    return {
        "run": soak,
        "judged": total(list(soak.judged.values())),
        "healthy": HEALTHY,
        "rest_s": REST_S,
        "faults": sum(soak.faults.values()),
        "fault_rows": [
            (kind, MEANINGS[kind], str(count)) for kind, count in sorted(soak.faults.items())
        ],
        "again": _again(soak),
        "again_s": AGAIN_S,
        "cpu": last.cpu_s / last.at_s,
        "latency_rows": [_latency_row(soak, percent) for percent in (50, 95)],
        "held_rows": _held_rows(first.held, last.held),
        "state_rows": [
            (state, f"{100 * state_s / watched_s:.1f} %")
            for state, state_s in sorted(soak.states_s.items())
        ],
    }


def _again(soak: Soak) -> str:
    if not soak.again_s:
        return NOTHING
    p50, p95, longest = np.percentile(soak.again_s, [50, 95, 100])
    return f"p50 {p50:.0f} s, p95 {p95:.0f} s, longest {longest:.0f} s"


def _latency_row(soak: Soak, percent: int) -> list[str]:
    thirds = [soak.latency_ms(percent, part) for part in range(3)]
    return [f"p{percent}", *(NOTHING if ms is None else f"{ms:.0f} ms" for ms in thirds)]


def _held_rows(before: Held, after: Held) -> list[tuple[str, str, str]]:
    return [
        ("memory", f"{before.memory_mib:.4g} MiB", f"{after.memory_mib:.4g} MiB"),
        ("threads", str(before.threads), str(after.threads)),
        ("file descriptors", str(before.files), str(after.files)),
    ]
