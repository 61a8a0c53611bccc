"""When a shard is reported, and that nothing waits for it."""

import threading
from pathlib import Path

import pytest

from monitor.lease import reporter as module
from monitor.lease.reporter import Reporter
from monitor.store.database import StoreError
from monitor.store.lease import Fence, Holder, Leases
from monitor.store.reports import ReportReader, ShardReport
from monitor.store.store import EventStore
from testkit.fakes import wait_until


def report(pid: int) -> ShardReport:
    return ShardReport("1/2", "one", pid, "", "", "", "{}")


def test_it_is_said_again_and_again_and_taken_back_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REPORT_S", 0.01)
    where = str(tmp_path / "events.sqlite")
    store = EventStore(where)
    lease = Leases(store).acquire("shard 1", Holder("a", "ann"))
    assert isinstance(lease, Fence)
    made = iter(range(1, 10_000))
    reporter = Reporter(EventStore(where), lease, lambda: report(next(made)))
    reader = ReportReader(store)
    wait_until(lambda: any(one.report.pid > 2 for one in reader.read()))
    reporter.close()
    reporter.close()
    assert reader.read() == []
    store.close()


def test_a_store_that_fails_is_said_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "REPORT_S", 0.01)
    tried = threading.Semaphore(0)

    def fails(*_: object) -> None:
        tried.release()
        raise StoreError("event store db: connection refused")

    monkeypatch.setattr(module, "write_report", fails)
    store = EventStore(str(tmp_path / "events.sqlite"))
    reporter = Reporter(store, Fence("shard 1", 1), lambda: report(1))
    for _ in range(3):
        assert tried.acquire(timeout=10)
    reporter.close()
    assert caplog.messages == [
        "event store db: connection refused; the page over all shards does not hear of this one"
    ]


def test_who_was_overtaken_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPORT_S", 0.01)
    asked = 0

    def made() -> ShardReport:
        nonlocal asked
        asked += 1
        return report(1)

    store = EventStore(str(tmp_path / "events.sqlite"))
    reporter = Reporter(store, Fence("shard 1", 7), made)
    reporter._thread.join(10)
    assert (reporter._thread.is_alive(), asked) == (False, 1)
    reporter.close()
