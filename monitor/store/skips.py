"""Windows that were not classified: how many in each minute, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.store.event import milliseconds, moment_of
from monitor.store.store import EventStore
from monitor.store.tables import skipped

MINUTE = timedelta(minutes=1)
_MINUTE_MS = 60_000
_KEPT = 60  # minutes that wait, at most, for a store that cannot be written


@dataclass(frozen=True)
class WindowCounts:
    """What became of windows of a camera."""

    classified: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)  # by reason

    @property
    def total(self) -> int:
        """All of them."""
        return self.classified + sum(self.skipped.values())

    def after(self, before: WindowCounts) -> WindowCounts:
        """What was counted since; all of it, if a counter went back: it was begun anew."""
        reasons = before.skipped
        if self.classified < before.classified or any(
            self.skipped.get(reason, 0) < count for reason, count in reasons.items()
        ):
            return self
        return WindowCounts(
            self.classified - before.classified,
            {why: count - reasons.get(why, 0) for why, count in self.skipped.items()},
        )

    def and_also(self, other: WindowCounts) -> WindowCounts:
        """The sum of both."""
        reasons = dict(self.skipped)
        for reason, count in other.skipped.items():
            reasons[reason] = reasons.get(reason, 0) + count
        return WindowCounts(self.classified + other.classified, reasons)


@dataclass(frozen=True)
class SkippedMinute:
    """A minute in which windows of a camera were not classified."""

    camera: str
    start: datetime
    counts: WindowCounts


@dataclass(frozen=True)
class SkipSpan:
    """Minute after minute in which windows of a camera were not classified for one reason."""

    camera: str
    start: datetime
    end: datetime
    reason: str
    windows: int  # not classified for this reason
    total: int  # all windows of these minutes


class SkipLog:
    """Records, a minute at a time, how many windows were not classified."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._known: dict[str, WindowCounts] = {}  # of each camera, since its watching began
        self._minutes: dict[int, dict[str, WindowCounts]] = {}  # by when they began; not written
        self._now_ms = 0  # when this minute began

    def note(self, counted: Mapping[str, WindowCounts], now: datetime) -> None:
        """Take what was counted of each camera so far; StoreError if it cannot be written.

        What was counted before the first note of a camera belongs to no minute. A minute that
        cannot be written is tried again with the next ones; of these, sixty wait.
        """
        before_ms, self._now_ms = self._now_ms, milliseconds(now) // _MINUTE_MS * _MINUTE_MS
        if self._now_ms != before_ms:
            self._write()
        minute = self._minutes.setdefault(self._now_ms, {})
        for camera, counts in counted.items():
            fresh = counts.after(self._known.get(camera, counts))
            minute[camera] = minute.get(camera, WindowCounts()).and_also(fresh)
        self._known = dict(counted)

    def close(self) -> None:
        """Write what is left; StoreError."""
        self._write()

    def _write(self) -> None:
        for at_ms in sorted(self._minutes)[:-_KEPT]:
            del self._minutes[at_ms]
        rows = [
            {"camera": camera, "at_ms": at_ms, "reason": reason}
            | {"windows": count, "total": counts.total}
            for at_ms, minute in self._minutes.items()
            for camera, counts in minute.items()
            for reason, count in counts.skipped.items()
            if count
        ]
        if rows:
            with self._store.transaction() as connection:
                for row in rows:
                    _add(connection, row)
        self._minutes.clear()


def _add(connection: Connection, row: dict[str, object]) -> None:
    """Count windows; the process before this one may have counted some of the same minute."""
    same = sa.and_(*(skipped.c[name] == row[name] for name in ("camera", "at_ms", "reason")))
    sums = {name: skipped.c[name] + row[name] for name in ("windows", "total")}
    if not connection.execute(sa.update(skipped).where(same).values(**sums)).rowcount:
        connection.execute(sa.insert(skipped).values(**row))


def skipped_minutes(
    store: EventStore, cameras: Collection[str], since: datetime, until: datetime
) -> list[SkippedMinute]:
    """The minutes that began between two times, of these cameras, in their order."""
    query = sa.select(skipped).where(*_conditions(cameras, since, until))
    with store.reading() as connection:
        known = connection.execute(query.order_by(skipped.c.camera, skipped.c.at_ms)).all()
    found = []
    for (camera, at_ms), rows in groupby(known, key=lambda row: (row.camera, row.at_ms)):
        reasons, total = {}, 0
        for row in rows:
            reasons[row.reason] = row.windows
            total = max(total, row.total)
        classified = max(total - sum(reasons.values()), 0)
        found.append(SkippedMinute(camera, moment_of(at_ms), WindowCounts(classified, reasons)))
    return found


def skip_spans(
    store: EventStore, cameras: Collection[str], since: datetime, until: datetime
) -> list[SkipSpan]:
    """Minutes that follow one another as one, by camera and reason, in their order."""
    kind = skipped.c.camera, skipped.c.reason
    number = sa.func.row_number().over(partition_by=kind, order_by=skipped.c.at_ms)
    # The same in all of a row of minutes.
    row = (skipped.c.at_ms - number * _MINUTE_MS).label("row")
    minutes = sa.select(skipped, row).where(*_conditions(cameras, since, until)).subquery()
    query = (
        sa.select(
            minutes.c.camera,
            minutes.c.reason,
            sa.func.min(minutes.c.at_ms).label("first_ms"),
            sa.func.max(minutes.c.at_ms).label("last_ms"),
            sa.func.sum(minutes.c.windows).label("windows"),
            sa.func.sum(minutes.c.total).label("total"),
        )
        .group_by(minutes.c.camera, minutes.c.reason, minutes.c.row)
        .order_by("camera", "reason", "first_ms")
    )
    with store.reading() as connection:
        rows = connection.execute(query).all()
    return [
        SkipSpan(
            one.camera,
            moment_of(one.first_ms),
            moment_of(one.last_ms) + MINUTE,
            one.reason,
            one.windows,
            one.total,
        )
        for one in rows
    ]


def _conditions(
    cameras: Collection[str], since: datetime, until: datetime
) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        skipped.c.camera.in_(cameras),  # the index begins with it
        skipped.c.at_ms >= milliseconds(since),
        skipped.c.at_ms < milliseconds(until),
    )
