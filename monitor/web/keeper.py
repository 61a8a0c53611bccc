"""Who keeps evidence on other machines, and can be asked for more than its files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from monitor.evidence.places import EventKey, RemoteFile
from monitor.evidence.segments import SegmentTimes
from monitor.store.journal import DeletedLine, SpanLine


@dataclass(frozen=True)
class RecordedElsewhere:
    """What other machines have recorded all the time."""

    segments: Mapping[str, Sequence[SegmentTimes]]  # by camera, in no order
    silent: tuple[str, ...]  # who may have more and does not say so, and why


class Keeper(Protocol):
    """It; any thread may ask, and it may take a while."""

    def names(self, event: EventKey) -> Collection[str]:
        """The files that it has of an event; none, if it does not answer."""

    def ensure_copy(self, event: EventKey) -> None:
        """Let the small copy of an event's clip be there; HTTPException if it is not yet."""

    def mark(self, event: EventKey) -> None:
        """Keep the evidence of an event if it is marked, else no longer; MonitorError."""

    def teach(self, line: SpanLine) -> None:
        """Keep a span as an event, who recorded it; NotRecorded, or MonitorError if that fails."""

    def take_back(self, event: EventKey, line: DeletedLine) -> None:
        """Delete an event that was taught, who has its clip; MonitorError if that fails."""

    def recorded(self, cameras: Sequence[str], *, joined: bool) -> RecordedElsewhere:
        """What is recorded of cameras; joined: segments that follow one another as one."""

    def find_segment(self, camera: str, stamp: str) -> RemoteFile | None:
        """A segment of a camera; MonitorError if it is perhaps where nobody answers."""
