"""Leases in SQLite and PostgreSQL: who has one, who may take it, and what a fence keeps out."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.errors import ConfigError
from monitor.store.database import StoreError
from monitor.store.lease import (
    TTL_S,
    Fence,
    Holder,
    Leases,
    Overtaken,
    Site,
    Taken,
    database_clock_ms,
    left_open,
)
from monitor.store.store import EventStore
from testkit.alerts import alert
from testkit.servers.postgres import Postgres

ANN, BEN = Holder("a", "ann"), Holder("b", "ben")
HOME = Site("home", 2, "c1")


@dataclass
class DatabaseClock:
    """The clock of the database, which a test sets."""

    now_s: float = 1_000_000.0

    def __call__(self, connection: Connection) -> sa.ColumnElement[int]:
        return sa.literal(round(self.now_s * 1000), sa.BigInteger)


@pytest.fixture
def clock() -> DatabaseClock:
    return DatabaseClock()


@pytest.fixture
def other(where: str) -> Iterator[EventStore]:
    """The same store, as another process sees it."""
    opened = EventStore(where)
    yield opened
    opened.close()


def taken(found: Fence | Taken) -> Fence:
    assert isinstance(found, Fence)
    return found


def test_a_lease_is_one_holders_until_it_was_not_renewed_for_its_time(
    store: EventStore, clock: DatabaseClock
) -> None:
    leases = Leases(store, clock)
    first = taken(leases.acquire("x", ANN))
    assert first == Fence("x", 1)
    clock.now_s += TTL_S - 1
    assert leases.acquire("x", BEN) == Taken("ann", 1, "")
    leases.renew(first)
    clock.now_s += TTL_S - 1
    assert isinstance(leases.acquire("x", BEN), Taken)
    clock.now_s += 1
    assert leases.acquire("x", BEN) == Fence("x", 2)
    with pytest.raises(Overtaken, match="it has epoch 2, of ben; this process had epoch 1"):
        leases.renew(first)


def test_who_is_patient_takes_only_what_is_given_back(
    store: EventStore, clock: DatabaseClock
) -> None:
    leases = Leases(store, clock)
    held = taken(leases.acquire("x", ANN, patient=True))
    clock.now_s += 2 * TTL_S
    assert isinstance(leases.acquire("x", BEN, patient=True), Taken)
    leases.release(held)
    assert leases.acquire("x", BEN, patient=True) == Fence("x", 2)


def test_a_late_holder_keeps_what_nobody_took(store: EventStore, clock: DatabaseClock) -> None:
    leases = Leases(store, clock)
    held = taken(leases.acquire("x", ANN))
    clock.now_s += 10 * TTL_S
    leases.renew(held)
    assert leases.acquire("x", BEN) == Taken("ann", 1, "")


def test_a_lease_that_was_given_back_is_free_at_once(
    store: EventStore, clock: DatabaseClock
) -> None:
    leases = Leases(store, clock)
    leases.release(taken(leases.acquire("x", ANN)))
    second = taken(leases.acquire("x", BEN))
    assert second == Fence("x", 2)
    leases.release(Fence("x", 1))  # of who had it before
    assert isinstance(leases.acquire("x", ANN), Taken)


def test_who_comes_back_with_its_identity_need_not_wait_and_has_another_epoch(
    store: EventStore, clock: DatabaseClock
) -> None:
    leases = Leases(store, clock)
    former = taken(leases.acquire("x", ANN))
    assert leases.acquire("x", ANN) == Fence("x", 2)
    with pytest.raises(Overtaken):
        leases.renew(former)


def test_of_many_that_try_at_once_one_has_it(where: str, store: EventStore) -> None:
    stores = [EventStore(where) for _ in range(4)]
    start = threading.Barrier(len(stores))

    def try_it(number: int) -> Fence | Taken:
        start.wait()
        return Leases(stores[number]).acquire("x", Holder(str(number), str(number)))

    with ThreadPoolExecutor(len(stores)) as pool:
        found = list(pool.map(try_it, range(len(stores))))
    assert [one for one in found if isinstance(one, Fence)] == [Fence("x", 1)]
    for one in stores:
        one.close()


def test_the_clock_is_the_databases(store: EventStore) -> None:
    leases = Leases(store)
    taken(leases.acquire("x", ANN))
    with store.reading() as connection:
        now_ms = connection.scalar(sa.select(database_clock_ms(connection)))
        expires_ms = connection.scalar(sa.text("SELECT expires_ms FROM leases"))
    assert now_ms is not None
    assert now_ms < expires_ms <= now_ms + TTL_S * 1000


def test_an_overtaken_writer_writes_nothing(store: EventStore, other: EventStore) -> None:
    leases = Leases(store)
    store.fence = taken(leases.acquire("x", ANN))
    store.record(alert("before", shard="1/2", epoch=1), notified=True)
    former, store.fence = store.fence, None
    other.fence = taken(leases.acquire("x", ANN))
    store.fence = former
    for write in (
        lambda: store.record(alert("after"), notified=True),
        lambda: store.record(alert("before", event="end", end_s=9, reason="score fell")),
    ):
        with pytest.raises(Overtaken, match="the lease x is no longer of epoch 1"):
            write()
    other.record(alert("of the next", shard="1/2", epoch=2))

    found = {event.id: (event.shard, event.epoch, event.open) for event in other.all()}
    assert found == {"before": ("1/2", 1, True), "of the next": ("1/2", 2, True)}
    with other.reading() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM news")) == 1


def test_nobody_takes_a_lease_while_its_holder_writes(
    store: EventStore, other: EventStore, clock: DatabaseClock
) -> None:
    """Between the fence of a transaction and its end there is no room for another epoch."""
    leases = Leases(store, clock)
    fence = taken(leases.acquire("x", ANN))
    clock.now_s += 2 * TTL_S
    order: list[str] = []

    def take() -> None:
        while True:  # SQLite gives up after a while
            try:
                taken(Leases(other, clock).acquire("x", BEN))
                break
            except Exception:
                assert order == []
        order.append("taken")

    taking = threading.Thread(target=take)
    with store.transaction() as connection:
        fence.check(connection)
        taking.start()
        taking.join(0.5)
        order.append("written")
    taking.join()
    assert order == ["written", "taken"]


@pytest.mark.slow
def test_who_is_frozen_while_it_writes_holds_up_nobody(server: Postgres) -> None:
    """It has locked the row of its lease; the server ends its transaction after a while."""
    frozen, other = EventStore(server.url), EventStore(server.url)
    fence = taken(Leases(frozen).acquire("x", ANN))

    def write() -> None:
        with frozen.transaction() as connection:
            fence.check(connection)
            taken(Leases(other).acquire("x", ANN))  # waits until then

    with pytest.raises(StoreError):
        write()
    with pytest.raises(Overtaken):
        Leases(frozen).renew(fence)
    frozen.close()
    other.close()


def test_two_sites_do_not_share_a_store(store: EventStore, clock: DatabaseClock) -> None:
    leases = Leases(store, clock)
    held = taken(leases.acquire("shard 1", ANN, HOME))
    assert isinstance(leases.acquire("shard 2", BEN, HOME), Fence)
    with pytest.raises(ConfigError) as error:
        leases.acquire("shard 2", BEN, Site("depot", 2, "c2"))
    assert str(error.value) == (
        f"event store {store.name}: its leases are of the site home in 2 shards, and ann holds "
        "shard 1; this is the site depot in 2: give each site a store of its own; to change the "
        "number of shards, stop all of them first"
    )
    with pytest.raises(ConfigError, match="this is the site home in 3"):
        leases.acquire("shard 3", BEN, Site("home", 3, "c1"))
    leases.renew(held)


def test_another_number_of_shards_overtakes_those_of_the_former(
    store: EventStore, clock: DatabaseClock
) -> None:
    """One that was frozen does not come back: its cameras may be of several shards by now."""
    leases = Leases(store, clock)
    frozen = taken(leases.acquire("shard 1", ANN, HOME))
    notifier = taken(leases.acquire("notifier", ANN))
    clock.now_s += 2 * TTL_S
    assert isinstance(leases.acquire("shard 3", BEN, Site("home", 3, "c1")), Fence)
    with pytest.raises(Overtaken):
        leases.renew(frozen)
    leases.renew(notifier)


def test_shards_see_which_cameras_the_others_know(store: EventStore, clock: DatabaseClock) -> None:
    leases = Leases(store, clock)
    first = taken(leases.acquire("shard 1", ANN, HOME))
    taken(leases.acquire("shard 2", BEN, HOME))
    taken(leases.acquire("notifier", BEN))
    assert leases.others("shard 1") == [Taken("ben", 1, "c1")]
    leases.renew(first, "c2")
    assert leases.others("shard 2") == [Taken("ann", 1, "c2")]
    clock.now_s += 2 * TTL_S
    assert leases.others("shard 2") == []


def test_a_store_that_was_made_anew_has_no_lease(store: EventStore, clock: DatabaseClock) -> None:
    leases = Leases(store, clock)
    held = taken(leases.acquire("x", ANN))
    with store.transaction() as connection:
        connection.execute(sa.text("DELETE FROM leases"))
    with pytest.raises(Overtaken, match="it is gone; this process had epoch 1"):
        leases.renew(held)


def test_what_others_left_open_is_found(store: EventStore) -> None:
    store.record(
        alert("of the former", shard="1/2", epoch=1),
        alert("ours", shard="1/2", epoch=2),
        alert("of another number of shards", shard="2/3", epoch=2),
        alert("of another camera", camera="yard", shard="1/2", epoch=1),
        alert("of no lease"),
        alert("ended", event="end", end_s=9, reason="score fell", shard="1/2", epoch=1),
    )
    found = left_open(store, ["door"], "1/2", Fence("shard 1", 2))
    assert {event.id for event in found} == {"of the former", "of another number of shards"}
