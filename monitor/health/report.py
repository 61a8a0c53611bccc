"""How a process that watches a shard does: all that the page and the metrics of the site need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from monitor import __version__
from monitor.health.status import CameraSnapshot
from monitor.records import CopyStatus, SinkStatus, WorkerStatus

SILENT_S = 10.0  # a shard of which nothing was heard for so long is not watched, for all we know


@dataclass(frozen=True)
class Report:
    """It at one moment."""

    version: str = __version__
    cameras: tuple[CameraSnapshot, ...] = ()
    sinks: tuple[SinkStatus, ...] = ()
    workers: tuple[WorkerStatus, ...] = ()
    evidence: tuple[int | None, int] | None = None  # bytes that it takes, if known; and may take
    copies: CopyStatus | None = None  # of evidence, to object storage; None: it is not copied
    disks: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # free and all bytes


REPORT = TypeAdapter(Report)


@dataclass(frozen=True)
class ShardView:
    """A shard of a site as it is known at another machine."""

    shard: str  # I/N
    node: str = ""  # the machine; empty: nobody said that it watches it
    pid: int = 0
    epoch: int = 0
    age_s: float | None = None  # of what was said last; None: nothing was
    report: Report = Report()

    @property
    def heard(self) -> bool:
        """Whether it was heard of just now."""
        return self.age_s is not None and self.age_s < SILENT_S

    @property
    def silence(self) -> str:
        """Since when nothing is known of it, in words."""
        if self.age_s is None:
            return f"no process watches shard {self.shard}"
        return f"shard {self.shard} on {self.node} was last heard of {self.age_s:.0f} s ago"
