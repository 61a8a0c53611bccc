"""The MQTT target and a real Mosquitto, watched by Mosquitto's own clients."""

import gc
import json
import logging
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import jsonschema_rs
import pytest

from monitor.config.mqtt import MqttOptions
from monitor.errors import ConfigError
from monitor.notify import broker as broker_module
from monitor.notify.broker import Broker
from monitor.notify.home_assistant import discovery
from monitor.notify.message import payload
from monitor.notify.mqtt import MqttTarget
from monitor.notify.notification import (
    CameraState,
    Notification,
    NotificationKind,
    Order,
    OrderKind,
    TargetError,
)
from monitor.notify.topics import Topics
from testkit import ROOT
from testkit.alerts import alert
from testkit.fakes import wait_until
from testkit.patience import LIMIT_S
from testkit.servers.certificates import Certificates
from testkit.servers.mosquitto import Listener, Message, Mosquitto, mosquitto
from testkit.servers.relay import relay
from testkit.servers.tcp import refusing_port, silent_server

WELL = CameraState("live", "", frozenset(), True, None, 0)
BASE = "har/home"
DEVICE = "homeassistant/device/har--home--door/config"
PICTURE = b"\xff\xd8\xff\xe0 not all of a JPEG \x00\xff\xd9"
RELAXED = ("allow_anonymous true",)


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It connects again after a second at most."""
    monkeypatch.setattr(broker_module, "RETRY_S", (1, 1))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path) as one:
        yield one


@contextmanager
def target(
    server: Mosquitto | int, on_order: Callable[[Order], None] | None = lambda _: None, **more: Any
) -> Iterator[MqttTarget]:
    port = server if isinstance(server, int) else server.port
    site = more.pop("site", "home")
    options = {"name": "ha", "host": "127.0.0.1", "port": port} | more
    made = MqttTarget(MqttOptions.model_validate(options), site, on_order)
    try:
        yield made
    finally:
        made.close()
        made.close()


def notification(name: str = "n1", **changes: Any) -> Notification:
    return replace(Notification(name, NotificationKind.START, alert("a1")), **changes)


def updated(target: MqttTarget, listener: Listener, **cameras: CameraState) -> None:
    """Update until all that is published of these cameras was."""
    for name, camera in cameras.items():
        topic = f"{BASE}/{name}/dismissed_today"
        while not (found := listener.at(topic)) or found[-1].text != str(camera.dismissed_today):
            target.update(cameras)
    target.update(cameras)


def retried(target: MqttTarget, notification: Notification) -> int:
    """Send until it arrives, as the outbox does; return how often that failed."""
    failed = 0
    while True:
        try:
            target.send(notification)
        except TargetError:
            failed += 1
        else:
            return failed


def test_an_event_is_the_alert_and_why_it_is_sent(server: Mosquitto) -> None:
    one = notification(kind=NotificationKind.SUMMARY, link="http://x/1", held_back=3)
    with server.listen(f"{BASE}/door/event") as listener, target(server) as made:
        made.send(one)
        listener.until(bool)
    [event] = listener.messages
    assert (event.retained, event.qos) == (False, 1)
    told = json.loads(event.payload)
    assert told == payload(one, "home")
    assert told["kind"] == "summary"
    schema = json.loads((ROOT / "docs" / "alert.schema.json").read_text())
    jsonschema_rs.validator_for(schema).validate(told["alert"])


def test_events_are_not_retained_and_the_last_snapshot_is(
    server: Mosquitto, tmp_path: Path
) -> None:
    picture = tmp_path / "snapshot.jpg"
    picture.write_bytes(PICTURE)
    with target(server) as made:
        made.update({"door": WELL})
        made.send(notification(snapshot=picture))
    with server.listen() as listener:
        listener.said(f"{BASE}/status", "offline")
        listener.until(bool, f"{BASE}/door/snapshot")
    assert listener.at(f"{BASE}/door/snapshot") == [
        Message(f"{BASE}/door/snapshot", PICTURE, True, 1)
    ]
    assert not listener.at(f"{BASE}/door/event")


def test_a_snapshot_comes_before_its_event(server: Mosquitto, tmp_path: Path) -> None:
    picture = tmp_path / "snapshot.jpg"
    picture.write_bytes(PICTURE)
    with server.listen(f"{BASE}/door/#") as listener, target(server) as made:
        made.send(notification(snapshot=picture))
        listener.until(lambda found: len(found) == 2)
    assert [one.topic.rpartition("/")[2] for one in listener.messages] == ["snapshot", "event"]


def test_an_event_arrives_though_its_snapshot_was_deleted(
    server: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with target(server) as made:
        made.send(notification(snapshot=tmp_path / "gone.jpg"))
    where = f"notify ha: mqtt://127.0.0.1:{server.port}"
    assert f"{where}: no snapshot: {tmp_path}/gone.jpg: No such file or directory" in caplog.text


def test_a_snapshot_that_the_broker_does_not_take_does_not_stop_its_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    picture = tmp_path / "snapshot.jpg"
    picture.write_bytes(bytes(5000))
    with mosquitto(tmp_path, *RELAXED, "max_packet_size 3000") as server, target(server) as made:
        made.send(notification(snapshot=picture))
    assert "a snapshot of 5000 bytes is more than it takes at once" in caplog.text


def test_states_are_retained(server: Mosquitto) -> None:
    until = datetime.now(UTC) + timedelta(minutes=4.5)
    busy = CameraState("retrying", "no route", frozenset({"fight"}), False, until, 7)
    with server.listen() as early, target(server) as made:
        updated(made, early, door=busy)
        early.until(lambda found: found[-1].topic == DEVICE)
        with server.listen() as listener:
            listener.until(lambda found: len(found) == 9)
    assert all(one.retained for one in listener.messages)
    told = {one.topic.removeprefix(f"{BASE}/"): one.text for one in listener.messages}
    snoozed = until.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert json.loads(told.pop("door/info")) == {
        "cause": "no route", "open": ["fight"], "snoozed_until": snoozed
    }  # fmt: skip
    assert told.pop(DEVICE) == discovery(Topics("har", "home"), "door")
    assert told == {
        "status": "online",
        "door/state": "retrying",
        "door/activity": "ON",
        "door/armed": "OFF",
        "door/snooze": "5",
        "door/dismissed_today": "7",
        "door/open/fight": "ON",
    }


def test_only_what_changes_is_published_again(server: Mosquitto) -> None:
    with server.listen() as listener, target(server) as made:
        updated(made, listener, door=replace(WELL, open=frozenset({"fight"})))
        made.update({"door": replace(WELL, dismissed_today=1)})
        listener.said(f"{BASE}/door/open/fight", "OFF")
        changed = [one.topic for one in listener.messages][-4:]
    assert sorted(changed) == [
        f"{BASE}/door/activity", f"{BASE}/door/dismissed_today",
        f"{BASE}/door/info", f"{BASE}/door/open/fight",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["Tür 1", "a+b", "50% #1", "%2B", "玄関", "\N{HEBREW LETTER ALEF} x"]
)
def test_names_of_any_writing_have_topics(server: Mosquitto, name: str) -> None:
    orders: queue.Queue[Order] = queue.Queue()
    state = replace(WELL, open=frozenset({name}))
    with server.listen() as listener, target(server, orders.put, site=name) as made:
        topics = Topics("har", name)
        while not listener.at(topics.open(name, name)):
            made.update({name: state})
        made.send(Notification("n", NotificationKind.TEST, alert("a1", camera=name)))
        listener.until(bool, topics.of(name, "event"))
        server.publish(topics.of(name, "arm/set"), "ON")
        assert orders.get(timeout=LIMIT_S) == Order(OrderKind.ARM, name)


CHILD = """
import sys
from monitor.config.mqtt import MqttOptions
from monitor.notify.mqtt import MqttTarget
made = MqttTarget(MqttOptions(name="ha", host="127.0.0.1", port=int(sys.argv[1])), "home", print)
made.update({})
sys.stdin.read()
"""


def test_the_broker_says_offline_after_a_kill(server: Mosquitto) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(server.port)], stdin=subprocess.PIPE, cwd=ROOT
    )
    try:
        with server.listen(f"{BASE}/status") as listener:
            listener.said(f"{BASE}/status", "online")
            os.kill(child.pid, signal.SIGKILL)
            listener.said(f"{BASE}/status", "offline")
    finally:
        child.kill()
        child.communicate()


ORDERS = [
    ("arm/set", "ON", Order(OrderKind.ARM, "door")),
    ("arm/set", "OFF", Order(OrderKind.DISARM, "door")),
    ("snooze/set", "30", Order(OrderKind.SNOOZE, "door", 30)),
    ("snooze/set", "0.5", Order(OrderKind.SNOOZE, "door", 0.5)),
    ("snooze/set", "0", Order(OrderKind.SNOOZE, "door", 0)),
]


def test_orders_come_by_command_topics(server: Mosquitto) -> None:
    orders: queue.Queue[Order] = queue.Queue()
    with server.listen() as listener, target(server, orders.put) as made:
        updated(made, listener, door=WELL)
        for topic, payload, order in ORDERS:
            server.publish(f"{BASE}/door/{topic}", payload)
            assert orders.get(timeout=LIMIT_S) == order


MINUTES = "allowed: minutes from 0 to 10080"
NO_ORDERS = {
    "another word": ("door/arm/set", "on", "found on, allowed: ON, OFF"),
    "nothing": ("door/arm/set", "", "found , allowed: ON, OFF"),
    "too many minutes": ("door/snooze/set", "10081", f"found 10081, {MINUTES}"),
    "no number": ("door/snooze/set", "nan", f"found nan, {MINUTES}"),
    "a negative one": ("door/snooze/set", "-1", f"found -1, {MINUTES}"),
    "digits of another writing": (
        "door/snooze/set",
        "\N{ARABIC-INDIC DIGIT THREE}",
        f"found \N{ARABIC-INDIC DIGIT THREE}, {MINUTES}",
    ),
    "what would steer a terminal": (
        "door/arm/set",
        "\x1b[2Jx\ny",
        r"found \x1b[2Jx\ny, allowed: ON, OFF",
    ),
    "a long one": (
        "door/snooze/set",
        "1" * 10_000,
        f"found 1111111111111111, {MINUTES}",
    ),
    "another camera": ("cellar/arm/set", "ON", "no camera of this name is watched"),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_ORDERS)
def test_what_is_no_order_is_said_and_ignored(
    server: Mosquitto, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    topic, payload, fault = NO_ORDERS[name]
    orders: queue.Queue[Order] = queue.Queue()
    with server.listen() as listener, target(server, orders.put) as made:
        updated(made, listener, door=WELL)
        for _ in range(3):
            server.publish(f"{BASE}/{topic}", payload)
        server.publish(f"{BASE}/door/arm/set", "ON")
        assert orders.get(timeout=LIMIT_S) == Order(OrderKind.ARM, "door")
    lines = [record.getMessage() for record in caplog.records if "order" in record.getMessage()]
    at = f"notify ha: mqtt://127.0.0.1:{server.port}"
    assert lines == [f"{at}: {BASE}/{topic}: order ignored: {fault}"]


def test_orders_for_any_number_of_cameras_that_are_not_there_are_few_lines(
    server: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    orders: queue.Queue[Order] = queue.Queue()
    with server.listen() as listener, target(server, orders.put) as made:
        updated(made, listener, door=WELL)
        for number in range(20):
            server.publish(f"{BASE}/{number}/arm/set", "ON")
        server.publish(f"{BASE}/door/arm/set", "ON")
        orders.get(timeout=LIMIT_S)
    assert caplog.text.count("order ignored") == 1


def test_a_retained_order_is_ignored(server: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    orders: queue.Queue[Order] = queue.Queue()
    server.publish(f"{BASE}/door/arm/set", "OFF", "-r")
    with server.listen() as listener, target(server, orders.put) as made:
        updated(made, listener, door=WELL)
        server.publish(f"{BASE}/door/arm/set", "ON")
        assert orders.get(timeout=LIMIT_S) == Order(OrderKind.ARM, "door")
    assert "order ignored: it is retained, and would come again and again" in caplog.text


@pytest.mark.expects_errors
def test_an_order_that_fails_does_not_end_the_reading(
    server: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    heard: queue.Queue[Order] = queue.Queue()

    def fail(order: Order) -> None:
        heard.put(order)
        raise OSError("the disk is full")

    with server.listen() as listener, target(server, fail) as made:
        updated(made, listener, door=WELL)
        for _ in range(2):
            server.publish(f"{BASE}/door/arm/set", "ON")
            heard.get(timeout=LIMIT_S)
        made.send(notification())
    assert caplog.text.count("a message failed") == 1


def test_what_is_larger_than_any_order_is_not_even_read(
    server: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    orders: queue.Queue[Order] = queue.Queue()
    with server.listen() as listener, target(server, orders.put) as made:
        updated(made, listener, door=WELL)
        server.publish(f"{BASE}/door/arm/set", "x" * 100_000)
        server.publish(f"{BASE}/door/arm/set", "ON")
        assert orders.get(timeout=LIMIT_S) == Order(OrderKind.ARM, "door")
    assert "order ignored" not in caplog.text


def test_a_camera_that_goes_is_taken_away(server: Mosquitto, tmp_path: Path) -> None:
    picture = tmp_path / "snapshot.jpg"
    picture.write_bytes(PICTURE)
    with server.listen() as early, target(server) as made:
        updated(made, early, door=replace(WELL, open=frozenset({"fight"})), yard=WELL)
        made.send(notification(snapshot=picture))
        made.update({"yard": WELL})
        made.send(notification("n2", snapshot=picture))  # its last event comes late
        made.send(notification("n3", alert=alert("a2", camera="yard")))
        early.until(bool, f"{BASE}/yard/event")
        assert early.at(DEVICE)[-1].payload == b""
    with server.listen() as listener:
        listener.said(f"{BASE}/status", "offline")
    assert not [one.topic for one in listener.messages if "door" in one.topic]
    assert listener.at("homeassistant/device/har--home--yard/config")


def test_a_camera_that_went_while_nothing_ran_is_taken_away_too(
    server: Mosquitto, tmp_path: Path
) -> None:
    picture = tmp_path / "snapshot.jpg"
    picture.write_bytes(PICTURE)
    foreign = "homeassistant/device/har--homestead--door/config", "har/homestead/door/state"
    for topic in foreign:
        server.publish(topic, "{}", "-r")
    with server.listen() as listener:
        with target(server) as made:
            updated(made, listener, door=replace(WELL, open=frozenset({"fight"})))
            made.send(notification(snapshot=picture))
        listener.said(f"{BASE}/status", "offline")
        with target(server) as made:
            while (
                listener.at(DEVICE)[-1].payload or listener.at(f"{BASE}/door/snapshot")[-1].payload
            ):
                made.update({"yard": WELL})
            while listener.at(f"{BASE}/door/open/fight")[-1].payload:
                made.update({"yard": WELL})
    with server.listen() as listener:
        listener.said(f"{BASE}/status", "offline")
        listener.until(lambda found: {*foreign} <= {one.topic for one in found})
    assert not [one.topic for one in listener.messages if f"{BASE}/door" in one.topic]


def test_without_discovery_no_device_stays(server: Mosquitto) -> None:
    with server.listen() as listener:
        with target(server) as made:
            updated(made, listener, door=WELL)
            listener.until(bool, DEVICE)
        with target(server, discovery=False) as made:
            while listener.at(DEVICE)[-1].payload:
                made.update({"door": WELL})
    assert listener.at(f"{BASE}/door/state")[-1].text == "live"


def test_nothing_is_taken_away_before_the_cameras_are_known(server: Mosquitto) -> None:
    with server.listen() as listener:
        with target(server) as made:
            updated(made, listener, door=WELL)
            listener.until(bool, DEVICE)
        with target(server) as made:
            made.update({})
            made.send(notification())
            made.update({})
        listener.until(lambda found: len(found) == 2 * 2, f"{BASE}/status")
    assert all(one.payload for one in listener.messages)


def test_home_assistant_that_starts_is_told_again(server: Mosquitto) -> None:
    with server.listen() as listener, target(server) as made:
        updated(made, listener, door=WELL)
        listener.until(bool, DEVICE)
        before = len(listener.at(DEVICE))
        server.publish("homeassistant/status", "offline")
        server.publish("homeassistant/status", "online")
        while len(listener.at(DEVICE)) == before:
            made.update({"door": WELL})
        listener.until(lambda found: len(found) > before, f"{BASE}/door/state")


def test_nothing_is_lost_and_the_order_kept_while_the_broker_goes_up_and_down(
    server: Mosquitto,
) -> None:
    names = [f"n{number}" for number in range(12)]
    arrived: list[str] = []
    failed = 0
    with target(server) as made:
        for place in range(0, 12, 3):
            with server.listen(f"{BASE}/door/event") as listener:
                for name in names[place : place + 3]:
                    failed += retried(made, notification(name))
                listener.until(lambda found: f'"{name}"' in found[-1].text)  # noqa: B023
            arrived += [json.loads(one.payload)["id"] for one in listener.messages]
            server.stop()
            wait_until(lambda: not made._broker.up)  # else it would be handed over, and come later
            with pytest.raises(TargetError):
                made.send(notification("n99"))
            server.start()
    assert arrived == names
    assert failed  # it was gone for a while


def test_what_was_retained_is_there_again_after_the_broker_forgot_it(server: Mosquitto) -> None:
    with server.listen() as listener, target(server) as made:
        updated(made, listener, door=WELL)
        listener.until(bool, DEVICE)
        server.stop()
        server.start()
        with server.listen() as later:
            while not later.at(DEVICE):
                made.update({"door": WELL})
            later.said(f"{BASE}/door/state", "live")
            later.said(f"{BASE}/status", "online")


def test_what_a_frozen_broker_did_not_confirm_is_not_sent_twice(
    server: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.notify.mqtt.CONFIRM_S", 0.2)
    where = f"mqtt://127.0.0.1:{server.port}"
    with server.listen(f"{BASE}/+/event") as listener, target(server) as made:
        retried(made, notification("n1"))
        server.freeze()
        for _ in range(2):
            with pytest.raises(TargetError, match=f"^{where}: does not confirm an event$"):
                made.send(notification("n2"))
        server.thaw()
        retried(made, notification("n2"))
        retried(made, notification("n3"))
        listener.until(lambda found: "n3" in found[-1].text)
    assert [json.loads(one.payload)["id"] for one in listener.messages] == [
        "n1", "n2", "n3"
    ]  # fmt: skip


def test_one_that_only_tests_leaves_the_status_of_the_one_that_runs(server: Mosquitto) -> None:
    with server.listen() as listener, target(server) as made:
        updated(made, listener, door=WELL)
        with target(server, None) as guest:
            guest.send(notification("test", kind=NotificationKind.TEST))
        made.send(notification("n2"))
        listener.until(lambda found: "n2" in found[-1].text, f"{BASE}/door/event")
        kinds = [json.loads(one.payload)["kind"] for one in listener.at(f"{BASE}/door/event")]
        assert kinds == ["test", "start"]
        assert [one.text for one in listener.at(f"{BASE}/status")] == ["online"]


def test_two_with_the_same_site_are_told_of_each_other(
    server: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    with target(server) as one:
        one.send(notification())
        with target(server) as other:
            other.send(notification())
            while "connection lost; has another one the name har-monitor-home, too?" not in (
                caplog.text
            ):
                time.sleep(0.01)


# Users, rights, TLS.


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker with a user, who may not publish under har/home/secret/."""
    users, rights = tmp_path / "users", tmp_path / "rights"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(users), "har", "s3cret"], check=True)
    rights.write_text("user har\ntopic readwrite har/home/door/#\ntopic write har/home/status\n")
    lines = "allow_anonymous false", f"password_file {users}", f"acl_file {rights}"
    with mosquitto(tmp_path, *lines) as server:
        yield server


