"""The lease of a shard as the command has it: what it waits for, and what it ends of others."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.cli.shard import ShardLease
from monitor.cli.sinks import make_sinks
from monitor.config.options import MonitorOptions
from monitor.config.shard import Shard, of_shard
from monitor.errors import ConfigError
from monitor.events.alert_log import AlertLogSink
from monitor.events.sink import BeginningSink
from monitor.states import EndReason, LeaseState
from monitor.store.lease import Fence, Holder, Leases
from monitor.store.store import EventStore
from testkit.alerts import alert
from testkit.fakes import RecordingSink

BEN = Holder("b", "ben")


def options(folder: Path, node: Path | None = None, **changes: str) -> MonitorOptions:
    store = {"type": "store", "url": str(folder / "events.sqlite"), "site": "home"} | changes
    log = {"type": "log", "path": folder / "alerts.jsonl"}
    camera = {"name": "door", "source": "0"}
    whole = MonitorOptions.model_validate({"cameras": [camera], "sinks": [log, store]})
    return of_shard(whole, Shard(1, 1), node=node)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    opened = EventStore(str(tmp_path / "events.sqlite"))
    yield opened
    opened.close()


def taken(made: MonitorOptions) -> ShardLease:
    lease = ShardLease(made)
    assert lease.wait(threading.Event(), lambda: None, lambda error: None)
    return lease


def test_it_waits_for_its_lease_until_it_is_stopped(tmp_path: Path, store: EventStore) -> None:
    held = Leases(store).acquire("shard 1", BEN)
    assert isinstance(held, Fence)
    lease, stopping = ShardLease(options(tmp_path)), threading.Event()
    beats: list[LeaseState] = []

    def beat() -> None:
        beats.append(lease.status.state)
        stopping.set()

    assert not lease.wait(stopping, beat, lambda error: None)
    assert beats == [LeaseState.STANDBY]
    assert (lease.status.name, lease.status.by) == ("1/1", "ben")
    assert lease.fence is None
    lease.close()
    Leases(store).renew(held)


def test_what_is_written_under_it_has_its_shard_and_epoch(tmp_path: Path) -> None:
    lease, kept = taken(options(tmp_path)), RecordingSink()
    (sink,) = lease.over([kept])
    sink.write(alert("a"))
    assert [(one.shard, one.epoch) for one in kept.alerts] == [("1/1", 1)]
    assert lease.grant is not None
    assert lease.grant.epoch == 1
    lease.close()
    assert lease.grant is None
    again = taken(options(tmp_path))
    assert again.fence == Fence("shard 1", 2)
    again.close()


def test_what_another_left_open_is_ended_once(tmp_path: Path, store: EventStore) -> None:
    start = alert("a", shard="1/1", epoch=1, box=(0.1, 0.2, 0.3, 0.4), trace=((0.5, 0.9),))
    store.record(start, alert("s", shadow=True, shard="1/1", epoch=1))
    former = Leases(store).acquire("shard 1", BEN)
    assert isinstance(former, Fence)
    Leases(store).release(former)
    lease = taken(options(tmp_path))
    ends = lease.left_open(["door"])
    assert [(one.id, one.event, one.reason, one.shadow) for one in ends] == [
        ("a", "end", EndReason.MONITOR_DIED, False),
        ("s", "end", EndReason.MONITOR_DIED, True),
    ]
    assert (ends[0].box, ends[0].trace, ends[0].end_s) == (start.box, start.trace, None)
    store.record(*ends, notified=True)
    assert lease.left_open(["door"]) == []
    event = store.event("a")
    assert (event.open, event.shard, event.epoch) == (False, "1/1", 1)
    assert lease.left_open(["yard"]) == []
    lease.close()


def test_a_store_of_another_site_is_refused(tmp_path: Path) -> None:
    lease = taken(options(tmp_path))
    other = ShardLease(options(tmp_path, site="depot"))
    with pytest.raises(ConfigError, match="its leases are of the site home in 1 shards"):
        other.wait(threading.Event(), lambda: None, lambda error: None)
    for one in (lease, other):
        one.close()


def test_only_one_process_can_have_the_log_by_which_it_is_known(tmp_path: Path) -> None:
    """So whoever has the same identity is dead."""
    sink = AlertLogSink(tmp_path / "alerts.jsonl", max_bytes=1 << 20, keep=1)
    with pytest.raises(Exception, match="another har-monitor writes to it"):
        AlertLogSink(tmp_path / "alerts.jsonl", max_bytes=1 << 20, keep=1)
    sink.close()


def test_what_logs_say_is_taken_in_under_the_lease_and_not_by_who_never_has_it(
    tmp_path: Path, store: EventStore
) -> None:
    """Its own log, and one of the machine whose process is gone."""
    node = tmp_path / "node"
    own, left = (node / "shard-1" / slot / "alerts.jsonl" for slot in ("a", "b"))
    for name, path in (("a", own), ("b", left)):
        path.parent.mkdir(parents=True)
        log = AlertLogSink(path, max_bytes=1 << 20, keep=1)
        log.write(alert(name, time=datetime.now(UTC), shard="1/1", epoch=1))
        log.close()
    store.record(alert("z"))
    url = str(tmp_path / "events.sqlite")
    made = options(own.parent, node=node, url=url)
    lease = ShardLease(made)
    sinks = make_sinks(made.sinks, None, lease)
    leased = [one for one in lease.over(sinks) if isinstance(one, BeginningSink)]
    for one in leased:
        one.begin()
    assert store.count() == 1
    assert lease.wait(threading.Event(), lambda: None, lambda error: None)
    for one in leased:
        one.begin()
        one.close()
    assert {one.id: one.open for one in store.all()} == {"a": True, "b": False, "z": True}
    lease.close()
