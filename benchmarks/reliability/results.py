"""What is kept of the runs, and the promises: `make soak` fails if one is broken."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from benchmarks.machine import Machine
from benchmarks.reliability.soak import AGAIN_S, Soak, total
from benchmarks.results import Result
from testkit.drops import Held
from testkit.kills import Killed

MEMORY_MIB = 5.0  # 200 drops may leave so much behind


@dataclass(frozen=True)
class Dropped:
    """What har-monitor held before and after a camera was lost many times."""

    drops: int
    before: Held
    after: Held


class Kept(Result):
    """The last run of a kind, with its time and machine."""

    what: Literal["soak", "drops", "kills"]
    date: str  # UTC
    version: str  # of har-monitor
    machine: Machine
    found: Soak | Dropped | Killed

    @property
    def key(self) -> str:
        """The kind of run."""
        return self.what


KEPT = TypeAdapter(Kept)


def broken(results: Iterable[Kept]) -> Iterator[str]:
    """Each promise that was not kept, as one line."""
    for one in results:
        match one.found:
            case Soak() as soak:
                if lost := len(total(list(soak.judged.values())).lost):
                    yield f"{lost} alerts were owed and never came"
                if soak.blind:
                    yield (
                        f"{soak.blind} times a camera was not watched within {AGAIN_S:g} s "
                        "of its fault"
                    )
                if soak.exit_code or soak.tracebacks:
                    yield (
                        f"har-monitor ended with {soak.exit_code} and {soak.tracebacks} tracebacks"
                    )
            case Dropped(_, before, after):
                if after.memory_mib > before.memory_mib + MEMORY_MIB:
                    yield f"drops left {after.memory_mib - before.memory_mib:.1f} MiB behind"
                if after.threads > before.threads or after.files > before.files:
                    yield "drops left threads or descriptors behind"
            case Killed() as killed:
                if killed.torn or killed.twice or killed.unended:
                    yield (
                        "after a kill the alert log had torn lines, ids given twice or starts "
                        "without an end"
                    )
