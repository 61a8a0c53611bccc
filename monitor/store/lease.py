"""Leases: who may write, of several that share an event store.

A lease has an epoch, which counts up whenever somebody takes it. Whoever holds it renews it; one
that was not renewed for `TTL_S` may be taken by another. All times are of the database's clock, so
it does not matter how wrong the clocks of the machines are. `Fence` is what makes it safe: in the
transaction of each write it asks the database whether the lease still has the writer's epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.errors import ConfigError
from monitor.store.database import StoreError
from monitor.store.event import Event, as_event
from monitor.store.store import EventStore, add_row
from monitor.store.tables import events, leases, shards, site

TTL_S = 10.0  # after which a lease that was not renewed may be taken
SHARD = "shard "  # with its number, the name of a shard's lease


class Overtaken(StoreError):
    """The lease has another epoch by now: whoever had this one must not write."""


@dataclass(frozen=True)
class Fence:
    """What somebody holds: the lease of this name, as long as it has this epoch."""

    name: str
    epoch: int

    def check(self, connection: Connection) -> None:
        """Overtaken unless it is still held; to be the last of a transaction.

        Nobody can take the lease before that transaction ends: its row is locked.
        """
        ours = (leases.c.name == self.name) & (leases.c.epoch == self.epoch)
        touched = sa.update(leases).where(ours).values(epoch=self.epoch)
        if not connection.execute(touched).rowcount:
            raise Overtaken(f"the lease {self.name} is no longer of epoch {self.epoch}")


@dataclass(frozen=True)
class Holder:
    """Who takes a lease."""

    identity: str  # no two that live have the same; who comes back with it need not wait
    described: str  # it, for people


@dataclass(frozen=True)
class Site:
    """Whose cameras the shards of a store watch."""

    name: str
    shards: int
    cameras: str  # fingerprint of all cameras that this process knows of


@dataclass(frozen=True)
class Taken:
    """Another has the lease."""

    by: str  # for people
    epoch: int
    cameras: str  # as of `Site`


def database_clock_ms(connection: Connection) -> sa.ColumnElement[int]:
    """The database's clock, milliseconds since 1970: of the moment, not of the transaction."""
    if connection.dialect.name == "postgresql":
        text = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
    else:
        text = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
    return sa.literal_column(text, sa.BigInteger)


