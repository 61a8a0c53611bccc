"""Makes the message of a row of the outbox."""

from __future__ import annotations

from pathlib import Path

from monitor.evidence.folder import event_files
from monitor.notify.notification import Notification
from monitor.notify.outbox import Row
from monitor.store.store import EventStore, UnknownEvent


class Composer:
    """Adds to what was planned what there is by now: the snapshot, and a link to the event."""

    def __init__(self, store: EventStore, evidence: Path | None, url: str | None) -> None:
        self._store = store
        self._evidence = evidence
        self._url = None if url is None else url.rstrip("/")

    @property
    def has_pictures(self) -> bool:
        """Whether there may be snapshots at all."""
        return self._evidence is not None

    def compose(self, row: Row) -> Notification:
        """The message; StoreError."""
        return Notification(
            id=row.id,
            kind=row.kind,
            alert=row.alert,
            snapshot=self._snapshot(row),
            link=None if self._url is None else f"{self._url}/events/{row.alert.id}",
            held_back=row.held_back,
        )

    def _snapshot(self, row: Row) -> Path | None:
        if self._evidence is None:
            return None
        try:
            event = self._store.event(row.alert.id)
            files = event_files(self._evidence, event.camera, event.id, event.at)
            return files.snapshot if files.snapshot.exists() else None
        except (UnknownEvent, ValueError, OSError):  # pruned; an id that no file has; not allowed
            return None
