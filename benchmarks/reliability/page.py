"""README.md, from the results."""

from collections.abc import Mapping

import numpy as np

from benchmarks.reliability.results import Dropped, Kept
from benchmarks.reliability.soak import AGAIN_S, HEALTHY, Soak, total
from testkit.kills import Killed

_HEAD = """\
# Reliability

Written by `make soak`; [docs/reliability.md](../../docs/reliability.md) says what is promised and
which test holds it. Everything here is the real command with real RTSP streams, from GStreamer's
server through a proxy that goes wrong.
"""


def page(results: Mapping[str, Kept]) -> str:
    """The figures in Markdown."""
    found = [results[what] for what in ("soak", "drops", "kills") if what in results]
    parts = [_HEAD, *(_section(one.found) for one in found), *dict.fromkeys(map(_origin, found))]
    return "\n".join(parts) + "\n"


def _section(found: Soak | Dropped | Killed) -> str:
    match found:
        case Soak():
            return _soak(found)
        case Dropped():
            return _drops(found)
        case Killed():
            return _kills(found)


def _origin(one: Kept) -> str:
    where = one.machine
    return (
        f"Measured on {one.date}, har-monitor {one.version}: {where.cpu}, "
        f"{where.cores} cores, {where.memory_gib:g} GiB, {where.kernel}; others may have used the "
        "machine at the same time."
    )


def _soak(soak: Soak) -> str:
    all_ = total(list(soak.judged.values()))
    watched_s = sum(soak.states_s.values())
    first, last = soak.samples[0], soak.samples[-1]
    rows = [
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
    faults = ", ".join(f"{kind} {count}" for kind, count in sorted(soak.faults.items()))
    states = ", ".join(
        f"{state} {100 * s / watched_s:.1f} %" for state, s in sorted(soak.states_s.items())
    )
    return f"""\
## {soak.minutes:g} minutes of faults

{soak.cameras} cameras at 640×360, 25 pictures a second, for {soak.minutes:g} minutes, watched
with the shipped model; {HEALTHY} of them are left alone, the others go wrong at random, each some
twenty seconds to a minute and a half after the last time. The film cuts a fight into a still
corridor every seven seconds; an alert is owed for each whose score lies well above the threshold,
and that was sent whole, three seconds before anything went wrong.

{_table(("what", "found"), rows)}
Faults: {faults}. Camera-time by state: {states}.
"""


def _again(soak: Soak) -> str:
    if not soak.again_s:
        return "–"
    half, most, all_ = np.percentile(soak.again_s, [50, 95, 100])
    return f"{half:.0f} s half of the time, {most:.0f} s 95 of 100 times, {all_:.0f} s always"


def _latencies(soak: Soak) -> list[tuple[str, str]]:
    rows = []
    for percent in (50, 95):
        parts = [soak.latency_ms(percent, part) for part in range(3)]
        shown = ", ".join("–" if ms is None else f"{ms:.0f}" for ms in parts)
        rows.append(
            (f"latency of healthy cameras, {percent} of 100, by thirds of the run", f"{shown} ms")
        )
    return rows


def _drops(found: Dropped) -> str:
    rows = [
        ("memory", _pair(found.before.memory_mib, found.after.memory_mib, "MiB")),
        ("threads", _pair(found.before.threads, found.after.threads)),
        ("descriptors", _pair(found.before.files, found.after.files)),
    ]
    return f"""\
## {found.drops} drops in a row

One camera, cut off each time as soon as its stream flowed again; before is after the first ten.

{_table(("of the process", "before, after"), rows)}"""


def _kills(found: Killed) -> str:
    rows = [
        ("activities that started", str(found.starts)),
        ("lines that are not whole", str(found.torn)),
        ("ids given twice", str(found.twice)),
        ("starts without exactly one end after them", str(found.unended)),
        ("ends written by the next monitor", str(found.died)),
    ]
    return f"""\
## {found.kills} kills

kill -9 within 0.2 s of an alert, three films at once, alerts with nearly every window of the tests'
own model, one log for all.

{_table(("in the alert log", "found"), rows)}"""


def _pair(before: float, after: float, unit: str = "") -> str:
    return f"{before:.4g}, {after:.4g} {unit}".rstrip()


def _table(head: tuple[str, str], rows: list[tuple[str, str]]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {value} |" for name, value in rows)]) + "\n"
