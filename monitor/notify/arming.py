"""Which cameras are armed: the events of others are recorded, and nobody is told."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.notify.notification import Order, OrderKind
from monitor.store.event import Origin, Review
from monitor.store.store import EventStore
from monitor.store.tables import arming, events


@dataclass(frozen=True)
class Arming:
    """Whether a camera's events are notified."""

    armed: bool = True
    snoozed_ms: int | None = None  # not until then; milliseconds since 1970

    def silent(self, now_ms: int) -> bool:
        """Whether nobody is told just now."""
        return not self.armed or (self.snoozed_ms is not None and now_ms < self.snoozed_ms)


def arming_of(connection: Connection, camera: str) -> Arming:
    """What was said of a camera; armed if nothing was."""
    row = connection.execute(sa.select(arming).where(arming.c.camera == camera)).one_or_none()
    return Arming() if row is None else Arming(row.armed, row.snoozed_ms)


def all_arming(store: EventStore) -> dict[str, Arming]:
    """What was said of every camera; StoreError."""
    with store.reading() as connection:
        rows = connection.execute(sa.select(arming)).all()
    return {row.camera: Arming(row.armed, row.snoozed_ms) for row in rows}


def obey(store: EventStore, order: Order, now_ms: int) -> None:
    """Keep what was ordered; StoreError."""
    if order.kind is OrderKind.SNOOZE:
        until_ms = now_ms + round(order.minutes * 60_000) if order.minutes > 0 else None
        values: dict[str, object] = {"snoozed_ms": until_ms}
    else:
        values = {"armed": order.kind is OrderKind.ARM}
    ours = arming.c.camera == order.camera
    with store.transaction() as connection:
        if not connection.execute(sa.update(arming).where(ours).values(**values)).rowcount:
            row = {"camera": order.camera, "armed": True, **values}
            connection.execute(sa.insert(arming).values(**row))


def dismissed_since(store: EventStore, since_ms: int) -> dict[str, int]:
    """How many events of each camera since then a person called false alarms; StoreError."""
    query = (
        sa.select(events.c.camera, sa.func.count())
        .where(
            events.c.review == Review.DISMISSED.value,
            events.c.origin == Origin.ALERT.value,
            events.c.at_ms >= since_ms,
        )
        .group_by(events.c.camera)
    )
    with store.reading() as connection:
        return {camera: count for camera, count in connection.execute(query)}