def test_a_user_has_a_password(guarded: Mosquitto) -> None:
    with target(guarded, user="har", password="s3cret") as made:
        made.send(notification())


@pytest.mark.parametrize("password", ["wr0ng", None])
def test_a_wrong_password_is_one_line_without_it(
    guarded: Mosquitto, password: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    line = f"mqtt://127.0.0.1:{guarded.port}: refuses the connection: Not authorized"
    user = "har" if password else None
    with target(guarded, user=user, password=password) as made:
        for _ in range(2):
            with pytest.raises(TargetError, match=f"^{line}$"):
                made.send(notification())
    assert [record.getMessage() for record in caplog.records] == [f"notify ha: {line}"]
    assert "wr0ng" not in repr(made.__dict__["_options"])


def test_the_rights_in_the_documents_are_enough(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = (ROOT / "docs" / "home-assistant.md").read_text()
    [rights] = re.findall(r"```\n(user har\n.*?)```", text, re.DOTALL)
    users, allowed = tmp_path / "users", tmp_path / "rights"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(users), "har", "s3cret"], check=True)
    subprocess.run(["mosquitto_passwd", "-b", str(users), "other", "0ther"], check=True)
    allowed.write_text(f"{rights}user other\ntopic readwrite #\n")
    lines = "allow_anonymous false", f"password_file {users}", f"acl_file {allowed}"
    orders: queue.Queue[Order] = queue.Queue()
    with (
        mosquitto(tmp_path, *lines, client=("-u", "other", "-P", "0ther")) as server,
        server.listen() as listener,
        target(server, orders.put, user="har", password="s3cret") as made,
    ):
        updated(made, listener, door=WELL)
        listener.until(bool, DEVICE)
        made.send(notification())
        server.publish(f"{BASE}/door/arm/set", "ON")
        assert orders.get(timeout=LIMIT_S) == Order(OrderKind.ARM, "door")
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]


