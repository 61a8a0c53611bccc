"""What is kept of the runs, and read back for the page."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from benchmarks.performance.origin import machine
from benchmarks.performance.results import Machine
from benchmarks.recognition.evidence import now
from benchmarks.reliability.soak import Soak
from export.atomic import replacing
from monitor import __version__
from testkit.drops import Held
from testkit.kills import Killed


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
