"""How many alerts of each camera and label people confirmed, dismissed or relabelled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.store.event import Origin, Review, milliseconds
from monitor.store.store import EventStore
from monitor.store.tables import events

_VERDICTS = tuple(one.value for one in Review if one is not Review.UNREVIEWED)
_NO_ALERTS = tuple(one.value for one in Origin if one is not Origin.ALERT)

# By camera, label and review.
ReviewCounts = Mapping[tuple[str, str, str], int]


def review_counts(store: EventStore, since: datetime) -> ReviewCounts:
    """Of the alerts that began since then; StoreError.

    A camera and label with any review has a count of each, be it zero.
    """
    with store.reading() as connection:
        rows = connection.execute(counting(since)).all()
    found = {(camera, label, review): count for camera, label, review, count in rows}
    pairs = dict.fromkeys((camera, label) for camera, label, _ in found)
    return {(*pair, one): found.get((*pair, one), 0) for pair in pairs for one in _VERDICTS}


def counting(since: datetime) -> sa.Select[Any]:
    """The query for them."""
    kind = events.c.camera, events.c.label, events.c.review
    reviewed = (
        events.c.review.in_(_VERDICTS),
        events.c.at_ms >= milliseconds(since),
        # Nearly all events: SQLite is to take the index of the reviews, which are few.
        events.c.origin.not_in(_NO_ALERTS),
    )
    return sa.select(*kind, sa.func.count()).where(*reviewed).group_by(*kind).order_by(*kind)
