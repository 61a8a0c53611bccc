"""Events that people taught: spans that they marked in what was recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from monitor.store.event import Event, Origin, Review, as_event, milliseconds
from monitor.store.journal import SpanLine
from monitor.store.store import EventStore, UnknownEvent, add_event
from monitor.store.tables import events

NOTHING = "nothing"  # the label of a span in which nothing happens, which is dismissed as such
LEAST_S, MOST_S = 0.5, 60.0  # that a span lasts


def teach(store: EventStore, line: SpanLine, first: Callable[[], object] = lambda: None) -> Event:
    """Take a span as an event that is reviewed and marked; a repeat changes nothing.

    `first` is called before it is kept; if that fails, it is not.
    """
    with store.transaction() as connection:
        add_event(connection, _row(line))
        row = connection.execute(sa.select(events).where(events.c.id == line.id)).one()
        first()
        return as_event(row)


def take_back(store: EventStore, id: str, first: Callable[[], object] = lambda: None) -> None:
    """Delete an event that was taught; UnknownEvent if there is none.

    `first` is called before it is deleted; if that fails, it is not.
    """
    own = (events.c.id == id) & (events.c.origin == Origin.TAUGHT.value)
    with store.transaction() as connection:
        if not connection.execute(sa.delete(events).where(own)).rowcount:
            raise UnknownEvent(id)
        first()


def taught_of(store: EventStore, camera: str) -> dict[str, int]:
    """How many spans of each label were taught of a camera, by what people say of them now."""
    label = sa.case(
        (events.c.review == Review.DISMISSED.value, NOTHING),
        else_=sa.func.coalesce(events.c.review_label, events.c.label),
    )
    own = (events.c.camera == camera) & (events.c.origin == Origin.TAUGHT.value)
    query = sa.select(label, sa.func.count()).where(own).group_by(label).order_by(label)
    with store.reading() as connection:
        return {name: count for name, count in connection.execute(query)}


def _row(line: SpanLine) -> dict[str, Any]:
    start_ms, end_ms = milliseconds(line.start_time), milliseconds(line.end_time)
    nothing = line.label is None
    return {
        "id": line.id,
        "camera": line.camera,
        "region": None,
        "origin": Origin.TAUGHT.value,
        "label": NOTHING if nothing else line.label,
        "model": "",
        "model_name": "",
        "at_ms": start_ms,
        "start_ms": start_ms,
        "end_ms": end_ms,
        "start_s": 0.0,
        "end_s": (end_ms - start_ms) / 1000,
        "reason": None,
        "window_s": 0.0,
        "score": 0.0,
        "peak_score": 0.0,
        "peak_s": None,
        "threshold": None,
        "box": None,
        "trace": [],
        "latency_ms": None,
        "review": (Review.DISMISSED if nothing else Review.CONFIRMED).value,
        "review_label": None,
        "note": "",
        "reviewer": line.by,
        "reviewed_ms": milliseconds(line.time),
        "marked": True,
    }
