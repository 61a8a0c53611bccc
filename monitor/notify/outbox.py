"""The outbox: notifications in the event store, from their planning until they were sent."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.events.alert import AlertEvent
from monitor.notify.notification import NotificationKind
from monitor.store.event import Review
from monitor.store.store import EventStore, add_row
from monitor.store.tables import events, news, outbox

KEPT_MS = 7 * 24 * 3600 * 1000  # that rows are kept after they were sent or given up
_NAMESPACE = uuid.UUID("5d9c0a0c-6a3e-4f0e-9c1b-0d1f6b0a7c55")  # any, the same for ever
_ERROR = 300  # characters of an error that are kept
# They are due at once, even if the clock is set back meanwhile.
_AT_ONCE = [NotificationKind.START.value, NotificationKind.END.value]


class RowState(StrEnum):
    """What became of a notification."""

    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up"
    HELD = "held"  # by a limit, until a summary counts it
    COUNTED = "counted"  # by a summary
    NEEDLESS = "needless"  # somebody reviewed the event in time


_DONE = [one.value for one in RowState if one not in (RowState.WAITING, RowState.HELD)]
_UNTOLD = [RowState.HELD.value, RowState.COUNTED.value]


@dataclass(frozen=True)
class Row:
    """A notification that waits."""

    seq: int
    id: str
    rule: str
    kind: NotificationKind
    alert: AlertEvent
    at_ms: int
    snapshot: bool  # it is to wait for one
    attempts: int
    held_back: int


class Outbox:
    """Reads and writes the tables; StoreError if the store fails. Any thread may use it."""

    def __init__(self, store: EventStore) -> None:
        self.store = store

    # Planning: what is called with a connection belongs to the transaction of one alert.

    def news(self, limit: int) -> list[tuple[int, str, bool]]:
        """Alerts of which nothing was planned yet, the oldest first: number, JSON, fresh."""
        query = sa.select(news).order_by(news.c.seq).limit(limit)
        with self.store.reading() as connection:
            return [(row.seq, row.alert, row.fresh) for row in connection.execute(query)]

    def take(self, connection: Connection, seq: int, text: str) -> bool:
        """Take an alert off the news; whether nobody else did, and no other has its number now."""
        ours = (news.c.seq == seq) & (news.c.alert == text)
        return bool(connection.execute(sa.delete(news).where(ours)).rowcount)

    def add(
        self,
        connection: Connection,
        target: str,
        kind: NotificationKind,
        alert: AlertEvent,
        *,
        at_ms: int,
        rule: str = "",
        due_ms: int | None = None,
        snapshot: bool = False,
        state: RowState = RowState.WAITING,
    ) -> None:
        """Plan a notification, unless that was done; at once, or when it is due."""
        name = f"{target}\n{kind}\n{rule}\n{alert.id}\n{alert.time.isoformat()}"
        values = {
            "id": str(uuid.uuid5(_NAMESPACE, name)),
            "target": target,
            "rule": rule,
            "kind": kind.value,
            "event": alert.id,
            "alert": alert.model_dump_json(),
            "at_ms": at_ms,
            "due_ms": at_ms if due_ms is None else due_ms,
            "snapshot": snapshot,
            "state": state.value,
            "attempts": 0,
            "held_back": 0,
            "error": "",
        }
        add_row(connection, outbox, values)

    def told(self, connection: Connection, event: str) -> list[str]:
        """The targets that are told of the start of an event."""
        query = sa.select(outbox.c.target).where(
            outbox.c.event == event,
            outbox.c.kind == NotificationKind.START.value,
            outbox.c.state.not_in(_UNTOLD),
        )
        return list(connection.scalars(query.distinct().order_by(outbox.c.target)))

    def recent(
        self, connection: Connection, rule: str, target: str, span: tuple[int, int]
    ) -> list[int]:
        """When the events were that a rule tells a target after one time and up to another.

        The oldest come first.
        """
        after_ms, up_to_ms = span
        query = sa.select(outbox.c.at_ms).where(
            outbox.c.target == target,
            outbox.c.rule == rule,
            outbox.c.kind.in_(_AT_ONCE),
            outbox.c.at_ms > after_ms,
            outbox.c.at_ms <= up_to_ms,
            outbox.c.state.not_in(_UNTOLD),
        )
        return list(connection.scalars(query.order_by(outbox.c.at_ms)))

    def has_summary(self, connection: Connection, rule: str, target: str, before_ms: int) -> bool:
        """Whether a summary that is due before then waits to count what is held back now."""
        query = sa.select(outbox.c.seq).where(
            *_waiting(target),
            outbox.c.rule == rule,
            outbox.c.kind == NotificationKind.SUMMARY.value,
            outbox.c.held_back == 0,
            outbox.c.due_ms <= before_ms,
        )
        return connection.execute(query.limit(1)).one_or_none() is not None

    # Delivery

    def head(self, target: str, now_ms: int) -> Row | None:
        """What a target gets next; None if nothing is due.

        A summary counts what is held back until its first attempt. An escalation of what was
        reviewed, or pruned, is passed over.
        """
        due = (outbox.c.due_ms <= now_ms) | outbox.c.kind.in_(_AT_ONCE)
        query = sa.select(outbox).where(*_waiting(target), due).order_by(outbox.c.seq).limit(1)
        while True:
            with self.store.reading() as connection:
                row = connection.execute(query).one_or_none()
            if row is None:
                return None
            if row.kind == NotificationKind.SUMMARY and not row.held_back:
                self._count(row, now_ms)
            elif row.kind == NotificationKind.ESCALATION and self._is_needless(row):
                self._settle(row.seq, RowState.NEEDLESS, now_ms)
            else:
                try:
                    return _as_row(row)
                except ValueError:
                    unread = "it cannot be read: it is of another version"
                    self._settle(row.seq, RowState.GIVEN_UP, now_ms, error=unread)

    def sent(self, row: Row, now_ms: int) -> None:
        """It arrived."""
        self._settle(row.seq, RowState.SENT, now_ms, attempts=row.attempts + 1, error="")

    def failed(self, row: Row, error: str) -> None:
        """It did not arrive, and is tried again."""
        with self.store.transaction() as connection:
            values = {"attempts": outbox.c.attempts + 1, "error": error[:_ERROR]}
            ours = outbox.c.seq == row.seq
            connection.execute(sa.update(outbox).where(ours).values(**values))

    def refused(self, row: Row, error: str, now_ms: int) -> None:
        """It will never be taken."""
        more = {"attempts": row.attempts + 1, "error": error[:_ERROR]}
        self._settle(row.seq, RowState.GIVEN_UP, now_ms, **more)

    def put_off(self, by_ms: int) -> None:
        """Let all that waits be due later, or sooner."""
        waiting = outbox.c.state == RowState.WAITING.value
        later = sa.update(outbox).where(waiting).values(due_ms=outbox.c.due_ms + by_ms)
        with self.store.transaction() as connection:
            connection.execute(later)

    def give_up(self, before_ms: int, now_ms: int) -> dict[str, tuple[int, str]]:
        """Give up all that was due before; of each target how many, and the last error."""
        late = (outbox.c.state == RowState.WAITING.value) & (outbox.c.due_ms < before_ms)
        given_up = (
            sa.update(outbox)
            .where(late)
            .values(state=RowState.GIVEN_UP.value, done_ms=now_ms)
            .returning(outbox.c.target, outbox.c.error)
        )
        found: dict[str, tuple[int, str]] = {}
        with self.store.transaction() as connection:
            for target, error in connection.execute(given_up):
                count, before = found.get(target, (0, ""))
                found[target] = count + 1, error or before
        return found

    def prune(self, before_ms: int) -> None:
        """Forget what was done with before, and what no summary has counted since."""
        old = (outbox.c.state.in_(_DONE) & (outbox.c.done_ms < before_ms)) | (
            (outbox.c.state == RowState.HELD.value) & (outbox.c.at_ms < before_ms)
        )
        with self.store.transaction() as connection:
            connection.execute(sa.delete(outbox).where(old))

    def counts(self) -> dict[str, dict[RowState, int]]:
        """How many notifications of each target are in each state."""
        query = sa.select(outbox.c.target, outbox.c.state, sa.func.count()).group_by(
            outbox.c.target, outbox.c.state
        )
        found: dict[str, dict[RowState, int]] = {}
        with self.store.reading() as connection:
            for target, state, count in connection.execute(query.order_by(outbox.c.target)):
                found.setdefault(target, {})[RowState(state)] = count
        return found

    def last_error(self, target: str) -> str:
        """Why the last of those that did not arrive did not; empty if all did."""
        query = (
            sa.select(outbox.c.error)
            .where(outbox.c.target == target, outbox.c.error != "")
            .order_by(outbox.c.seq.desc())
            .limit(1)
        )
        with self.store.reading() as connection:
            return connection.scalar(query) or ""

    def _settle(self, seq: int, state: RowState, now_ms: int, **more: Any) -> None:
        values = {"state": state.value, "done_ms": now_ms, **more}
        with self.store.transaction() as connection:
            connection.execute(sa.update(outbox).where(outbox.c.seq == seq).values(**values))

    def _count(self, row: Any, now_ms: int) -> None:
        """Let a summary count what was held back, and be about the newest of it."""
        held = (
            (outbox.c.target == row.target)
            & (outbox.c.rule == row.rule)
            & (outbox.c.state == RowState.HELD.value)
        )
        with self.store.transaction() as connection:
            counted = (
                sa.update(outbox)
                .where(held)
                .values(state=RowState.COUNTED.value, done_ms=now_ms)
                .returning(outbox.c.seq, outbox.c.event, outbox.c.alert)
            )
            found = sorted(connection.execute(counted).all())
            values: dict[str, Any] = {"state": RowState.NEEDLESS.value, "done_ms": now_ms}
            if found:
                _, event, alert = found[-1]
                values = {"held_back": len(found), "event": event, "alert": alert}
            ours = outbox.c.seq == row.seq
            connection.execute(sa.update(outbox).where(ours).values(**values))

    def _is_needless(self, row: Any) -> bool:
        query = sa.select(events.c.review).where(events.c.id == row.event)
        with self.store.reading() as connection:
            return connection.scalar(query) != Review.UNREVIEWED.value


def _waiting(target: str) -> tuple[sa.ColumnElement[bool], ...]:
    return outbox.c.target == target, outbox.c.state == RowState.WAITING.value


def _as_row(row: Any) -> Row:
    return Row(
        seq=row.seq,
        id=row.id,
        rule=row.rule,
        kind=NotificationKind(row.kind),
        alert=AlertEvent.model_validate_json(row.alert),
        at_ms=row.at_ms,
        snapshot=row.snapshot,
        attempts=row.attempts,
        held_back=row.held_back,
    )
