"""The notifier within a process: a fault of one target is not the others', and orders hold."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.evidence.folder import event_name
from monitor.notify import notifier as notifier_module
from monitor.notify.arming import all_arming
from monitor.notify.notification import CameraState, Notification, Order, OrderKind
from monitor.notify.notifier import Notifier
from monitor.notify.outbox import Outbox, RowState
from monitor.notify.settings import NotifySettings
from monitor.store.store import EventStore
from testkit.alerts import alert
from testkit.fakes import wait_until

DOOR = {"door": {"state": "live", "cause": "", "open": []}}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    opened = EventStore(str(tmp_path / "events.sqlite"))
    yield opened
    opened.close()


def settings(folder: Path, *targets: dict[str, Any], **changes: Any) -> NotifySettings:
    notify = {"targets": targets} | changes
    values = {"notify": notify, "store": str(folder / "events.sqlite"), "log": None}
    return NotifySettings.model_validate(values | {"evidence": None})


@contextmanager
def working(settings: NotifySettings, store: EventStore) -> Iterator[Notifier]:
    notifier = Notifier(settings, store)
    try:
        yield notifier
    finally:
        notifier.close(1.0)
        notifier.close(0.0)


def syslog(name: str, path: Path) -> dict[str, Any]:
    return {"name": name, "type": "syslog", "address": f"unix://{path}"}


def happen(store: EventStore, name: str, hours_ago: float = 0.0) -> None:
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    store.record(alert(name, time=at), notified=True)


def states(store: EventStore) -> dict[str, dict[RowState, int]]:
    return Outbox(store).counts()


@pytest.mark.expects_errors
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_a_target_that_cannot_be_does_not_keep_the_others_from_their_work(
    tmp_path: Path, store: EventStore, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = {"name": "chat", "type": "apprise", "url": "carrierpigeon://s3cret"}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        receiving.bind(str(tmp_path / "log"))
        made = settings(tmp_path, wrong, syslog("log", tmp_path / "log"))
        with working(made, store) as notifier:
            happen(store, "a")
            notifier.wake()
            assert b'event="a"' in receiving.recv(65536)
    assert states(store) == {"chat": {RowState.WAITING: 1}, "log": {RowState.SENT: 1}}
    assert "Apprise does not take its address of carrierpigeon; its messages wait" in caplog.text
    # Of the others the notifier's process shows nothing.
    ours = [one.getMessage() for one in caplog.records if one.name.startswith("monitor.")]
    assert "s3cret" not in "".join(ours)


class Viewer:
    """A target that shows the pictures of its messages."""

    def __init__(self) -> None:
        self.seen: list[bytes | None] = []

    def send(self, notification: Notification) -> None:
        path = notification.snapshot
        self.seen.append(None if path is None else path.read_bytes())

    def update(self, cameras: Mapping[str, CameraState]) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_message_shows_the_picture_that_another_shard_has_copied(
    tmp_path: Path, store: EventStore, monkeypatch: pytest.MonkeyPatch, object_storage: None
) -> None:
    viewer, at = Viewer(), datetime.now(UTC)
    monkeypatch.setattr(notifier_module, "make_target", lambda *given: viewer)
    picture = tmp_path / "bucket" / f"{event_name('door', 'a', at)}.jpg"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"JPEG")
    found = {"evidence": tmp_path / "kept", "copies": f"file://{tmp_path}/bucket"}
    made = settings(tmp_path, {"name": "ha", "type": "mqtt", "host": "h"}).model_copy(update=found)
    with working(made, store) as notifier:
        happened = alert("a", time=at, start_time=at, shard="2/3", epoch=1)
        store.record(happened, notified=True)
        notifier.wake()
        wait_until(lambda: bool(viewer.seen))
    assert viewer.seen == [b"JPEG"]


@pytest.mark.expects_errors
def test_what_is_given_up_is_said(
    tmp_path: Path, store: EventStore, caplog: pytest.LogCaptureFixture
) -> None:
    happen(store, "old", 2)
    happen(store, "new")
    nobody = syslog("log", tmp_path / "nobody")
    with working(settings(tmp_path, nobody, give_up_h=1), store):
        wait_until(lambda: "notify log: 1 message is given up after 1 h" in caplog.text)
        wait_until(lambda: "nobody: no such file or directory; messages wait" in caplog.text)
    assert states(store) == {"log": {RowState.WAITING: 1, RowState.GIVEN_UP: 1}}


def test_a_clock_that_is_set_forward_gives_nothing_up(
    tmp_path: Path,
    store: EventStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    real_ms, days_ms = notifier_module._now_ms, 2 * 24 * 3_600_000
    rules = [{"to": ["log"], "escalate_min": 15, "escalate_to": ["boss"]}]
    nobody = [syslog(name, tmp_path / "nobody") for name in ("log", "boss")]
    with working(settings(tmp_path, *nobody, rules=rules), store) as notifier:
        happen(store, "a")
        notifier.wake()
        wait_until(lambda: "messages wait" in caplog.text)
        monkeypatch.setattr(notifier_module, "_now_ms", lambda: real_ms() + days_ms)
        happen(store, "b", -48)
        notifier.wake()
        wait_until(lambda: states(store).get("log") == {RowState.WAITING: 2})
        # Nor is it due too soon.
        wait_until(lambda: Outbox(store).head("boss", real_ms() + days_ms) is None)
    assert "given up" not in caplog.text
    assert set(states(store)["log"]) == {RowState.WAITING}


def test_orders_of_users_hold_and_those_of_unknown_cameras_are_refused(
    tmp_path: Path, store: EventStore, caplog: pytest.LogCaptureFixture
) -> None:
    made = settings(tmp_path, syslog("log", tmp_path / "nobody"))
    with working(made, store) as notifier:
        notifier.tell(DOOR)
        notifier.order(Order(OrderKind.DISARM, "door"))
        notifier.order(Order(OrderKind.SNOOZE, "yard", 5))
        happen(store, "a")
        notifier.wake()
        wait_until(lambda: not Outbox(store).news(1))
    assert states(store) == {}
    assert [name for name, one in all_arming(store).items() if not one.armed] == ["door"]
    assert "snooze of an unknown camera yard" in caplog.text
