"""What shards say of themselves, in SQLite and PostgreSQL."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.store.lease import Fence, Holder, Leases, Overtaken, Site
from monitor.store.reports import (
    ReportReader,
    ShardReport,
    shard_count,
    withdraw_report,
    write_report,
)
from monitor.store.store import EventStore

ANN, BEN = Holder("a", "ann"), Holder("b", "ben")
SECOND = ShardReport("2/12", "two", 22, "192.0.2.2:4000", "s3cret", "{}", '{"cameras": []}')
TENTH = replace(SECOND, shard="10/12", node="ten", pid=10, address="")


class Clock:
    now_ms = 1_000_000

    def __call__(self, connection: Connection) -> sa.ColumnElement[int]:
        return sa.literal(self.now_ms, sa.BigInteger)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def held(store: EventStore, name: str, holder: Holder = ANN) -> Fence:
    found = Leases(store).acquire(name, holder)
    assert isinstance(found, Fence)
    return found


def test_what_shards_said_last_is_read_in_their_order_with_its_age(
    store: EventStore, clock: Clock
) -> None:
    second, tenth = held(store, "shard 2"), held(store, "shard 10")
    reader = ReportReader(store, clock)
    assert reader.read() == []
    write_report(store, TENTH, tenth, clock)
    clock.now_ms += 3000
    write_report(store, SECOND, second, clock)
    clock.now_ms += 1500
    found = reader.read()
    assert [one.report for one in found] == [SECOND, TENTH]
    assert [(one.epoch, one.age_s) for one in found] == [(1, 1.5), (1, 4.5)]
    later = replace(SECOND, state='{"cameras": [1]}')
    write_report(store, later, second, clock)
    again = reader.read()
    assert [one.report for one in again] == [later, TENTH]
    assert again[1].report is found[1].report, "it was not fetched again"


def test_who_was_overtaken_says_nothing_more(store: EventStore, clock: Clock) -> None:
    leases = Leases(store)
    former = held(store, "shard 2")
    write_report(store, SECOND, former, clock)
    leases.release(former)
    write_report(store, replace(SECOND, node="other"), held(store, "shard 2", BEN), clock)
    with pytest.raises(Overtaken):
        write_report(store, SECOND, former, clock)
    withdraw_report(store, SECOND.shard, former)
    (found,) = ReportReader(store, clock).read()
    assert (found.report.node, found.epoch) == ("other", 2)


def test_what_is_no_longer_watched_is_taken_back(store: EventStore, clock: Clock) -> None:
    lease = held(store, "shard 2")
    reader = ReportReader(store, clock)
    write_report(store, SECOND, lease, clock)
    assert len(reader.read()) == 1
    withdraw_report(store, SECOND.shard, lease)
    assert reader.read() == []


def test_shards_of_another_number_are_forgotten(store: EventStore, clock: Clock) -> None:
    leases = Leases(store)
    assert shard_count(store) == 0
    lease = leases.acquire("shard 2", ANN, Site("home", 12, "c"))
    assert isinstance(lease, Fence)
    assert shard_count(store) == 12
    write_report(store, SECOND, lease, clock)
    leases.release(lease)
    leases.acquire("shard 1", BEN, Site("home", 3, "c"))
    assert ReportReader(store, clock).read() == []
    assert shard_count(store) == 3


def test_a_secret_is_in_no_text_of_a_report() -> None:
    assert "s3cret" not in repr(SECOND)
