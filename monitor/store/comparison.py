"""What two models found that watched a camera side by side: one raised alerts, one was tried out.

Which of the two raised alerts, and when, does not matter: they may have changed places meanwhile.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from monitor.store.event import Review, milliseconds
from monitor.store.states import SEEN_S
from monitor.store.store import EventStore
from monitor.store.tables import events, pairs

Span = tuple[float, float]  # its begin and its end


class Found(StrEnum):
    """Which of two models found something."""

    BOTH = "both"
    MODEL = "model"
    SHADOW = "shadow"


@dataclass(frozen=True)
class Compared:
    """An event, and who found it. What both found is the model's event."""

    id: str
    found: Found
    review: Review


@dataclass(frozen=True)
class Comparison:
    """What two models found in the time in which both watched a camera."""

    side_by_side: timedelta
    events: tuple[Compared, ...]  # from the newest on

    def count(self, found: Found, review: Review | None = None) -> int:
        """How many events these models found, with this review or any."""
        return len(self.ids(found, review))

    @property
    def reviewed(self) -> bool:
        """Whether any of them was confirmed or dismissed."""
        return any(one.review in (Review.CONFIRMED, Review.DISMISSED) for one in self.events)

    def ids(self, found: Found, review: Review | None = None) -> list[str]:
        """Those events, from the newest on."""
        return [
            one.id
            for one in self.events
            if one.found is found and (review is None or one.review is review)
        ]


def compare(
    store: EventStore, camera: str, model: str, shadow: str, since: datetime, until: datetime
) -> Comparison:
    """What two models, named by their sha256, found between two times; StoreError.

    Both found it if an event of each has the same label and region, and they overlap.
    """
    first_ms, last_ms = milliseconds(since), milliseconds(until)
    spans = _side_by_side(store, camera, {model, shadow}, first_ms, last_ms)
    columns = "id", "region", "label", "model", "at_ms", "start_ms", "end_ms", "start_s", "end_s"
    query = (
        sa.select(*(events.c[name] for name in (*columns, "reason", "window_s", "review")))
        .where(events.c.camera == camera, events.c.model.in_((model, shadow)))
        .where(events.c.at_ms >= first_ms, events.c.at_ms < last_ms)
        .order_by(events.c.at_ms.desc(), events.c.id.desc())
    )
    with store.reading() as connection:
        rows = [
            row
            for row in connection.execute(query)
            if any(begin <= row.at_ms < end for begin, end in spans)
        ]
    acts: dict[tuple[object, ...], list[Span]] = defaultdict(list)
    for row in rows:
        acts[row.model, *_kind(row)].append(_act(row))
    others = {key: _Spans(found) for key, found in acts.items()}
    compared = []
    for row in rows:
        is_own = row.model == model
        other = others.get((shadow if is_own else model, *_kind(row)))
        both = other is not None and other.overlap(_act(row))
        if not both or is_own:
            found = Found.BOTH if both else Found.MODEL if is_own else Found.SHADOW
            compared.append(Compared(row.id, found, Review(row.review)))
    watched_ms = sum(end - begin for begin, end in spans)
    return Comparison(timedelta(milliseconds=watched_ms), tuple(compared))


def _side_by_side(
    store: EventStore, camera: str, both: set[str], first_ms: int, last_ms: int
) -> list[Span]:
    """When the two watched, in milliseconds: up to a minute longer than it was seen."""
    query = sa.select(pairs).where(pairs.c.camera == camera).order_by(pairs.c.at_ms)
    with store.reading() as connection:
        rows = connection.execute(query).all()
    found = []
    for row, following in itertools.zip_longest(rows, rows[1:]):
        end_ms = row.seen_ms + round(SEEN_S * 1000)
        if following is not None:
            end_ms = min(end_ms, following.at_ms)
        begin_ms, end_ms = max(row.at_ms, first_ms), min(end_ms, last_ms)
        if {row.model, row.shadow} == both and begin_ms < end_ms:
            found.append((begin_ms, end_ms))
    return found


def _kind(row: Any) -> tuple[object, ...]:
    """What events must have in common: label, region, and the axis of their times."""
    return row.label, row.region, row.start_ms is None


def _act(row: Any) -> Span:
    """When it was, in seconds: in the world, or of a file; without an end while it goes on."""
    begin_s = row.start_s if row.start_ms is None else row.start_ms / 1000
    if row.end_s is None:  # it goes on, or har-monitor was killed
        return begin_s, math.inf if row.reason is None else begin_s + row.window_s
    return begin_s, begin_s + row.end_s - row.start_s


class _Spans:
    """Spans, of which some may overlap another one."""

    def __init__(self, spans: Iterable[Span]) -> None:
        ordered = sorted(spans)
        self._begins: Sequence[float] = [begin for begin, _ in ordered]
        # The latest end of all that began so far.
        self._ends = list(itertools.accumulate((end for _, end in ordered), max))

    def overlap(self, span: Span) -> bool:
        begun = bisect.bisect_right(self._begins, span[1])
        return begun > 0 and self._ends[begun - 1] >= span[0]
