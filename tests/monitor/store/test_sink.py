"""The event store behind the dispatcher: what fails, waits, and is made anew."""

import json
import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import monitor.store.database
import monitor.store.rebuild
from monitor.errors import SinkError
from monitor.events.alert_log import AlertLogSink, ShadowLogSink
from monitor.events.dispatcher import Dispatcher
from monitor.notify.outbox import Outbox
from monitor.states import EndReason
from monitor.store.database import StoreError
from monitor.store.event import EventFilter, Origin, Review, Verdict
from monitor.store.journal import (
    Journal,
    PromotionLine,
    ReviewLine,
    journal_path,
    read_journal,
    read_promotions,
)
from monitor.store.lease import Fence, Holder, Leases
from monitor.store.rebuild import KeptStore, rebuild
from monitor.store.sink import StoreSink
from monitor.store.store import EventStore
from testkit.alerts import alert
from testkit.disks import fill, mounted
from testkit.fakes import wait_until
from testkit.patience import LIMIT_S
from testkit.servers.postgres import Postgres

START = alert("a")
END = START.model_copy(
    update={"event": "end", "end_s": 9.0, "reason": EndReason.SCORE_FELL, "decided_s": 11.0}
)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another program writes to the database, and does not end."""
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.rollback()
        other.close()


def ids(where: str) -> list[str]:
    store = EventStore(where)
    found = [event.id for event in store.all()]
    store.close()
    return found


def test_what_waits_for_a_locked_database_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(monitor.store.database, "LOCKED_S", 0.05)
    path = tmp_path / "events.sqlite"
    EventStore(str(path)).close()
    dispatcher = Dispatcher([StoreSink(str(path), None)])
    dispatcher.start()
    with held(path):
        dispatcher.write(START)
        dispatcher.write(alert("b"))
        wait_until(lambda: dispatcher.sinks[0].retried > 0)
        assert dispatcher.sinks[0].waiting == 2
    wait_until(lambda: dispatcher.sinks[0].waiting == 0)
    assert dispatcher.close() == []

    assert sorted(ids(str(path))) == ["a", "b"]
    assert "database is locked; alerts wait in memory" in caplog.text


def test_a_server_that_is_restarted_loses_nothing(server: Postgres) -> None:
    sink = StoreSink(server.url, None)
    sink.write(START)
    server.stop()
    try:
        with pytest.raises(SinkError) as error:
            sink.write(END)
    finally:
        server.start()
    sink.write(END)
    sink.close()

    assert "s3cret" not in str(error.value)
    store = EventStore(server.url)
    assert not store.event("a").open
    store.close()


def until_it_fails(sink: StoreSink) -> str:
    """What the sink says when it takes no more."""
    for number in range(1000):
        try:
            sink.write(alert(f"more-{number}"))
        except SinkError as error:
            return str(error)
    pytest.fail("it took everything")


def test_a_full_disk_is_a_sink_error_and_the_alert_is_written_when_there_is_room(
    tmp_path: Path,
) -> None:
    with mounted(tmp_path / "disk", "size=4m") as disk:
        sink = StoreSink(str(disk / "events.sqlite"), None)
        sink.write(START)
        fill(disk / "ballast")
        assert "full" in until_it_fails(sink)
        (disk / "ballast").unlink()
        sink.write(END)
        sink.close()
        store = EventStore(str(disk / "events.sqlite"))
        assert not store.event("a").open
        store.close()


def written_log(path: Path) -> None:
    log = AlertLogSink(path, max_bytes=2000, keep=50)
    for number in range(10):
        log.write(alert(f"e{number}"))
        log.write(END.model_copy(update={"id": f"e{number}"}))
    log.close()


def test_a_store_is_made_of_the_log_its_rotated_files_and_the_reviews(tmp_path: Path) -> None:
    log = tmp_path / "alerts.jsonl"
    written_log(log)
    with log.open("a") as file:
        file.write('{"schema": "har-monitor.alert.v2", "id": 3}\nsomething else\n')
    journal = Journal(journal_path(log))
    now = START.time
    said = (
        ("e3", Verdict(review=Review.DISMISSED, note="a shadow")),
        ("gone", Verdict(marked=True)),
        ("e3", Verdict(review=Review.CONFIRMED)),
    )
    for name, verdict in said:
        journal.write(ReviewLine(id=name, time=now, by="ann", verdict=verdict))
    journal.close()
    store = EventStore(str(tmp_path / "events.sqlite"))

    shadow = ShadowLogSink(log, max_bytes=2000, keep=50)
    shadow.write(alert("s1", shadow=True))
    shadow.close()

    assert rebuild(store, log) == (21, 2)
    assert rebuild(store, log) == (21, 2), "twice is the same"

    assert store.count() == 11
    assert store.event("s1").origin == Origin.SHADOW
    assert not any(event.open for event in store.all(EventFilter()))
    event = store.event("e3")
    assert (event.review, event.note, event.reviewer) == (Review.CONFIRMED, "a shadow", "ann")
    assert event.reviewed_at == now
    store.close()


@pytest.mark.expects_errors
def test_a_damaged_store_is_moved_aside_and_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log, path = tmp_path / "alerts.jsonl", tmp_path / "events.sqlite"
    written_log(log)
    path.write_bytes(b"no database at all" * 500)

    store = KeptStore(str(path), log)

    assert store.count() == 10
    store.close()
    (aside,) = tmp_path.glob("events.sqlite.damaged-*")
    assert aside.read_bytes().startswith(b"no database")
    assert "made of 20 alerts and 0 reviews" in caplog.text


@pytest.mark.expects_errors
def test_a_store_whose_damage_shows_when_it_is_read_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor.store.rebuild, "RETRY_S", 0.0)
    log, path = tmp_path / "alerts.jsonl", tmp_path / "events.sqlite"
    written_log(log)
    store = EventStore(str(path))
    rebuild(store, log)
    store.close()
    page = 4096
    with path.open("r+b") as file:  # all but the list of the tables, and the revision
        file.seek(2 * page)
        file.write(b"\xff" * (path.stat().st_size - 2 * page))
    sink = StoreSink(str(path), log)

    sink.write(START)
    sink.close()

    assert len(ids(str(path))) == 11
    assert len(list(tmp_path.glob("events.sqlite.damaged-*"))) == 1


def test_a_store_that_is_deleted_is_made_anew_by_whoever_needs_it_first(tmp_path: Path) -> None:
    log, path = tmp_path / "alerts.jsonl", tmp_path / "events.sqlite"
    written_log(log)
    page, sink = KeptStore(str(path), log), StoreSink(str(path), log)
    sink.write(START)
    assert page.count() == 11
    for file in tmp_path.glob("events.sqlite*"):
        file.unlink()

    assert page.count() == 10, "as the log says; START is in no log"
    sink.write(START)
    assert page.count() == 11
    sink.close()
    page.close()


def test_a_new_store_beside_an_old_log_has_its_events(tmp_path: Path) -> None:
    log = tmp_path / "alerts.jsonl"
    written_log(log)
    store = KeptStore(str(tmp_path / "events.sqlite"), log)
    assert store.count() == 10
    store.close()


def test_a_store_that_was_pruned_is_not_made_anew(tmp_path: Path) -> None:
    log, path = tmp_path / "alerts.jsonl", tmp_path / "events.sqlite"
    written_log(log)
    store = KeptStore(str(path), log)
    assert store.count() == 10
    store.prune(datetime.now(UTC) + timedelta(days=1))
    store.close()
    assert store.count() == 0, "nothing comes back"
    store.close()


def test_who_was_overtaken_does_not_fill_a_new_store_either(where: str, tmp_path: Path) -> None:
    log = tmp_path / "alerts.jsonl"
    written_log(log)
    store = EventStore(where)
    leases = Leases(store)
    former = leases.acquire("x", Holder("a", "ann"))
    assert isinstance(former, Fence)
    leases.acquire("x", Holder("a", "ann"))
    sink = StoreSink(where, log, fence=lambda: former)

    with pytest.raises(SinkError, match="the lease x is no longer of epoch 1"):
        sink.begin()
    with pytest.raises(SinkError, match="the lease x is no longer of epoch 1"):
        sink.write(START)
    assert store.count() == 0
    sink.close()
    store.close()


def test_a_store_that_cannot_be_opened_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor.store.rebuild, "RETRY_S", 0.0)
    store = KeptStore(str(tmp_path / "gone" / "events.sqlite"), None)
    with pytest.raises(StoreError, match="no such file or directory"):
        store.count()
    (tmp_path / "gone").mkdir()
    assert store.count() == 0
    store.close()


def test_a_log_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "alerts.jsonl")
    store = KeptStore(str(tmp_path / "events.sqlite"), tmp_path / "alerts.jsonl")
    assert store.count() == 0
    store.close()


def test_lines_that_the_store_cannot_hold_are_passed_over(tmp_path: Path) -> None:
    log = tmp_path / "alerts.jsonl"
    written_log(log)
    strange = json.loads(alert("x").model_dump_json())
    with log.open("a") as file:
        for changes in (
            {"camera": "\ud800"}, {"time": "9999-12-31T23:59:59.9999Z"},
            {"start_time": "0001-01-01T00:00:00+14:00"}, {"trace": [[-1e308, 0], [1e308, 1e308]]},
        ):  # fmt: skip
            file.write(json.dumps(strange | {"id": str(changes)[:9].strip("{'")} | changes) + "\n")
    store = EventStore(str(tmp_path / "events.sqlite"))
    assert rebuild(store, log)[0] >= 20
    assert len(store.page()[0]) == store.count()
    store.close()


def test_lines_that_are_no_reviews_are_told_and_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "alerts.reviews.jsonl"
    path.write_text('{"id": "a"}\n[]\n\x00\n')
    caplog.set_level(logging.WARNING)
    assert list(read_journal(path)) == []
    assert "3 lines that are no reviews were passed over" in caplog.text


def test_the_last_promotion_of_each_camera_counts_and_is_no_review(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "alerts.reviews.jsonl"
    journal = Journal(path)
    lines = [
        PromotionLine(
            camera=camera, time=START.time, by="ann", promoted=promoted, model="a", shadow="b"
        )
        for camera, promoted in (("door", True), ("yard", True), ("door", False))
    ]
    journal.write(lines[0])
    journal.write(ReviewLine(id="a", time=START.time, by="ann", verdict=Verdict(marked=True)))
    for line in lines[1:]:
        journal.write(line)
    journal.close()

    assert read_promotions(path) == {"door": lines[2], "yard": lines[1]}
    assert [line.id for line in read_journal(path)] == ["a"]
    assert read_promotions(tmp_path / "none") == {}
    assert not caplog.records


def test_two_processes_may_make_a_store_at_once(where: str) -> None:
    program = f"from monitor.store.store import EventStore; EventStore({where!r}).close()"
    made = [
        subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [process.communicate(timeout=LIMIT_S)[1] for process in made] == [""] * 4


def test_news_are_recorded_if_somebody_is_told_and_shadows_are_told_to_nobody(
    tmp_path: Path,
) -> None:
    where, told = str(tmp_path / "events.sqlite"), []
    sink = StoreSink(where, None, lambda: told.append(ids(where)))
    for one in (START, END, alert("s", shadow=True)):
        sink.write(one)
    sink.close()
    assert told == [["a"], ["a"]], "once it was recorded"
    quiet = StoreSink(where, None)
    quiet.write(alert("b"))
    quiet.close()

    store = EventStore(where)
    assert [fresh for _, _, fresh in Outbox(store).news(9)] == [True, False]
    assert store.count() == 3
    store.close()
