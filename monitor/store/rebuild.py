"""The event store made anew: of the alert log, and of the reviews beside it."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from monitor.events.alert import AlertEvent
from monitor.events.log_file import rotated
from monitor.events.recovery import read_records
from monitor.store.database import StoreDamaged, StoreError
from monitor.store.journal import journal_path, read_journal
from monitor.store.store import EventStore, UnknownEvent

log = logging.getLogger(__name__)

_TOGETHER = 500  # alerts of one transaction


def rebuild(store: EventStore, log_path: Path) -> tuple[int, int]:
    """Take all that the log, its rotated files and the reviews say; how many alerts and reviews.

    What the store has already stays. StoreError if a file cannot be read.
    """
    alerts = 0
    found = _alerts(log_path)
    while some := list(itertools.islice(found, _TOGETHER)):
        store.record(*some)
        alerts += len(some)
    reviews = 0
    for line in read_journal(journal_path(log_path)):
        with suppress(UnknownEvent):  # it was pruned, or its log is gone
            store.review(line.id, line.verdict, line.by, line.time)
            reviews += 1
    return alerts, reviews


def open_or_rebuild(where: str, log_path: Path | None) -> EventStore:
    """The store; if its file is damaged, that is moved aside and the store is made of the log."""
    try:
        return EventStore(where)
    except StoreDamaged as error:
        return replace_damaged(where, log_path, error)


def replace_damaged(where: str, log_path: Path | None, error: StoreDamaged) -> EventStore:
    """Move the damaged file of a store aside; a new store, made of the log."""
    log.error("%s; it is moved to %s", error, _move_aside(Path(where)))
    store = EventStore(where)
    if log_path is not None:
        alerts, reviews = rebuild(store, log_path)
        log.warning("event store %s: rebuilt of %d alerts and %d reviews", where, alerts, reviews)
    return store


def _alerts(log_path: Path) -> Iterator[AlertEvent]:
    """Every alert that the log and its rotated files still have, the oldest first."""
    older = itertools.takewhile(Path.exists, (rotated(log_path, n) for n in itertools.count(1)))
    strange = 0
    for path in (*reversed(list(older)), log_path):
        if not path.exists():
            continue
        try:
            for record in read_records(path):
                try:
                    yield AlertEvent.model_validate(record)
                except ValidationError:
                    strange += 1
        except OSError as error:
            raise StoreError(f"{path}: {(error.strerror or str(error)).lower()}") from None
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
    except OSError as error:
        raise StoreError(
            f"event store {path}: is damaged, and cannot be moved aside: {error.strerror}"
        ) from None
    return aside
