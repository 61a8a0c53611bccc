"""Lines of alert logs that the store never got: what the next process has it take in."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import monitor.store.missed
from monitor.errors import SinkError
from monitor.events.alert import AlertEvent
from monitor.events.alert_log import AlertLogSink, ShadowLogSink
from monitor.events.dispatcher import Dispatcher
from monitor.notify.outbox import Outbox
from monitor.states import EndReason
from monitor.store.event import Verdict
from monitor.store.lease import Fence, Holder, Leases
from monitor.store.missed import LATELY
from monitor.store.sink import StoreSink
from monitor.store.store import EventStore
from testkit.alerts import alert
from testkit.fakes import wait_until

NOW = datetime.now(UTC)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "alerts.jsonl"


def start(name: str, ago_s: float = 60, **changes: object) -> AlertEvent:
    values = {"time": NOW - timedelta(seconds=ago_s), "shard": "1/2", "epoch": 1}
    return alert(name, **(values | changes))


def end(of: AlertEvent, reason: EndReason = EndReason.SCORE_FELL) -> AlertEvent:
    return of.model_copy(update={"event": "end", "end_s": 9.0, "reason": reason, "decided_s": 11.0})


def write(path: Path, *alerts: AlertEvent, max_bytes: int = 1 << 20) -> None:
    sink = AlertLogSink(path, max_bytes=max_bytes, keep=3)
    for one in alerts:
        sink.write(one)
    sink.close()


def begin(where: str, log: Path | None, *left: Path, notified: bool = True) -> int:
    """What the next process does first; how often it said that there is news."""
    woken: list[None] = []
    on_news = (lambda: woken.append(None)) if notified else None
    sink = StoreSink(where, log, on_news, left_logs=lambda: left)
    sink.begin()
    sink.close()
    return len(woken)


def found(store: EventStore) -> dict[str, bool]:
    return {event.id: event.open for event in store.all()}


def news(store: EventStore) -> list[tuple[str, str, bool]]:
    some = Outbox(store).news(99)
    alerts = [AlertEvent.model_validate_json(text) for _, text, _ in some]
    return [(one.id, one.event, fresh) for one, (_, _, fresh) in zip(alerts, some, strict=True)]


def test_what_was_logged_and_not_recorded_is_taken_in_and_notified_once(
    where: str, store: EventStore, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    a, b, c = start("a"), start("b"), start("c")
    write(log, a, b, end(a), end(b), c)
    store.record(a, notified=True)
    assert begin(where, log) == 1
    assert found(store) == {"a": False, "b": False, "c": True}, "whoever has the log ends c"
    assert news(store) == [
        ("a", "start", True),
        ("b", "start", True), ("a", "end", False), ("b", "end", False), ("c", "start", True),
    ]  # fmt: skip
    assert "4 lines that the event store had not got are taken in" in caplog.text
    assert begin(where, log) == 0, "twice is fine"
    assert len(news(store)) == 5
    assert (store.event("c").shard, store.event("c").epoch) == ("1/2", 1)


def test_without_notifications_nothing_is_news(where: str, store: EventStore, log: Path) -> None:
    write(log, start("a"))
    store.record(start("z"))
    begin(where, log, notified=False)
    assert found(store) == {"a": True, "z": True}
    assert news(store) == []


def test_rotated_lines_and_those_of_shadows_are_taken_in_too(
    where: str, store: EventStore, log: Path
) -> None:
    write(log, *(start(f"e{n}") for n in range(4)), max_bytes=1200)
    assert log.with_name("alerts.jsonl.1").exists()
    shadows = ShadowLogSink(log, max_bytes=1 << 20, keep=1)
    shadows.write(start("s", shadow=True))
    shadows.close()
    store.record(start("z"))
    begin(where, log)
    newest = {"e2", "e3"}
    assert newest | {"s"} <= found(store).keys()
    assert "s" not in [name for name, _, _ in news(store)]


def test_only_the_newest_lines_are_read(
    where: str, store: EventStore, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(log, *(start(f"e{n}") for n in range(9)))
    monkeypatch.setattr(monitor.store.missed, "NEWEST_BYTES", log.stat().st_size // 3 + 20)
    store.record(start("z"))
    begin(where, log)
    assert found(store).keys() == {"e6", "e7", "e8", "z"}


def test_what_is_old_may_have_been_pruned_and_what_comes_later_is_given_to_the_sink(
    where: str, store: EventStore, log: Path
) -> None:
    store.record(start("z"))
    write(log, start("old", LATELY.total_seconds() + 60), start("a"), start("later", -3600))
    begin(where, log)
    assert found(store).keys() == {"a", "z"}


def test_what_was_pruned_stays_so(where: str, store: EventStore, log: Path) -> None:
    old, marked, kept, missed = start("old", 900), start("m", 900), start("k", 60), start("x", 30)
    long = start("long", 900)
    store.record(long, *(one for of in (old, marked, kept) for one in (of, end(of))))
    store.review("m", Verdict(marked=True), "ann")
    store.prune(NOW - timedelta(seconds=600))
    write(log, long, old, marked, end(old), end(marked), kept, end(kept), missed, end(long))
    begin(where, log)
    assert found(store) == {"k": False, "m": False, "x": True, "long": False}


def test_what_is_older_than_all_that_the_store_has_was_missed_too(
    where: str, store: EventStore, log: Path
) -> None:
    """The very first alert of a site may be the one whose process was killed."""
    a, z = start("a", 60), start("z", 30)
    write(log, a, end(a))
    store.record(z, end(z))
    begin(where, log)
    assert found(store) == {"a": False, "z": False}


def test_a_log_that_cannot_be_read_holds_nothing_up(
    where: str, store: EventStore, tmp_path: Path, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    bad, good = tmp_path / "bad.jsonl", tmp_path / "good.jsonl"
    for name, path in (("a", bad), ("b", good)):
        write(path, start(name))
    opened = Path.open

    def refused(path: Path, *args: Any) -> Any:  # root may read all that there is
        if path == bad:
            raise PermissionError(13, "Permission denied")
        return opened(path, *args)

    monkeypatch.setattr(Path, "open", refused)
    begin(where, None, bad, good)
    assert found(store).keys() == {"b"}
    assert "bad.jsonl: permission denied; what the event store has not got" in caplog.text


def test_what_a_log_that_was_left_got_while_this_process_stood_by_is_taken_in(
    where: str, store: EventStore, tmp_path: Path
) -> None:
    left = tmp_path / "left.jsonl"
    sink = StoreSink(where, None, left_logs=lambda: [left])
    write(left, start("a").model_copy(update={"time": datetime.now(UTC)}))
    sink.begin()
    sink.close()
    assert found(store) == {"a": False}


def test_without_shards_what_comes_before_all_that_is_known_may_be_of_another_store(
    where: str, store: EventStore, log: Path
) -> None:
    one, two, three = (start(name, shard=None, epoch=None) for name in ("one", "two", "three"))
    store.record(start("z"))
    write(log, one, two, three)
    begin(where, log)
    assert found(store).keys() == {"z"}
    store.record(two)
    begin(where, log)
    assert found(store).keys() == {"two", "three", "z"}


def test_what_another_ended_meanwhile_stays_as_it_is(
    where: str, store: EventStore, log: Path
) -> None:
    a, b = start("a"), start("b")
    write(log, a, b, end(a))
    store.record(a, end(a, EndReason.MONITOR_DIED))
    begin(where, log)
    assert store.event("a").reason is EndReason.MONITOR_DIED
    assert [name for name, _, _ in news(store)] == ["b"]


def test_a_log_that_its_process_left_has_its_open_activities_ended(
    where: str, store: EventStore, tmp_path: Path
) -> None:
    left = tmp_path / "left.jsonl"
    a, b, c = start("a"), start("b"), start("c")
    write(left, a, b, end(a), c)
    store.record(a, b)
    begin(where, None, left)
    assert found(store) == {"a": False, "b": True, "c": False}, "the next holder ends b"
    assert store.event("c").reason is EndReason.MONITOR_DIED
    assert store.event("c").epoch == 1
    begin(where, None, left)
    assert [one for one in news(store) if one[0] == "c"] == [
        ("c", "start", True),
        ("c", "end", False),
    ]


def test_under_a_lease_that_was_lost_nothing_is_taken_in_and_the_next_holder_does(
    where: str, store: EventStore, log: Path
) -> None:
    ann, ben = (Holder(name, name) for name in ("ann", "ben"))
    former = Leases(store).acquire("shard 1", ann)
    assert isinstance(former, Fence)
    write(log, start("a", epoch=former.epoch))
    store.record(start("z"))
    Leases(store).release(former)
    present = Leases(store).acquire("shard 1", ben)
    assert isinstance(present, Fence)
    for fence, names in ((former, {"z"}), (present, {"a", "z"})):
        sink = StoreSink(where, log, fence=lambda fence=fence: fence)  # type: ignore[misc]
        if fence is former:
            with pytest.raises(SinkError, match="no longer of epoch 1"):
                sink.begin()
        else:
            sink.begin()
        sink.close()
        assert found(store).keys() == names
    assert store.event("a").epoch == former.epoch


def test_it_is_done_before_anything_else_and_again_if_the_store_is_gone_at_first(
    tmp_path: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(log, start("a"))
    folder, away = tmp_path / "folder", tmp_path / "away"
    away.mkdir()
    store = EventStore(str(away / "events.sqlite"))
    store.record(start("z"))
    store.close()
    sink = StoreSink(str(folder / "events.sqlite"), log, lambda: None)
    dispatcher = Dispatcher([sink])
    dispatcher.start()
    dispatcher.write(end(start("a")))
    wait_until(lambda: "alerts wait in memory" in caplog.text)
    away.rename(folder)
    store = EventStore(str(folder / "events.sqlite"))
    wait_until(lambda: found(store) == {"a": False, "z": True})
    wait_until(lambda: dispatcher.sinks[0].waiting == 0)
    assert news(store) == [("a", "start", True), ("a", "end", False)]
    assert dispatcher.close() == []
    store.close()


def test_an_end_without_a_store_does_not_wait_for_what_was_missed(
    tmp_path: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    write(log, start("a"))
    dispatcher = Dispatcher([StoreSink(str(tmp_path / "gone" / "events.sqlite"), log)])
    dispatcher.start()
    wait_until(lambda: dispatcher.sinks[0].retried > 0)
    assert dispatcher.close() == [], "it stays in the log"


def test_two_that_take_the_same_notify_of_it_once(store: EventStore) -> None:
    a = start("a")
    assert store.take_missed([a, end(a)], notified=True) == 2
    assert store.take_missed([a, end(a)], notified=True) == 0
    assert len(news(store)) == 2
    with store.reading() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM events")) == 1
