"""Snapshots that are not on this machine, fetched for the messages that show them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from monitor.atomic import replacing
from monitor.errors import MonitorError
from monitor.evidence.places import Elsewhere, RemoteFile
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

_MOST_BYTES = 1 << 24  # of a snapshot
_MOST = 20  # that are kept: by then the first was sent


class FetchedSnapshots:
    """Keeps the newest ones in files that nobody else may read, until `close`."""

    def __init__(self, elsewhere: Sequence[Elsewhere] = ()) -> None:
        self.elsewhere = elsewhere
        self._throttle = LogThrottle(log)
        self._lock = threading.Lock()  # several couriers may want the same
        self._folder: TemporaryDirectory[str] | None = None
        self._paths: list[Path] = []  # the oldest first

    def fetch(self, id: str, snapshot: RemoteFile) -> Path | None:
        """The file of an event's snapshot; None if it cannot be had, which is said."""
        try:
            if snapshot.size > _MOST_BYTES:
                raise MonitorError(f"it has {snapshot.size} bytes")
            return self._fetch(id, snapshot)
        except (MonitorError, OSError) as error:
            text = f"notify: the snapshot of event {id} cannot be fetched: {error}"
            self._throttle.log(logging.WARNING, "fetch", text)
            return None

    def _fetch(self, id: str, snapshot: RemoteFile) -> Path:
        with self._lock:
            if self._folder is None:
                self._folder = TemporaryDirectory(prefix="har-monitor-")
            path = Path(self._folder.name, f"{id}.jpg")
            if path not in self._paths:
                with replacing(path) as temporary:
                    temporary.write_bytes(b"".join(snapshot.parts()))
                self._paths.append(path)
                if len(self._paths) > _MOST:
                    self._paths.pop(0).unlink(missing_ok=True)
            return path

    def close(self) -> None:
        """Delete them; twice is fine."""
        with self._lock:
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None
                self._paths.clear()
