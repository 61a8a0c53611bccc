"""What the metrics need and takes a while to find out."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.metrics.facts import STALE_S, Evidence, FactReader, Facts, Reviews
from monitor.store.event import Review, Verdict
from monitor.store.rebuild import KeptStore
from testkit.alerts import alert
from testkit.fakes import Clock, wait_until


def test_disks_and_evidence_are_read(tmp_path: Path) -> None:
    reader = FactReader(
        folders={"log": tmp_path}, evidence=lambda: Evidence(3, 10), delay_s=0, period_s=0.01
    )
    assert reader.newest() == Facts(), "nothing is known before it was read"
    reader.start()
    try:
        wait_until(lambda: reader.newest() != Facts())
        facts = reader.newest()
        assert facts.evidence == Evidence(3, 10)
        assert 0 < facts.disks["log"].free_bytes < facts.disks["log"].size_bytes
        assert facts.reviews == {}
    finally:
        reader.close()
        reader.close()


def test_what_cannot_be_read_is_left_out_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "store").mkdir()
    read = threading.Semaphore(0)

    def evidence() -> Evidence | None:
        read.release()
        return None

    folders = {"log": tmp_path, "evidence": tmp_path / "none"}
    reviews = Reviews(str(tmp_path / "store"), None)  # a folder, and no database
    reader = FactReader(reviews, folders, evidence, delay_s=0, period_s=0.01)
    reader.start()
    try:
        for _ in range(5):
            read.acquire()
        facts = reader.newest()
        assert (list(facts.disks), facts.reviews) == (["log"], {})
    finally:
        reader.close()
    missing = f"metrics: disk of the evidence {tmp_path / 'none'}: no such file or directory"
    assert caplog.text.count(missing) == 1
    assert caplog.text.count("metrics: event store ") == 1
    assert caplog.text.count("reviews are left out") == 1


def test_what_was_read_long_ago_is_not_told(tmp_path: Path) -> None:
    clock = Clock()
    reader = FactReader(folders={"log": tmp_path}, delay_s=0, period_s=1000, clock=clock)
    reader.start()
    try:
        wait_until(lambda: reader.newest() != Facts())
        clock.now_s += STALE_S - 1
        assert reader.newest() != Facts()
        clock.now_s += 1
        assert reader.newest() == Facts()
    finally:
        reader.close()


def test_reviews_are_read_from_the_store(tmp_path: Path) -> None:
    where = str(tmp_path / "events.sqlite")
    store = KeptStore(where, None)
    now = datetime.now(UTC)
    store.record(
        alert("new", start_time=now - timedelta(days=29)),
        alert("old", start_time=now - timedelta(days=31)),
    )
    for id in ("new", "old"):
        store.review(id, Verdict(review=Review.DISMISSED), "ann")
    store.close()

    reviews = Reviews(where, None)
    found = reviews.read()
    reviews.close()
    reviews.close()
    assert {key[2]: count for key, count in found.items()} == {
        "confirmed": 0,
        "dismissed": 1,
        "relabelled": 0,
    }
