"""The picture of a message, wherever it was recorded."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.evidence.folder import event_name
from monitor.evidence.places import RemoteFile
from monitor.evidence.stored_evidence import StoredEvidence
from monitor.notify.compose import Composer
from monitor.notify.fetched import FetchedSnapshots
from monitor.notify.outbox import Outbox, Row
from monitor.notify.planner import Planner
from monitor.store.store import EventStore
from testkit.alerts import alert
from testkit.fakes import Clock
from tests.monitor.notify.test_courier import NOON, NOON_S, OPTIONS

pytestmark = pytest.mark.usefixtures("object_storage")


def planned(store: EventStore, name: str, shard: str | None) -> Row:
    """The message of an event that a shard recorded, or a monitor without shards."""
    epoch = None if shard is None else 3
    happened = alert(name, time=NOON, start_time=NOON, shard=shard, epoch=epoch)
    store.record(happened, notified=True)
    Planner(Outbox(store), OPTIONS).plan(round(NOON_S * 1000))
    row = Outbox(store).head("a", round(NOON_S * 1000))
    assert row is not None
    assert row.alert.id == name
    return row


def put(bucket: Path, name: str, data: bytes) -> None:
    """The snapshot of an event in object storage."""
    path = bucket / f"{event_name('door', name, NOON)}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """Object storage."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    return folder


@pytest.fixture
def fetched(bucket: Path) -> Iterator[FetchedSnapshots]:
    """Those that come from there."""
    made = FetchedSnapshots((StoredEvidence(f"file://{bucket}", 0.0, Clock(100.0)),))
    yield made
    made.close()
    made.close()


@pytest.fixture
def composer(store: EventStore, tmp_path: Path, fetched: FetchedSnapshots) -> Composer:
    """One that looks for snapshots there as well."""
    return Composer(store, tmp_path / "evidence", None, fetched)


def test_the_snapshot_of_another_shard_comes_from_object_storage(
    store: EventStore, composer: Composer, bucket: Path, fetched: FetchedSnapshots
) -> None:
    row = planned(store, "1", "2/3")
    assert composer.compose(row, fetch=True).snapshot is None
    put(bucket, "1", b"JPEG")
    snapshot = composer.compose(row, fetch=True).snapshot
    assert snapshot is not None
    assert snapshot.suffix == ".jpg"
    assert snapshot.read_bytes() == b"JPEG"
    assert composer.compose(row).snapshot is None, "a target that shows none waits for none"
    assert snapshot.parent.stat().st_mode & 0o77 == 0, "nobody else may look at it"
    assert composer.compose(row, fetch=True).snapshot == snapshot
    fetched.close()
    assert not snapshot.parent.exists()


def test_not_more_snapshots_are_kept_than_wait_to_be_sent(
    fetched: FetchedSnapshots, caplog: pytest.LogCaptureFixture
) -> None:
    files = [
        fetched.fetch(f"{n:02}", RemoteFile(4, "1", lambda a, b: b"JPEG"[a:b])) for n in range(30)
    ]
    assert [path is not None and path.exists() for path in files] == [False] * 10 + [True] * 20
    assert fetched.fetch("x", RemoteFile(1 << 25, "1", lambda a, b: bytes(b - a))) is None
    assert caplog.records[-1].getMessage() == (
        "notify: the snapshot of event x cannot be fetched: it has 33554432 bytes"
    )


def test_one_that_is_here_is_taken_from_here(
    store: EventStore, composer: Composer, bucket: Path, tmp_path: Path
) -> None:
    row = planned(store, "1", "2/3")
    put(bucket, "1", b"there")
    put(tmp_path / "evidence", "1", b"here")
    snapshot = composer.compose(row, fetch=True).snapshot
    assert snapshot is not None
    assert snapshot.is_relative_to(tmp_path / "evidence")


def test_without_shards_nothing_is_asked_of_object_storage(
    store: EventStore, composer: Composer, bucket: Path
) -> None:
    put(bucket, "1", b"JPEG")
    assert composer.compose(planned(store, "1", None), fetch=True).snapshot is None


def test_a_message_goes_without_its_picture_if_storage_does_not_answer(
    store: EventStore, composer: Composer, bucket: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.rmdir()
    assert composer.compose(planned(store, "1", "2/3"), fetch=True).snapshot is None
    assert "there is no such folder" in caplog.text
