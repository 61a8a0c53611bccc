"""What is kept of the runs, and read back for the page."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from benchmarks.machine import Machine, machine
from benchmarks.reliability.soak import AGAIN_S, Soak, total
from benchmarks.results import now
from export.atomic import replacing
from monitor import __version__
from testkit.drops import Held
from testkit.kills import Killed

MEMORY_MIB = 5.0  # that 200 drops may leave behind


@dataclass(frozen=True)
class Dropped:
    """A camera that was lost again and again."""

    drops: int
    before: Held
    after: Held


@dataclass(frozen=True)
class Results:
    """All that was measured, where and when; None: not yet."""

    date: str
    version: str
    machine: Machine
    soak: Soak | None = None
    drops: Dropped | None = None
    kills: Killed | None = None


_FORM = TypeAdapter(Results)


def read(path: Path) -> Results:
    """Those of a file, or none yet."""
    if not path.exists():
        return Results(now(), __version__, machine())
    return _FORM.validate_json(path.read_bytes())


def write(path: Path, results: Results) -> None:
    """Keep them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(_FORM.dump_json(results, indent=1) + b"\n")


def stamped(results: Results, **changes: Any) -> Results:
    """`results` with something that was measured just now."""
    facts = {"soak": results.soak, "drops": results.drops, "kills": results.kills} | changes
    return Results(now(), __version__, machine(), **facts)


def broken(results: Results) -> Iterator[str]:
    """Each promise that was not kept, in a line."""
    if (soak := results.soak) is not None:
        if lost := len(total(list(soak.judged.values())).lost):
            yield f"{lost} alerts were owed and never came"
        if soak.blind:
            yield f"{soak.blind} times a camera was not watched within {AGAIN_S:g} s of its fault"
        if soak.exit_code or soak.tracebacks:
            yield f"har-monitor ended with {soak.exit_code} and {soak.tracebacks} tracebacks"
    if (dropped := results.drops) is not None:
        before, after = dropped.before, dropped.after
        if after.memory_mib > before.memory_mib + MEMORY_MIB:
            yield f"drops left {after.memory_mib - before.memory_mib:.1f} MiB behind"
        if after.threads > before.threads or after.files > before.files:
            yield "drops left threads or descriptors behind"
    if (killed := results.kills) is not None and (killed.torn or killed.twice or killed.unended):
        yield "after a kill the alert log had torn lines, ids given twice or starts without an end"