def test_topics_that_may_not_be_read_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    [plugin] = Path("/usr/lib").glob("*/mosquitto_dynamic_security.so")
    access = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False}
    security = tmp_path / "security.json"
    security.write_text(json.dumps({"defaultACLAccess": access}))
    lines = f"plugin {plugin}", f"plugin_opt_config_file {security}"
    with mosquitto(tmp_path, *RELAXED, *lines) as server, target(server) as made:
        made.send(notification())
    line = f"notify ha: mqtt://127.0.0.1:{server.port}: har/home/+/arm/set may not be read: "
    assert f"{line}Not authorized" in caplog.text


def test_a_message_that_is_not_allowed_is_an_error(
    guarded: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    with target(guarded, user="har", password="s3cret") as made:
        with pytest.raises(TargetError, match=r": refuses an event: Not authorized$"):
            made.send(notification(alert=alert("a1", camera="secret")))
        made.send(notification("n2"))
    assert "refuses what is published: Not authorized" in caplog.text


def test_a_password_that_others_could_read_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with target(1, host="192.0.2.1", user="har", password="s3cret") as made:
        made.update({})
    where = "notify ha: mqtt://192.0.2.1:1"
    assert f"{where}: the password is sent as it is; tls: true hides it" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.fixture
def secured(tmp_path: Path, certificates: Certificates) -> Iterator[Mosquitto]:
    """A broker with TLS that asks for no certificate of its clients."""
    certificate, key = certificates.server
    lines = *RELAXED, f"certfile {certificate}", f"keyfile {key}"
    with mosquitto(tmp_path, *lines, client=("--cafile", str(certificates.ca))) as server:
        yield server


def test_tls_with_an_authority_of_ones_own(secured: Mosquitto, certificates: Certificates) -> None:
    with target(secured, tls=True, ca_file=certificates.ca) as made:
        made.send(notification())
        made.update({"door": WELL})
        with secured.listen(f"{BASE}/door/state") as listener:
            listener.said(f"{BASE}/door/state", "live")


# paho leaves a socket to the garbage collector when TLS fails.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket", "ignore:unclosed <ssl.SSLSocket"
)
@pytest.mark.parametrize("tls", [{"tls": True, "ca_file": "other"}, {"tls": True}, {}])
def test_a_certificate_that_is_not_trusted_is_refused(
    secured: Mosquitto, certificates: Certificates, tls: dict[str, Any]
) -> None:
    if "ca_file" in tls:
        tls = tls | {"ca_file": certificates.other_ca}
    expected = "its certificate is not trusted: " if tls else "connection lost"
    with target(secured, **tls) as made, pytest.raises(TargetError, match=expected):
        made.send(notification())


