"""How the shards of a site do: a row of each, which whoever holds its lease writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.store.lease import Fence, database_clock_ms
from monitor.store.store import EventStore, add_row
from monitor.store.tables import shards, site

NowMs = Callable[[Connection], sa.ColumnElement[int]]  # the database's clock


@dataclass(frozen=True)
class ShardReport:
    """What the process of a shard says of itself."""

    shard: str  # I/N
    node: str  # the machine, for people
    pid: int
    address: str  # HOST:PORT at which pictures and evidence are; empty: nowhere
    secret: str = field(repr=False)  # that is asked for there
    settings: str = field(repr=False)  # JSON: what the page is told of its cameras; empty: nothing
    state: str = field(repr=False)  # JSON: `monitor.health.report.Report`


@dataclass(frozen=True)
class HeardReport:
    """A report as it was read."""

    report: ShardReport
    epoch: int
    said_ms: int  # the database's clock
    age_s: float  # by the same clock


def write_report(
    store: EventStore, report: ShardReport, held: Fence, now_ms: NowMs = database_clock_ms
) -> None:
    """Say how a shard does; Overtaken unless its lease is still held, StoreError."""
    with store.transaction() as connection:
        values = asdict(report) | {"epoch": held.epoch, "said_ms": now_ms(connection)}
        ours = shards.c.shard == report.shard
        if not connection.execute(sa.update(shards).where(ours).values(**values)).rowcount:
            add_row(connection, shards, values)
        held.check(connection)


def withdraw_report(store: EventStore, shard: str, held: Fence) -> None:
    """Take back what was said of a shard: it is no longer watched; StoreError."""
    ours = (shards.c.shard == shard) & (shards.c.epoch == held.epoch)
    with store.transaction() as connection:
        connection.execute(sa.delete(shards).where(ours))


class ReportReader:
    """Reads what all shards said; one thread at a time."""

    def __init__(self, store: EventStore, now_ms: NowMs = database_clock_ms) -> None:
        self._store = store
        self._now_ms = now_ms
        self._known: dict[str, HeardReport] = {}

    def read(self) -> list[HeardReport]:
        """The reports of all shards, in the order of their numbers; StoreError.

        Long ones are fetched again only if they are new.
        """
        with self._store.reading() as connection:
            age_ms = (self._now_ms(connection) - shards.c.said_ms).label("age_ms")
            heads = sa.select(shards.c.shard, shards.c.epoch, shards.c.said_ms, age_ms)
            found = {row.shard: row for row in connection.execute(heads)}
            fresh = [
                shard
                for shard, row in found.items()
                if (known := self._known.get(shard)) is None
                or (known.epoch, known.said_ms) != (row.epoch, row.said_ms)
            ]
            bodies = connection.execute(sa.select(shards).where(shards.c.shard.in_(fresh))).all()
        told = {shard: one.report for shard, one in self._known.items()}
        for row in bodies:
            values = dict(row._mapping)
            told[row.shard] = ShardReport(
                **{name: values[name] for name in ShardReport.__dataclass_fields__}
            )
        self._known = {
            shard: HeardReport(told[shard], row.epoch, row.said_ms, max(0.0, row.age_ms / 1000))
            for shard, row in found.items()
            if shard in told  # it went between the two queries
        }
        return sorted(self._known.values(), key=lambda one: shard_number(one.report.shard))


def shard_count(store: EventStore) -> int:
    """How many shards the site has; 0 if none was ever watched; StoreError."""
    with store.reading() as connection:
        return connection.execute(sa.select(site.c.shards)).scalar_one_or_none() or 0


def shard_number(shard: str) -> int:
    """I of I/N."""
    return int(shard.partition("/")[0])
