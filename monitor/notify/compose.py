"""Makes the message of a row of the outbox."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from monitor.errors import MonitorError
from monitor.evidence.places import EvidenceFinder, RemoteFile
from monitor.notify.fetched import FetchedSnapshots
from monitor.notify.notification import Notification
from monitor.notify.outbox import Row
from monitor.store.store import EventStore, UnknownEvent


class Composer:
    """Adds to what was planned what there is by now: the snapshot, and a link to the event."""

    def __init__(
        self,
        store: EventStore,
        evidence: Path | None,
        url: str | None,
        fetched: FetchedSnapshots | None = None,  # those that are not in `evidence`
    ) -> None:
        self._store = store
        self._evidence = evidence
        self._fetched = fetched or FetchedSnapshots()
        self._url = None if url is None else url.rstrip("/")

    @property
    def has_pictures(self) -> bool:
        """Whether there may be snapshots at all."""
        return self._evidence is not None

    def compose(self, row: Row, *, fetch: bool = False) -> Notification:
        """The message; with `fetch`, also with a snapshot from elsewhere. StoreError."""
        return Notification(
            id=row.id,
            kind=row.kind,
            alert=row.alert,
            snapshot=self._snapshot(row, fetch),
            link=None if self._url is None else f"{self._url}/events/{row.alert.id}",
            held_back=row.held_back,
        )

    def _snapshot(self, row: Row, fetch: bool) -> Path | None:
        if self._evidence is None:
            return None
        try:
            event = self._store.event(row.alert.id)
        except UnknownEvent:  # it was pruned
            return None
        # Without shards it is here, or will be in a moment.
        elsewhere = self._fetched.elsewhere if fetch and event.shard is not None else ()
        finder = EvidenceFinder(self._evidence, elsewhere)
        files = finder.files(event)
        if files is None:
            return None
        with suppress(MonitorError, OSError):  # nobody answers; it may not be looked at
            found = finder.find(event, files.snapshot)
            return self._fetched.fetch(event.id, found) if isinstance(found, RemoteFile) else found
        return None
