"""Who keeps evidence on other machines, and can be asked for more than its files."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from monitor.evidence.places import EventKey


class Keeper(Protocol):
    """It; any thread may ask, and it may take a while."""

    def names(self, event: EventKey) -> Collection[str]:
        """The files that it has of an event; none, if it does not answer."""

    def ensure_copy(self, event: EventKey) -> None:
        """Let the small copy of an event's clip be there; HTTPException if it is not yet."""

    def mark(self, event: EventKey) -> None:
        """Keep the evidence of an event if it is marked, else no longer; MonitorError."""
