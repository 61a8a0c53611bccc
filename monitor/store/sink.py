"""The sink that keeps events in the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import SinkError
from monitor.events.alert import AlertEvent

if TYPE_CHECKING:
    from monitor.store.lease import Fence
    from monitor.store.store import EventStore


class StoreSink:
    """Records each alert in the event store, which is opened with the first one.

    A store that is locked, full or gone is tried again by the dispatcher: what waits is written
    later. A damaged one is moved aside and made anew of the alert log.
    """

    name = "event store"

    def __init__(
        self,
        where: str,
        log_path: Path | None,
        # Called when there is something to notify, and must not wait; None: nothing is notified.
        on_news: Callable[[], object] | None = None,
        fence: Callable[[], Fence | None] = lambda: None,  # under which is written
    ) -> None:
        self._where = where
        self._log_path = log_path
        self._on_news = on_news
        self._fence = fence
        self._store: EventStore | None = None

    def takes(self, alert: AlertEvent) -> bool:
        """Alerts of shadows, too: the store tells them apart."""
        return True

    def write(self, alert: AlertEvent) -> None:
        """Record an alert; SinkError if the store fails now."""
        # Not at the top: SQLAlchemy takes a third of a second, which no camera is to wait for.
        from monitor.store.database import StoreError
        from monitor.store.rebuild import KeptStore

        try:
            if self._store is None:
                self._store = KeptStore(self._where, self._log_path)
            self._store.fence = self._fence()
            notified = self._on_news is not None and not alert.shadow
            self._store.record(alert, notified=notified)
        except StoreError as error:
            raise SinkError(str(error)) from None
        if self._on_news is not None and notified:
            self._on_news()

    def close(self) -> None:
        """Close the store; twice is fine."""
        if self._store is not None:
            self._store.close()
            self._store = None
