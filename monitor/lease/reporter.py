"""Says how a shard does in the event store, as long as its lease is held."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from monitor.store.database import StoreError
from monitor.store.lease import Fence, Overtaken
from monitor.store.reports import ShardReport, withdraw_report, write_report
from monitor.store.store import EventStore
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

REPORT_S = 2.0  # from one report to the next
END_S = 2.0  # that a report has to be written, at the end


class Reporter:
    """Writes reports on a thread of its own: nothing waits for a store that is slow."""

    def __init__(
        self,
        store: EventStore,  # no other thread writes by it
        held: Fence,
        made: Callable[[], ShardReport],  # called by the thread
    ) -> None:
        self._store = store
        self._held = held
        self._made = made
        self._throttle = LogThrottle(log)
        self._shard = ""  # of the last report that was written
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shard report", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End, and take back what was said; twice is fine."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._thread.join(END_S)
        if self._shard and not self._thread.is_alive():
            try:
                withdraw_report(self._store, self._shard, self._held)
            except StoreError as error:
                log.warning("shard %s: its report stays: %s", self._shard, error)
        self._store.close()

    def _run(self) -> None:
        while True:
            try:
                report = self._made()
                write_report(self._store, report, self._held)
                self._shard = report.shard
            except Overtaken:
                return  # whoever keeps the lease finds out, and says so
            except StoreError as error:
                text = f"{error}; the page over all shards does not hear of this one"
                self._throttle.log(logging.WARNING, "store", text)
            if self._ended.wait(REPORT_S):
                return