class Leases:
    """The leases of a store; any thread may use it. StoreError if the store fails."""

    def __init__(
        self,
        store: EventStore,
        now_ms: Callable[[Connection], sa.ColumnElement[int]] = database_clock_ms,
    ) -> None:
        self._store = store
        self._now_ms = now_ms

    def acquire(
        self, name: str, holder: Holder, of: Site | None = None, *, patient: bool = False
    ) -> Fence | Taken:
        """Take a lease that nobody has, or that this very holder had, and count its epoch up.

        Who is patient leaves one alone that was not renewed: perhaps it could not be just now.
        With `of`, ConfigError if the leases of the store are of another site, or of another number
        of shards, and one of them is held.
        """
        with self._store.transaction() as connection:
            now_ms = self._now_ms(connection)
            if of is not None:
                self._claim(connection, of)
            row = {"name": name, "epoch": 0, "holder": "", "described": "", "cameras": ""}
            add_row(connection, leases, row | {"expires_ms": 0})
            ours = leases.c.name == name
            lapsed = leases.c.expires_ms <= (0 if patient else now_ms)
            free = lapsed | (leases.c.holder == holder.identity)
            taking = (
                sa.update(leases)
                .where(ours, free)
                .values(
                    epoch=leases.c.epoch + 1,
                    holder=holder.identity,
                    described=holder.described,
                    cameras="" if of is None else of.cameras,
                    expires_ms=now_ms + _TTL_MS,
                )
                .returning(leases.c.epoch)
            )
            epoch = connection.execute(taking).scalar_one_or_none()
            if epoch is not None:
                return Fence(name, epoch)
            held = connection.execute(sa.select(leases).where(ours)).one()
            return Taken(held.described, held.epoch, held.cameras)

    def renew(self, held: Fence, cameras: str = "") -> None:
        """Keep a lease for `TTL_S` from now; Overtaken if somebody took it meanwhile."""
        with self._store.transaction() as connection:
            later = {"expires_ms": self._now_ms(connection) + _TTL_MS, "cameras": cameras}
            if not connection.execute(_changed(held, later)).rowcount:
                query = sa.select(leases.c.described, leases.c.epoch).where(
                    leases.c.name == held.name
                )
                row = connection.execute(query).one_or_none()
                found = "is gone" if row is None else f"has epoch {row.epoch}"
                by = f", of {row.described}" if row is not None and row.described else ""
                raise Overtaken(f"it {found}{by}; this process had epoch {held.epoch}")

    def release(self, held: Fence) -> None:
        """Give a lease back, so that the next one need not wait; one that was lost stays lost."""
        with self._store.transaction() as connection:
            connection.execute(_changed(held, {"expires_ms": 0}))

    def others(self, name: str) -> list[Taken]:
        """Who holds the leases of the other shards."""
        with self._store.reading() as connection:
            query = sa.select(leases).where(*self._held(connection), leases.c.name != name)
            rows = connection.execute(query.order_by(leases.c.name)).all()
        return [Taken(row.described, row.epoch, row.cameras) for row in rows]

    def _held(self, connection: Connection) -> Sequence[sa.ColumnElement[bool]]:
        """The leases of shards that somebody holds."""
        own = leases.c.name.startswith(SHARD, autoescape=True)
        return own, leases.c.expires_ms > self._now_ms(connection)

    def _claim(self, connection: Connection, of: Site) -> None:
        """Make the store's leases those of a site; ConfigError if they are another's, and held."""
        add_row(connection, site, {"id": 1, "name": of.name, "shards": of.shards})
        # Locked until the end of the transaction: two sites take their leases one after the other.
        known = connection.execute(sa.select(site).with_for_update()).one()
        if (known.name, known.shards) == (of.name, of.shards):
            return
        query = sa.select(leases.c.name, leases.c.described).where(*self._held(connection))
        held = connection.execute(query.order_by(leases.c.name).limit(1)).one_or_none()
        if held is not None:
            raise ConfigError(
                f"event store {self._store.name}: its leases are of the site {known.name} in "
                f"{known.shards} shards, and {held.described} holds {held.name}; this is the site "
                f"{of.name} in {of.shards}: give each site a store of its own; to change the "
                "number of shards, stop all of them first"
            )
        connection.execute(sa.update(site).values(name=of.name, shards=of.shards))
        # One that is frozen, or cut off, is not to come back beside those of the new number.
        own = leases.c.name.startswith(SHARD, autoescape=True)
        gone = {"epoch": leases.c.epoch + 1, "holder": "", "described": "", "expires_ms": 0}
        connection.execute(sa.update(leases).where(own).values(**gone))
        connection.execute(sa.delete(shards))


def left_open(store: EventStore, cameras: Iterable[str], shard: str, held: Fence) -> list[Event]:
    """The open events of these cameras that others recorded under a lease, who cannot end them.

    Nobody else watches these cameras while the lease is held. StoreError.
    """
    ours = (events.c.shard == shard) & (events.c.epoch == held.epoch)
    query = sa.select(events).where(
        events.c.camera.in_(list(cameras)),
        events.c.reason.is_(None),
        events.c.epoch.is_not(None),
        ~ours,
    )
    with store.reading() as connection:
        return [as_event(row) for row in connection.execute(query.order_by(events.c.at_ms))]


_TTL_MS = round(TTL_S * 1000)


def _changed(held: Fence, values: dict[str, Any]) -> sa.Update:
    ours = (leases.c.name == held.name) & (leases.c.epoch == held.epoch)
    return sa.update(leases).where(ours).values(**values)
