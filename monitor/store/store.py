"""The event store: what happened, newest first, and what people said of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine

from monitor.events.alert import AlertEvent
from monitor.store.database import (
    LOCKED_S,
    Identity,
    StoreError,
    connect,
    identity,
    name,
    place,
    told,
)
from monitor.store.event import (
    PAGE_MAX,
    Cursor,
    Event,
    EventFilter,
    Origin,
    Review,
    Verdict,
    as_event,
    milliseconds,
)
from monitor.store.tables import events, news, pairs, pruned, skipped, states

if TYPE_CHECKING:
    from monitor.store.lease import Fence

_INSERT: dict[str, Callable[..., Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_NOT_REVIEWED: dict[str, Any] = {
    "review": Review.UNREVIEWED.value,
    "review_label": None,
    "note": "",
    "reviewer": None,
    "reviewed_ms": None,
    "marked": False,
}


class UnknownEvent(KeyError):
    """There is no event of this id; it may have been pruned."""


class EventStore:
    """Events in a database; any thread may use it. StoreError if the database fails.

    `where` is the path of a SQLite file, or postgresql://USER:PASSWORD@HOST/DATABASE. A file that
    somebody moved or deleted is made anew.
    """

    def __init__(self, where: str, *, at_once: bool = True) -> None:
        self._url = place(where)
        self.name = name(self._url)  # without its password
        # Of the lease under which is written; None: no lease is needed. See monitor.store.lease.
        self.fence: Fence | None = None
        self._writing = threading.Lock()  # SQLite takes one writer at a time
        self._opening = threading.Lock()
        self._engine: Engine | None = None
        self._identity: Identity | None = None  # of the file
        if at_once:
            self.open()

    def open(self) -> None:
        """Connect, unless that was done and the file is still the same."""
        with self._opening:
            if self._engine is not None:
                if self._identity == identity(self._url):
                    return
                self._engine.dispose()
                self._engine = None
            self._engine = connect(self._url)
            self._identity = identity(self._url)

    def close(self) -> None:
        """Close its connections; twice is fine."""
        with self._opening:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def record(self, *alerts: AlertEvent, notified: bool = False) -> None:
        """Take starts and ends of activities, in their order, all or none; repeats change nothing.

        An end without its start is an event, too. A start after its end changes nothing. What is
        to be notified is news, too, in the same transaction, until notifications of it are planned.
        Another end of an event that has ended is none. The same end is: perhaps the store was
        filled with what the alert log says a moment before.
        """
        with self.transaction() as connection:
            for alert in alerts:
                fresh = self._record(connection, alert)
                if notified and fresh is not None:
                    _add_news(connection, alert, fresh)

    def take_missed(self, alerts: Iterable[AlertEvent], *, notified: bool) -> int:
        """Take starts and ends that were logged before now, all or none; how many were new.

        Another process may take the same just now: what changes nothing is no news.
        """
        count = 0
        with self.transaction() as connection:
            for alert in alerts:
                values = _row(alert)
                fresh = add_event(connection, values | _NOT_REVIEWED)
                if not fresh and not (alert.event == "end" and _end(connection, values)):
                    continue
                count += 1
                if notified and not alert.shadow:
                    _add_news(connection, alert, fresh)
        return count

    @staticmethod
    def _record(connection: Connection, alert: AlertEvent) -> bool | None:
        """Take one; whether its event is new, or None if it had ended otherwise."""
        values = _row(alert)
        if add_event(connection, values | _NOT_REVIEWED):
            return True
        ours = events.c.id == alert.id
        if alert.event == "end" and _end(connection, values):
            return False
        known = connection.execute(sa.select(events).where(ours)).one()
        if alert.event == "end":
            same = all(getattr(known, name) == value for name, value in _of_end(values).items())
            return False if same else None
        if alert.start_time is None and values["at_ms"] > known.at_ms:
            # A film that is watched again has the same activities.
            connection.execute(sa.update(events).where(ours).values(**values))
        return False

    def event(self, id: str) -> Event:
        """One event; UnknownEvent if there is none."""
        with self.reading() as connection:
            return self._one(connection, id)

    def some(self, ids: Sequence[str]) -> list[Event]:
        """Those of these events that there are, the newest first."""
        query = sa.select(events).where(events.c.id.in_(ids))
        with self.reading() as connection:
            rows = connection.execute(query.order_by(events.c.at_ms.desc(), events.c.id.desc()))
            return [as_event(row) for row in rows]

    def find(self, start: str) -> Event:
        """The event whose id begins so; UnknownEvent if that is none, or several."""
        query = sa.select(events).where(events.c.id.startswith(start, autoescape=True)).limit(2)
        with self.reading() as connection:
            rows = connection.execute(query).all()
        exact = [row for row in rows if row.id == start] or rows
        if not start or len(exact) != 1:
            raise UnknownEvent(start)
        return as_event(exact[0])

    @staticmethod
    def _one(connection: Connection, id: str) -> Event:
        row = connection.execute(sa.select(events).where(events.c.id == id)).one_or_none()
        if row is None:
            raise UnknownEvent(id)
        return as_event(row)

    def page(
        self, wanted: EventFilter | None = None, after: Cursor | None = None, limit: int = 50
    ) -> tuple[list[Event], Cursor | None]:
        """Events from the newest on, and where the next page begins; None if this is the last."""
        limit = min(limit, PAGE_MAX)
        query = newest_first(wanted).limit(limit + 1)
        if after is not None:
            query = query.where(
                sa.tuple_(events.c.at_ms, events.c.id) < sa.tuple_(after.at_ms, after.id)
            )
        with self.reading() as connection:
            rows = connection.execute(query).all()
        shown = [as_event(row) for row in rows[:limit]]
        following = Cursor(rows[limit - 1].at_ms, rows[limit - 1].id) if len(rows) > limit else None
        return shown, following

    def all(self, wanted: EventFilter | None = None) -> Iterator[Event]:
        """All such events from the newest on, a page at a time."""
        after: Cursor | None = None
        while True:
            found, after = self.page(wanted, after, PAGE_MAX)
            yield from found
            if after is None:
                return

    def neighbours(
        self, event: Event, wanted: EventFilter | None = None
    ) -> tuple[Event | None, Event | None]:
        """The next newer and the next older of such events."""
        here = sa.tuple_(milliseconds(event.at), event.id)
        key = sa.tuple_(events.c.at_ms, events.c.id)
        such = sa.select(events).where(*_conditions(wanted)).limit(1)
        newer = such.where(key > here).order_by(events.c.at_ms, events.c.id)
        older = such.where(key < here).order_by(events.c.at_ms.desc(), events.c.id.desc())
        with self.reading() as connection:
            found = [connection.execute(query).one_or_none() for query in (newer, older)]
        first, second = (None if row is None else as_event(row) for row in found)
        return first, second

    def count(self, wanted: EventFilter | None = None, most: int | None = None) -> int:
        """How many such events there are; with `most`, no more than that are counted."""
        such = sa.select(events.c.id).where(*_conditions(wanted)).limit(most).subquery()
        with self.reading() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(such)).scalar_one()

    def values(self, column: Literal["camera", "label"]) -> list[str]:
        """The cameras or the labels that events have, in their order."""
        named = events.c[column]
        # From each to the next one by the index: a DISTINCT would read every row.
        found = sa.select(sa.func.min(named).label("value")).cte("found", recursive=True)
        following = sa.select(sa.func.min(named)).where(named > found.c.value).scalar_subquery()
        found = found.union_all(sa.select(following).where(found.c.value.is_not(None)))
        query = sa.select(found.c.value).where(found.c.value.is_not(None))
        with self.reading() as connection:
            return list(connection.scalars(query))

    def review(
        self,
        id: str,
        verdict: Verdict,
        reviewer: str,
        now: datetime | None = None,
        first: Callable[[], object] = lambda: None,
    ) -> Event:
        """Keep what a person says of an event; the event then. UnknownEvent if there is none.

        `first` is called before it is kept; if that fails, it is not.
        """
        changes: dict[str, Any] = {}
        if verdict.review is not None:
            changes["review"] = verdict.review.value
            relabelled = verdict.review == Review.RELABELLED
            changes["review_label"] = verdict.review_label if relabelled else None
        if verdict.note is not None:
            changes["note"] = verdict.note
        if verdict.marked is not None:
            changes["marked"] = verdict.marked
        changes |= {"reviewer": reviewer, "reviewed_ms": milliseconds(now or datetime.now(UTC))}
        with self.transaction() as connection:
            connection.execute(sa.update(events).where(events.c.id == id).values(**changes))
            reviewed = self._one(connection, id)
            first()
            return reviewed

    def prune(self, before: datetime) -> int:
        """Delete the events that began before, except marked and open ones; how many.

        What is known of the cameras from before goes, too. `pruned_ms` says so from then on.
        """
        before_ms = milliseconds(before)
        old = sa.delete(events).where(
            events.c.at_ms < before_ms,
            events.c.marked.is_(False),
            events.c.reason.is_not(None) | (events.c.origin == Origin.TAUGHT.value),
        )
        forgotten = [sa.delete(one).where(one.c.seen_ms < before_ms) for one in (states, pairs)]
        counted = sa.delete(skipped).where(skipped.c.at_ms < before_ms)
        with self.transaction() as connection:
            for one in (*forgotten, counted):
                connection.execute(one)
            add_row(connection, pruned, {"id": 1, "before_ms": before_ms})
            earlier = pruned.c.before_ms < before_ms
            connection.execute(sa.update(pruned).where(earlier).values(before_ms=before_ms))
            return connection.execute(old).rowcount

    @property
    def pruned_ms(self) -> int:
        """Events that began before, since 1970, were deleted; 0 if none ever was."""
        with self.reading() as connection:
            return connection.scalar(sa.select(pruned.c.before_ms)) or 0

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose changes are kept if the block succeeds; StoreError.

        They are not if the lease of the fence was lost: Overtaken.
        """
        engine = self._connected()
        if not self._writing.acquire(timeout=LOCKED_S):
            raise StoreError(f"event store {self.name}: others write to it")
        try:
            with told(self._url), engine.begin() as connection:
                yield connection
                if self.fence is not None:
                    self.fence.check(connection)
        finally:
            self._writing.release()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with; StoreError."""
        engine = self._connected()
        with told(self._url), engine.connect() as connection:
            yield connection

    def _connected(self) -> Engine:
        self.open()
        engine = self._engine
        assert engine is not None
        return engine


# What a row has as the alert log has it.
_AS_LOGGED = (
    "id", "camera", "region", "label", "model", "model_name", "start_s", "end_s", "reason",
    "window_s", "score", "peak_score", "peak_s", "threshold", "box", "trace", "latency_ms",
    "shard", "epoch",
)  # fmt: skip


def _row(alert: AlertEvent) -> dict[str, Any]:
    """What an alert says of its activity."""
    logged = dict.fromkeys(_AS_LOGGED) | alert.model_dump(mode="json", include=set(_AS_LOGGED))
    times = {
        "at_ms": alert.start_time or alert.time,
        "start_ms": alert.start_time,
        "end_ms": alert.end_time,
    }
    origin = Origin.SHADOW if alert.shadow else Origin.ALERT
    return (
        logged
        | {"origin": origin.value}
        | {name: None if time is None else milliseconds(time) for name, time in times.items()}
    )


def _end(connection: Connection, values: dict[str, Any]) -> bool:
    """End an event that is open; whether it was."""
    ours = (events.c.id == values["id"]) & events.c.reason.is_(None)
    ending = sa.update(events).where(ours).values(**_of_end(values))
    return connection.execute(ending).rowcount > 0


def _of_end(values: dict[str, Any]) -> dict[str, Any]:
    """What an end changes: its place stays, and who recorded it."""
    return {name: values[name] for name in values.keys() - {"at_ms", "shard", "epoch"}}


def _add_news(connection: Connection, alert: AlertEvent, fresh: bool) -> None:
    """Have it notified, sometime."""
    row = {"alert": alert.model_dump_json(), "fresh": fresh}
    connection.execute(sa.insert(news).values(**row))


def add_event(connection: Connection, values: dict[str, Any]) -> bool:
    """Add an event; whether it is new.

    Another process may add the same just now: it fills a new store with what the files say.
    """
    return add_row(connection, events, values)


def add_row(connection: Connection, table: sa.Table, values: dict[str, Any]) -> bool:
    """Add a row, unless there is one of the same key; whether it was added."""
    fresh = _INSERT[connection.dialect.name](table).values(**values)
    added = fresh.on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(added).one_or_none() is not None


def newest_first(wanted: EventFilter | None) -> sa.Select[Any]:
    """The query for such events, from the newest on."""
    query = sa.select(events).where(*_conditions(wanted))
    return query.order_by(events.c.at_ms.desc(), events.c.id.desc())


def _conditions(wanted: EventFilter | None) -> list[sa.ColumnElement[bool]]:
    if wanted is None:
        return []
    found: list[sa.ColumnElement[bool]] = []
    if wanted.camera:
        found.append(events.c.camera.in_(wanted.camera))
    if wanted.label:
        found.append(events.c.label.in_(wanted.label))
    if wanted.review:
        found.append(events.c.review.in_([one.value for one in wanted.review]))
    if len(wanted.origin) == 1:
        found.append(events.c.origin == wanted.origin[0].value)
    elif wanted.origin:
        # Nearly all events: SQLite is not to take an index for it, and sort what it finds.
        others = [one.value for one in Origin if one not in wanted.origin]
        found.append(events.c.origin.not_in(others))
    if wanted.since is not None:
        found.append(events.c.at_ms >= milliseconds(wanted.since))
    if wanted.until is not None:
        found.append(events.c.at_ms < milliseconds(wanted.until))
    if wanted.min_score is not None:
        found.append(events.c.peak_score >= wanted.min_score)
    if wanted.marked is not None:
        found.append(events.c.marked.is_(wanted.marked))
    return found