def test_a_client_certificate(tmp_path: Path, certificates: Certificates) -> None:
    certificate, key = certificates.server
    lines = *RELAXED, f"certfile {certificate}", f"keyfile {key}"
    asking = *lines, f"cafile {certificates.ca}", "require_certificate true"
    with mosquitto(tmp_path, *asking) as server:
        with (
            target(server, tls=True, ca_file=certificates.ca) as made,
            pytest.raises(TargetError, match=r"TLS failed: .* required|connection lost"),
        ):
            made.send(notification())
        own = {"certificate": certificate, "key": key}
        with target(server, tls=True, ca_file=certificates.ca, **own) as made:
            made.send(notification())


def test_certificates_that_cannot_be_read_are_refused(
    tmp_path: Path, certificates: Certificates
) -> None:
    certificate, _ = certificates.server
    nothing = tmp_path / "nothing.pem"
    message = f"notify ha: ca_file {nothing}: No such file or directory"
    with pytest.raises(ConfigError, match=f"^{message}$"), target(1, tls=True, ca_file=nothing):
        pass
    empty = tmp_path / "empty.pem"
    empty.touch()
    both = {"certificate": certificate, "key": empty}
    message = f"notify ha: certificate {certificate}, key {empty}: TLS failed: "
    with pytest.raises(ConfigError, match=f"^{message}"), target(1, tls=True, **both):
        pass


