"""har-monitor notify, as it is typed."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.config.options import MonitorOptions
from monitor.config.yaml_file import load
from monitor.notify.arming import all_arming
from monitor.notify.outbox import Outbox
from monitor.notify.planner import Planner
from monitor.store.store import EventStore
from testkit import ROOT
from testkit.alerts import alert
from testkit.process import COMMAND
from testkit.servers.mosquitto import mosquitto
from testkit.servers.receiver import receiver

CONFIG = """
cameras: [{{name: door, source: rtsp://192.0.2.1/stream}}]
sinks: [{{type: log, path: alerts.jsonl}}]
notify:
  targets:
  - {{name: hook, type: webhook, url: '{url}/t0ken', secret: s3cret, allow_private: true}}
  - {{name: chat, type: apprise, url: '{service}/t0ken'}}
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, "notify", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    assert "s3cret" not in done.stdout + done.stderr
    assert "t0ken" not in done.stdout + done.stderr
    return done


def configure(folder: Path, url: str) -> list[str]:
    text = CONFIG.format(url=url, service=url.replace("http", "json"))
    (folder / "monitor.yaml").write_text(text)
    return ["--config", "monitor.yaml"]


def test_a_test_says_in_a_line_whether_the_message_arrived(tmp_path: Path) -> None:
    with receiver() as server:
        config = configure(tmp_path, server.url)
        for target in ("hook", "chat"):
            done = run(tmp_path, "test", target, *config)
            assert (done.returncode, done.stdout, done.stderr) == (0, f"{target}: sent\n", "")
        assert [json.loads(posted.content)["title"] for posted in server.got] == [
            "Test of har-monitor"
        ] * 2
        server.status = 404
        done = run(tmp_path, "test", "hook", *config)
        assert done.returncode == 1
        assert done.stderr == f"error: hook: {server.url}: answered 404 Not Found\n"
    assert run(tmp_path, "test", "chat", *config).stderr == (
        "error: chat: json: could not be reached, or refused it\n"
    )
    done = run(tmp_path, "test", "fax", *config)
    assert (done.returncode, done.stderr) == (
        2,
        "error: no target is named fax; targets: hook, chat\n",
    )


def test_the_status_says_what_waits_and_what_was_given_up(tmp_path: Path) -> None:
    config = configure(tmp_path, "http://127.0.0.1:1")
    store = EventStore(str(tmp_path / "events.sqlite"))
    notify = load(tmp_path / "monitor.yaml", MonitorOptions).notify
    assert notify is not None
    outbox, now = Outbox(store), datetime.now(UTC)
    now_ms = round(now.timestamp() * 1000)
    for name in "ab":
        store.record(alert(name, time=now), notified=True)
    Planner(outbox, notify).plan(now_ms)
    row = outbox.head("hook", now_ms)
    assert row is not None
    outbox.sent(row, now_ms)
    done = run(tmp_path, "status", *config)
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[1:] == [["hook", "1", "1", "0"], ["chat", "2", "0", "0"]]

    row = outbox.head("hook", now_ms)
    assert row is not None
    outbox.refused(row, "answered 404", now_ms)
    store.close()
    done = run(tmp_path, "status", *config)
    assert done.returncode == 1
    assert done.stdout.splitlines()[1].split() == ["hook", "0", "1", "1", "answered", "404"]


def test_a_camera_is_made_silent_and_heard_again(tmp_path: Path) -> None:
    config = configure(tmp_path, "http://127.0.0.1:1")
    assert "events.sqlite: no such file" in run(tmp_path, "disarm", "door", *config).stderr
    EventStore(str(tmp_path / "events.sqlite")).close()
    snoozed = run(tmp_path, "snooze", "door", "30", *config).stdout
    assert snoozed.startswith("camera door is snoozed until 20")
    assert snoozed in run(tmp_path, "status", *config).stdout
    assert run(tmp_path, "snooze", "door", "0", *config).stdout == "camera door is armed\n"
    assert run(tmp_path, "disarm", "door", *config).stdout == "camera door is disarmed\n"
    assert "camera door is disarmed\n" in run(tmp_path, "status", *config).stdout
    assert run(tmp_path, "arm", "door", *config).stdout == "camera door is armed\n"
    store = EventStore(str(tmp_path / "events.sqlite"))
    assert not all_arming(store)["door"].silent(0)
    store.close()
    done = run(tmp_path, "disarm", "dor", *config)
    assert (done.returncode, done.stderr) == (
        2,
        "error: no camera is named dor; cameras: door\n",
    )


@pytest.mark.parametrize("order", ["test", "status", "arm"])
def test_a_configuration_without_targets_is_an_error(tmp_path: Path, order: str) -> None:
    (tmp_path / "monitor.yaml").write_text("cameras: []\n")
    names = [] if order == "status" else ["door"]
    done = run(tmp_path, order, *names, "--config", "monitor.yaml")
    assert (done.returncode, done.stderr) == (2, "error: the configuration has no notify\n")


def test_a_test_says_without_the_password_that_a_broker_refuses_it(tmp_path: Path) -> None:
    users = tmp_path / "users"
    with mosquitto(tmp_path) as server:  # skips the test if there is none
        server.stop()
        subprocess.run(["mosquitto_passwd", "-c", "-b", str(users), "har", "right"], check=True)
        server.lines = "allow_anonymous false", f"password_file {users}"
        server.start()
        target = f"{{name: ha, type: mqtt, host: 127.0.0.1, port: {server.port}, user: har"
        (tmp_path / "monitor.yaml").write_text(
            f"notify: {{targets: [{target}, password: s3cret}}]}}\n"
            "sinks: [{type: store, url: events.sqlite}]\n"
        )
        done = run(tmp_path, "test", "ha", "--config", "monitor.yaml")
    where = f"mqtt://127.0.0.1:{server.port}"
    assert done.returncode == 1
    assert f"ha: {where}: refuses the connection: Not authorized" in " ".join(done.stderr.split())
