"""The event store made anew: of the alert log, and of the reviews beside it."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import Connection

from monitor.events.alert import AlertEvent
from monitor.events.alert_log import shadow_log_path
from monitor.events.log_file import rotated
from monitor.events.recovery import read_records
from monitor.paths import describe_os_error
from monitor.store.database import StoreDamaged, StoreError
from monitor.store.journal import (
    DeletedLine,
    Line,
    ReviewLine,
    SpanLine,
    journal_path,
    read_journal,
)
from monitor.store.store import EventStore, UnknownEvent
from monitor.store.taught import take_back, teach

log = logging.getLogger(__name__)

_TOGETHER = 500  # alerts of one transaction
RETRY_S = 2.0  # after a store could not be opened, in which it is not tried again


def rebuild(store: EventStore, log_path: Path) -> tuple[int, int]:
    """Take all that the log, its rotated files and the journal say; how many alerts and reviews.

    Spans that were taught count as reviews.

    The log of shadows beside it counts, too. What the store has already stays. StoreError if a file
    cannot be read.
    """
    alerts = 0
    found = itertools.chain(_alerts(log_path), _alerts(shadow_log_path(log_path)))
    while some := list(itertools.islice(found, _TOGETHER)):
        store.record(*some)
        alerts += len(some)
    reviews = 0
    for line in read_journal(journal_path(log_path)):
        with suppress(UnknownEvent):  # it was pruned, or its log is gone
            _take(store, line)
            reviews += 1
    return alerts, reviews


def _take(store: EventStore, line: Line) -> None:
    match line:
        case ReviewLine():
            store.review(line.id, line.verdict, line.by, line.time)
        case SpanLine():
            teach(store, line)
        case DeletedLine():
            take_back(store, line.id)


class KeptStore(EventStore):
    """An event store that is opened when it is needed, and made of the log if it is lost.

    A damaged file is moved aside. One that is new, or was deleted, is filled with what the log and
    the reviews say, under the fence that is set by then. Two processes may keep one store.
    """

    def __init__(self, where: str, log_path: Path | None) -> None:
        self._log_path = log_path
        self._filling = False
        self._filler: tuple[int, Connection] | None = None  # its thread, and its one transaction
        self._lost = False  # a damaged file was moved aside
        self._failed: tuple[float, StoreError] | None = None  # when, and how
        self._whole: object = None  # the engine of a store that was filled
        super().__init__(where, at_once=False)

    def open(self) -> None:
        """Connect, and make the store anew if it is lost; StoreError."""
        if self._filling:
            return
        if self._failed is not None and time.monotonic() - self._failed[0] < RETRY_S:
            raise self._failed[1]
        try:
            try:
                super().open()
            except StoreDamaged as error:
                self._set_aside(error)
                super().open()
            if self._whole is not self._engine:
                self._fill()
                self._whole = self._engine
        except StoreError as error:
            self._failed = (time.monotonic(), error)
            raise
        self._failed = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """As of every store; damage that shows is mended, and the next try will do."""
        if (connection := self._own()) is not None:
            yield connection
            return
        with self._mended(), super().transaction() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """As of every store; damage that shows is mended, and the next try will do."""
        if (connection := self._own()) is not None:
            yield connection
            return
        with self._mended(), super().reading() as connection:
            yield connection

    def _own(self) -> Connection | None:
        """The transaction of the thread that fills the store, if this is it."""
        filler = self._filler
        return None if filler is None or filler[0] != threading.get_ident() else filler[1]

    @contextmanager
    def _mended(self) -> Iterator[None]:
        try:
            yield
        except StoreDamaged as error:
            self.close()
            self._set_aside(error)
            raise

    def _set_aside(self, error: StoreDamaged) -> None:
        self._lost = True
        aside = _move_aside(Path(self._url.database or ""))
        log.error("%s; it is moved to %s", error, aside)

    def _fill(self) -> None:
        """Take what the log says into a store that never had anything: all of it, or nothing.

        What is killed meanwhile leaves no store that seems whole.
        """
        if self._log_path is None or not self._log_path.is_file():
            return
        self._filling = True
        try:
            if self.count(most=1) or self.pruned_ms:
                return
            with self.transaction() as connection:
                self._filler = threading.get_ident(), connection
                alerts, reviews = rebuild(self, self._log_path)
        finally:
            self._filler = None
            self._filling = False
        if alerts or reviews:
            level = logging.WARNING if self._lost else logging.DEBUG
            text = "event store %s: made of %d alerts and %d reviews"
            log.log(level, text, self.name, alerts, reviews)
            self._lost = False


def _alerts(log_path: Path) -> Iterator[AlertEvent]:
    """Every alert that the log and its rotated files still have, the oldest first."""
    older = itertools.takewhile(Path.exists, (rotated(log_path, n) for n in itertools.count(1)))
    strange = 0
    for path in (*reversed(list(older)), log_path):
        if not path.is_file():  # a pipe would be waited for
            continue
        try:
            for record in read_records(path):
                try:
                    alert = AlertEvent.model_validate(record)
                    alert.model_dump_json()  # so can the store
                except ValueError:
                    strange += 1
                else:
                    yield alert
        except OSError as error:
            raise StoreError(describe_os_error(str(path), error)) from None
    if strange:
        log.warning("%s: %d lines that are no alerts were passed over", log_path, strange)


def _move_aside(path: Path) -> Path:
    """Rename a damaged store; where it is now."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    try:
        path.rename(aside)
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
    except FileNotFoundError:  # another process did it
        pass
    except OSError as error:
        raise StoreError(
            f"event store {path}: is damaged, and cannot be moved aside: {error.strerror}"
        ) from None
    return aside
