"""The evidence in object storage, as a place where files of events are found."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from monitor.evidence.copied import event_of
from monitor.evidence.folder import event_name
from monitor.evidence.object_storage import ObjectStorage, StorageError
from monitor.evidence.places import EventKey, RemoteFile
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

REQUEST_S = 6.0
FRESH_S = 5.0  # that a listing is gone by
REST_S = 30.0  # after it did not answer, until it is asked again: a page shows many events
_MOST = 256  # listings that are kept


@dataclass(frozen=True)
class _Listing:
    files: Mapping[str, RemoteFile]
    until_s: float  # of the clock


class StoredEvidence:
    """Finds what was copied to object storage, by a listing of each day of a camera."""

    def __init__(
        self, url: str, fresh_s: float = FRESH_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._storage = ObjectStorage(url, REQUEST_S)
        self._fresh_s = fresh_s
        self._clock = clock
        self._throttle = LogThrottle(log, clock)
        self._lock = threading.Lock()
        self._listings: dict[str, _Listing] = {}
        self._resting_s = 0.0  # the clock before which it is not asked
        self._fault = ""  # why it did not answer

    def prepare(self, events: Sequence[EventKey]) -> None:
        """A listing has all events of a day."""

    def names(self, event: EventKey) -> Collection[str]:
        """The files that it has of an event; none, if it does not answer."""
        try:
            found = self._list(event)
        except StorageError:
            return ()
        return [name for name in found if event_of(name) == event.id]

    def find(self, event: EventKey, name: str) -> RemoteFile | None:
        """One of them; StorageError if it does not answer."""
        return self._list(event).get(name)

    def _list(self, event: EventKey) -> Mapping[str, RemoteFile]:
        folder = event_name(event.camera, event.id, event.at).rpartition("/")[0]
        now_s = self._clock()
        with self._lock:
            known = self._listings.get(folder)
            if known is not None and now_s < known.until_s:
                return known.files
            if self._fault and now_s < self._resting_s:
                raise StorageError(self._fault)
        try:
            files = self._storage.list(folder)
        except StorageError as error:
            self._throttle.log(logging.WARNING, "list", f"evidence in {error}")
            with self._lock:
                self._fault, self._resting_s = str(error), self._clock() + REST_S
            raise
        with self._lock:
            self._fault = ""
            self._listings.pop(folder, None)
            while len(self._listings) >= _MOST:
                del self._listings[next(iter(self._listings))]
            self._listings[folder] = _Listing(files, self._clock() + self._fresh_s)
        return files