def test_a_broker_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    with refusing_port() as port, target(port) as made:
        line = f"mqtt://127.0.0.1:{port}: Connection refused"
        for _ in range(2):
            with pytest.raises(TargetError, match=f"^{line}$"):
                made.send(notification())
        made.update({"door": WELL})
    assert [record.getMessage() for record in caplog.records] == [f"notify ha: {line}"]


def test_a_broker_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.notify.mqtt.CONFIRM_S", 0.2)
    with (
        silent_server() as port,
        target(port) as made,
        pytest.raises(TargetError, match="does not answer"),
    ):
        made.send(notification())


def test_a_broker_that_knows_no_mqtt_5(server: Mosquitto) -> None:
    with (
        relay(server.port, old=True) as old,
        server.listen() as listener,
        target(old.port) as made,
    ):
        made.send(notification())
        updated(made, listener, door=WELL)
        listener.until(bool, f"{BASE}/door/event")
        old.cut()
        with pytest.raises(TargetError):
            made.send(notification("n2"))
        old.mend()
        retried(made, notification("n2"))
        assert old.refused == 1  # it is not asked again


class _Babbler(BaseRequestHandler):
    """Answers with something that is no MQTT."""

    said = b""

    def handle(self) -> None:
        self.request.recv(4096)
        self.request.sendall(self.said)
        self.request.recv(4096)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x20\x03\x00\x4d\x00",  # a reason that there is not
        b"\x20\x03\x00\x00\x00\x30\x05\x00\x03\xff\xff\xff",  # a topic that is no UTF-8
        b"\x20\x03\x00\x00\x00\x90\x01\x00",  # half of an answer
        b"\x20\x03\x00\x00\x00\x90\x04\x00\x01\x00\x00",  # to one of the topics alone
    ],
)
def test_what_is_no_broker_is_an_error_and_asked_again(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.notify.mqtt.CONFIRM_S", 0.5)
    answer = type("Answer", (_Babbler,), {"said": said})
    with ThreadingTCPServer(("127.0.0.1", 0), answer) as babbler:
        thread = threading.Thread(target=babbler.serve_forever, args=(0.02,))
        thread.start()
        with target(babbler.server_address[1]) as made:
            for _ in range(2):
                with pytest.raises(TargetError, match=r"connection lost|does not answer"):
                    made.send(notification())
        babbler.shutdown()
        thread.join()


class _Silent(BaseRequestHandler):
    """Takes a connection, reads all, and confirms nothing."""

    def handle(self) -> None:
        self.request.recv(4096)
        self.request.sendall(b"\x20\x03\x00\x00\x00")
        while self.request.recv(1 << 16):
            pass


def test_what_a_broker_does_not_confirm_does_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "_MOST_WAITING", 50)
    monkeypatch.setattr("monitor.notify.mqtt._GOODBYE_S", 0.1)
    with ThreadingTCPServer(("127.0.0.1", 0), _Silent) as silent:
        thread = threading.Thread(target=silent.serve_forever, args=(0.02,))
        thread.start()
        try:
            with target(silent.server_address[1]) as made:
                made.update({"door": WELL})
                assert made._broker.wait(LIMIT_S)
                states = [{"door": replace(WELL, dismissed_today=one)} for one in range(1000)]
                with pytest.raises(TargetError, match="confirms nothing"):
                    deque(map(made.update, states))
        finally:
            silent.shutdown()
            thread.join()


# paho leaves two sockets to the garbage collector then.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_on_the_thread_of_paho_does_not_end_the_target(
    server: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.notify.mqtt.CONFIRM_S", 0.2)
    usual, failed = Broker._answered, []

    def fails_once(self: Broker, *given: Any) -> None:
        if not failed:
            failed.append(True)
            raise RuntimeError("a fault")
        usual(self, *given)

    monkeypatch.setattr(Broker, "_answered", fails_once)
    with target(server) as made:
        retried(made, notification())
    assert failed
    del made
    gc.collect()
