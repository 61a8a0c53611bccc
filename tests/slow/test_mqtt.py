"""har-monitor, a real camera, a real Mosquitto: what Home Assistant would see, and what is lost."""

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.config.mqtt import MqttOptions
from monitor.notify import broker
from monitor.notify.mqtt import MqttTarget
from monitor.notify.notification import CameraState, Notification, NotificationKind, TargetError
from testkit.alerts import alert
from testkit.films import lively
from testkit.models import metadata, motion_model
from testkit.process import COMMAND, Process, har_monitor
from testkit.servers.mosquitto import Mosquitto, mosquitto
from testkit.servers.relay import Relay, relay
from testkit.servers.rtsp import rtsp_server

BREAKS = 20
DEVICE = "homeassistant/device/har--home--door/config"


def notify(server: Mosquitto, **more: Any) -> dict[str, Any]:
    target = {"name": "ha", "type": "mqtt", "host": "127.0.0.1", "port": server.port}
    return {"targets": [target | more]}


def test_an_alert_with_its_picture_comes_and_orders_are_obeyed(
    tmp_path: Path, fight_clip: Path
) -> None:
    film = lively(tmp_path / "film.mp4", fight_clip)
    model = motion_model(tmp_path / "m.onnx", metadata(frames=5))
    sinks = [{"type": "log"}, {"type": "evidence"}, {"type": "store"}]
    with (
        mosquitto(tmp_path) as server,
        rtsp_server(film) as camera,
        server.listen() as listener,
        har_monitor(
            {"door": camera.url}, model, folder=tmp_path, sinks=sinks, notify=notify(server)
        ) as process,
    ):
        listener.said("har/home/status", "online")
        listener.until(bool, DEVICE)
        listener.until(bool, "har/home/door/event")
        start = json.loads(listener.at("har/home/door/event")[0].payload)
        assert start["kind"] == "start"
        assert start["alert"] == process.alerts[0]
        places = [message.topic for message in listener.messages]
        picture = listener.messages[places.index("har/home/door/snapshot")]
        assert picture.payload.startswith(b"\xff\xd8")
        assert places.index(picture.topic) < places.index("har/home/door/event")
        listener.until(
            lambda found: any(one.text == "ON" for one in found), "har/home/door/activity"
        )

        server.publish("har/home/door/arm/set", "OFF")
        listener.said("har/home/door/armed", "OFF")
        server.publish("har/home/door/snooze/set", "30")
        listener.said("har/home/door/snooze", "30")

        _sends_a_test(process)
        assert [one.text for one in listener.at("har/home/status")] == ["online"]

        process.config.write_text(_renamed(process.config.read_text()))
        process.popen.send_signal(signal.SIGHUP)
        listener.said(DEVICE, "")
        listener.until(bool, DEVICE.replace("door", "yard"))
        assert process.end() == 0
        listener.said("har/home/status", "offline")
        said = process.said
    assert "Traceback" not in said


def _sends_a_test(process: Process) -> None:
    done = subprocess.run(
        [*COMMAND, "notify", "test", "ha", "--config", "monitor.yaml"],
        cwd=process.folder, capture_output=True, text=True, env=os.environ,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "ha: sent\n"), done.stderr


def _renamed(text: str) -> str:
    options = yaml.safe_load(text)
    options["cameras"][0]["name"] = "yard"
    return yaml.safe_dump(options)


def test_what_happened_while_the_broker_was_gone_is_told_and_a_kill_is_noticed(
    tmp_path: Path, fight_clip: Path
) -> None:
    film = lively(tmp_path / "film.mp4", fight_clip)
    model = motion_model(tmp_path / "m.onnx", metadata(frames=5))
    with mosquitto(tmp_path) as server, relay(server.port) as way, server.listen() as listener:
        way.cut()
        with har_monitor(
            {"door": str(film)}, model, folder=tmp_path, realtime=True,
            notify=notify(server, port=way.port),
        ) as process:  # fmt: skip
            process.wait_for("an alert", lambda: bool(process.alerts))
            process.wait_for("a line", lambda: "messages wait" in process.said)
            assert listener.messages == []
            way.mend()
            listener.until(bool, "har/home/door/event")
            first = json.loads(listener.at("har/home/door/event")[0].payload)
            assert first["alert"] == process.alerts[0]
            listener.said("har/home/status", "online")
            process.popen.kill()
            listener.said("har/home/status", "offline")


def test_nothing_is_lost_or_out_of_order_while_the_way_to_the_broker_breaks_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "RETRY_S", (0.05, 0.05))
    sent: list[str] = []
    state = CameraState("live", "", frozenset(), True, None, 0)
    with mosquitto(tmp_path) as server, relay(server.port) as way, server.listen() as listener:
        options = MqttOptions(name="ha", host="127.0.0.1", port=way.port)
        with breaking(way) as breaks, closing(MqttTarget(options, "home", print)) as target:
            while breaks[0] < BREAKS:
                sent.append(f"n{len(sent)}")
                target.update({"door": replace(state, dismissed_today=len(sent))})
                deliver(target, sent[-1])
        listener.said("har/home/status", "offline")
        arrived = [json.loads(one.payload)["id"] for one in listener.at("har/home/door/event")]
    assert list(dict.fromkeys(arrived)) == sent
    assert arrived == sorted(arrived, key=sent.index)
    assert len(arrived) <= len(sent) + breaks[0]  # what was not confirmed before a break


@contextmanager
def breaking(way: Relay) -> Iterator[list[int]]:
    """It breaks and mends, at moments by chance, until the end of the block; how often it did."""
    chance, ended, breaks = random.Random(1), threading.Event(), [0]

    def work() -> None:
        while not ended.wait(chance.uniform(0.05, 0.3)):
            way.cut()
            breaks[0] += 1
            time.sleep(chance.uniform(0, 0.2))
            way.mend()

    thread = threading.Thread(target=work, name="breaking")
    thread.start()
    try:
        yield breaks
    finally:
        ended.set()
        thread.join()


def deliver(target: MqttTarget, name: str) -> None:
    """Send it until it arrives, as a courier does."""
    while True:
        try:
            target.send(Notification(name, NotificationKind.START, alert("a1")))
        except TargetError:
            time.sleep(0.02)
        else:
            return
