"""The sink that keeps events in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
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
    later. A damaged one is moved aside and made anew of the alert log. What a process that was
    killed had logged, and not recorded, is taken in first.
    """

    name = "event store"

    def __init__(
        self,
        where: str,
        log_path: Path | None,
        # Called when there is something to notify, and must not wait; None: nothing is notified.
        on_news: Callable[[], object] | None = None,
        fence: Callable[[], Fence | None] = lambda: None,  # under which is written
        left_logs: Callable[[], Iterable[Path]] = tuple,  # beside ours, of processes that are gone
    ) -> None:
        self._where = where
        self._log_path = log_path
        self._on_news = on_news
        self._fence = fence
        self._left_logs = left_logs
        self._began = datetime.now(UTC)  # what is logged from now on is given to this sink
        self._store: EventStore | None = None

    def takes(self, alert: AlertEvent) -> bool:
        """Alerts of shadows, too: the store tells them apart."""
        return True

    def begin(self) -> None:
        """Take what logs say and the store never got; SinkError if the store fails now."""
        own = self._log_path
        left = [path for path in self._left_logs() if path != own]
        # Not for nothing: most of them are new. SQLAlchemy takes its time.
        if not left and (own is None or not own.is_file() or not own.stat().st_size):
            return
        from monitor.store.database import StoreError
        from monitor.store.missed import take_missed

        try:
            store, notified = self._opened(), self._on_news is not None
            count = 0
            if own is not None:
                count += take_missed(store, own, self._began, notified=notified)
            now = datetime.now(UTC)  # they ended while we stood by, perhaps
            for path in left:
                count += take_missed(store, path, now, notified=notified, left=True)
        except StoreError as error:
            raise SinkError(str(error)) from None
        if self._on_news is not None and count:
            self._on_news()

    def write(self, alert: AlertEvent) -> None:
        """Record an alert; SinkError if the store fails now."""
        # Not at the top: SQLAlchemy takes a third of a second, which no camera is to wait for.
        from monitor.store.database import StoreError

        try:
            notified = self._on_news is not None and not alert.shadow
            self._opened().record(alert, notified=notified)
        except StoreError as error:
            raise SinkError(str(error)) from None
        if self._on_news is not None and notified:
            self._on_news()

    def _opened(self) -> EventStore:
        """The store, under the lease that is held by now."""
        from monitor.store.rebuild import KeptStore

        if self._store is None:
            self._store = KeptStore(self._where, self._log_path)
        self._store.fence = self._fence()
        return self._store

    def close(self) -> None:
        """Close the store; twice is fine."""
        if self._store is not None:
            self._store.close()
            self._store = None
