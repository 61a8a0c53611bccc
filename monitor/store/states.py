"""How cameras did over time: when each was watched, and why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.store.event import milliseconds, moment_of
from monitor.store.store import EventStore
from monitor.store.tables import states

SEEN_S = 60.0  # between two notes that a state goes on


@dataclass(frozen=True)
class StateSpan:
    """A time in which the state of a camera did not change."""

    camera: str
    start: datetime
    end: datetime
    state: str
    cause: str


class StateLog:
    """Records the states of cameras as they change, and once a minute that they go on.

    Or another two facts of each camera, such as its models: those that the table ends with.
    """

    def __init__(self, store: EventStore, table: sa.Table = states) -> None:
        self._store = store
        self._table = table
        self._facts = tuple(table.c.keys())[-2:]
        self._known: dict[str, tuple[str, str, int]] = {}  # both facts, since when
        self._noted_ms = 0

    def note(
        self, found: Mapping[str, tuple[str, str]], now: datetime, since: datetime | None = None
    ) -> None:
        """Take the state and the cause of each camera; StoreError if they cannot be written.

        What changed is so since now, or since a moment before.
        """
        table, now_ms = self._table, milliseconds(now)
        since_ms = min(milliseconds(since or now), now_ms)
        changed = {
            camera: one for camera, one in found.items() if self._known.get(camera, ())[:2] != one
        }
        if now_ms < self._noted_ms:  # the clock was set back: what goes on begins anew
            self._known = {}
            changed = dict(found)
        due = now_ms - self._noted_ms >= SEEN_S * 1000
        if not changed and not due and self._known.keys() <= found.keys():
            return
        with self._store.transaction() as connection:
            for camera, (_, _, at_ms) in self._known.items():
                if due or camera in changed or camera not in found:
                    going_on = (table.c.camera == camera) & (table.c.at_ms == at_ms)
                    connection.execute(sa.update(table).where(going_on).values(seen_ms=now_ms))
            for camera, facts in changed.items():
                values = {"seen_ms": now_ms, **dict(zip(self._facts, facts, strict=True))}
                # It is there if the process that knew of it died.
                there = (table.c.camera == camera) & (table.c.at_ms == since_ms)
                if not connection.execute(sa.update(table).where(there).values(**values)).rowcount:
                    values |= {"camera": camera, "at_ms": since_ms}
                    connection.execute(sa.insert(table).values(**values))
        began = {camera: at_ms for camera, (_, _, at_ms) in self._known.items()}
        self._known = {
            camera: (*one, since_ms if camera in changed else began[camera])
            for camera, one in found.items()
        }
        self._noted_ms = now_ms


def state_spans(store: EventStore, since: datetime, until: datetime) -> list[StateSpan]:
    """How every camera did between two times, in their order; nothing of when nobody looked."""
    since_ms, until_ms = milliseconds(since), milliseconds(until)
    overlap = (states.c.at_ms < until_ms) & (states.c.seen_ms > since_ms)
    with store.reading() as connection:
        rows = connection.execute(
            sa.select(states).where(overlap).order_by(states.c.camera, states.c.at_ms)
        ).all()
    found = []
    for row in rows:
        start = moment_of(max(row.at_ms, since_ms))
        end = moment_of(min(row.seen_ms, until_ms))
        found.append(StateSpan(row.camera, start, end, row.state, row.cause))
    return found
