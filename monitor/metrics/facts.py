"""What takes a while to find out: read by a thread of its own, once a minute."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import MonitorError
from monitor.paths import describe_os_error
from monitor.records import CopyStatus
from monitor.throttle import LogThrottle

if TYPE_CHECKING:
    from monitor.store.review_counts import ReviewCounts
    from monitor.store.store import EventStore

log = logging.getLogger(__name__)

DELAY_S = 5.0  # before the first read: no import is to slow the start of the cameras
PERIOD_S = 60.0
STALE_S = 5 * PERIOD_S  # what is older is not told: a disk or a store hangs
REVIEWED_DAYS = 30  # events that began within so many days count


@dataclass(frozen=True)
class Disk:
    """How full a disk is."""

    free_bytes: int  # that an ordinary user may still write
    size_bytes: int


@dataclass(frozen=True)
class Evidence:
    """What all evidence takes of its disk."""

    used_bytes: int | None  # None: not known
    limit_bytes: int
    copies: CopyStatus | None = None  # None: it is not copied to object storage


@dataclass(frozen=True)
class Facts:
    """What was found out last; empty where nothing is known."""

    reviews: ReviewCounts = field(default_factory=dict)
    disks: Mapping[str, Disk] = field(default_factory=dict)  # by what lies on it
    evidence: Evidence | None = None


class Reviews:
    """The reviews of an event store, which is opened when they are first read."""

    def __init__(self, where: str, log_path: Path | None) -> None:
        self._where = where
        self._log_path = log_path
        self._store: EventStore | None = None

    def read(self) -> ReviewCounts:
        """How many there are; StoreError."""
        # Not at the top: SQLAlchemy takes a third of a second, which no camera is to wait for.
        from monitor.store.rebuild import KeptStore
        from monitor.store.review_counts import review_counts

        if self._store is None:
            self._store = KeptStore(self._where, self._log_path)
        return review_counts(self._store, datetime.now(UTC) - timedelta(days=REVIEWED_DAYS))

    def close(self) -> None:
        """Close the store; twice is fine."""
        if self._store is not None:
            self._store.close()
            self._store = None


class FactReader:
    """Reads the facts on a thread, until `close`; whoever asks for them never waits."""

    def __init__(
        self,
        reviews: Reviews | None = None,  # None: there is no store
        folders: Mapping[str, Path] | None = None,  # whose disks are looked at, by what lies there
        evidence: Callable[[], Evidence | None] = lambda: None,
        *,
        delay_s: float = DELAY_S,
        period_s: float = PERIOD_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reviews = reviews
        self._folders = folders or {}
        self._evidence = evidence
        self._delay_s, self._period_s = delay_s, period_s
        self._clock = clock
        self._throttle = LogThrottle(log, clock)
        self._found = Facts()
        self._found_s = clock()
        self._ending = threading.Event()
        # A disk or a store that hangs does not keep the process from its end.
        self._thread = threading.Thread(target=self._run, name="metrics facts", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """End; twice is fine."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(1.0)

    def newest(self) -> Facts:
        """What was read last; empty if that was too long ago."""
        return self._found if self._clock() - self._found_s < STALE_S else Facts()

    def _run(self) -> None:
        pause_s = self._delay_s
        while not self._ending.wait(pause_s):
            self._found = Facts(self._read_reviews(), self._read_disks(), self._evidence())
            self._found_s = self._clock()
            pause_s = self._period_s
        if self._reviews is not None:
            self._reviews.close()

    def _read_reviews(self) -> ReviewCounts:
        try:
            return {} if self._reviews is None else self._reviews.read()
        except MonitorError as error:
            self._throttle.log(
                logging.WARNING, "reviews", f"metrics: {error}; reviews are left out"
            )
            return {}

    def _read_disks(self) -> dict[str, Disk]:
        found = {}
        for name, folder in self._folders.items():
            try:
                usage = shutil.disk_usage(folder)
            except OSError as error:
                text = f"metrics: {describe_os_error(f'disk of the {name} {folder}', error)}"
                self._throttle.log(logging.WARNING, f"disk {name}", f"{text}; it is left out")
            else:
                found[name] = Disk(usage.free, usage.total)
        return found
