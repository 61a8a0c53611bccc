"""What is kept of the last run, and the promises: the command fails if one is broken."""

from collections.abc import Iterator
from typing import Literal

from pydantic import TypeAdapter

from benchmarks.cluster_soak.faults import Kind
from benchmarks.cluster_soak.judge import APART, Acts, Gap, Records
from benchmarks.machine import Machine
from benchmarks.results import Facts, Result

# A camera must be watched again so soon after its process was ended by a fault. One that hangs is
# killed after 15 s.
AGAIN_S: dict[str, float] = {
    "process killed": 3.0,
    "process hung": 20.0,
    "node killed": 15.0,
    "node frozen": 15.0,
    APART: 2.0,
}


class Failure(Facts):
    """A fault of the run."""

    kind: Kind
    what: str  # which node or shard
    at_s: float  # since the start
    well: bool  # all cameras were watched again within a minute


class Memory(Facts):
    """What the largest process of each kind held."""

    at_s: float  # since the start
    mib: dict[str, float]


class Soak(Result):
    """A run."""

    what: Literal["soak"] = "soak"
    date: str  # UTC
    version: str  # of har-monitor
    machine: Machine
    minutes: float  # that were asked for
    lasted_min: float
    seed: int
    cameras: int
    shards: int
    nodes: int
    failures: tuple[Failure, ...]
    acts: Acts
    records: Records
    gaps: tuple[Gap, ...]
    memory: tuple[Memory, ...]
    tracebacks: int
    broke_off: str  # why it ended early; empty: it did not

    @property
    def key(self) -> str:
        """There is one."""
        return self.what


KEPT = TypeAdapter(Soak)


def broken(soak: Soak) -> Iterator[str]:
    """Each promise that was not kept, as one line."""
    if soak.broke_off:
        yield f"it broke off: {soak.broke_off}"
    counts = {
        "alerts were owed and never came": len(soak.acts.missed),
        "lines of alert logs have no event in the store": len(soak.records.lost),
        "events were told twice": len(soak.records.twice),
        "events were recorded by two processes side by side": len(soak.records.doubles),
        "faults after which not all cameras were watched within a minute": sum(
            not one.well for one in soak.failures
        ),
        "tracebacks": soak.tracebacks,
    }
    for what, count in counts.items():
        if count:
            yield f"{count} {what}"
    for kind, limit_s in AGAIN_S.items():
        late = sum(gap.after == kind and gap.lasted_s > limit_s for gap in soak.gaps)
        if late:
            yield f"{kind}: {late} times a camera was not watched for more than {limit_s:g} s"
