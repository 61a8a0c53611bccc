"""har-monitor with notifications: events of a film and a camera, with pictures, over a restart."""

import json
import os
import random
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from monitor.cli.notifications import Notifications
from monitor.config.options import MonitorOptions
from monitor.notify.outbox import Outbox, RowState
from monitor.store.store import EventStore
from testkit.alerts import alert
from testkit.fakes import wait_until
from testkit.films import looped
from testkit.models import motion_model
from testkit.pages import SAMPLE
from testkit.process import har_monitor, write_config
from testkit.servers.postgres import postgres
from testkit.servers.receiver import Receiver, receiver
from testkit.servers.rtsp import rtsp_server


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return motion_model(tmp_path_factory.mktemp("model") / "motion.onnx")


def options(server: Receiver, url: str = "events.sqlite", **changes: Any) -> dict[str, Any]:
    """Alerts are posted, and shown in a chat with a picture."""
    hook = {"name": "hook", "type": "webhook", "url": f"{server.url}/hook", "secret": "s3cret"}
    chat = {"name": "chat", "type": "apprise", "url": f"json://127.0.0.1:{server.port}/chat"}
    notify = {"targets": [hook | {"allow_private": True}, chat]} | changes
    sinks = [{"type": "log", "path": "alerts.jsonl"}, {"type": "evidence", "folder": "evidence"}]
    return {"notify": notify, "sinks": [*sinks, {"type": "store", "url": url}]}


def posted(server: Receiver, path: str) -> list[dict[str, Any]]:
    return [json.loads(one.content) for one in server.got if one.path == path]


def told(server: Receiver) -> list[tuple[str, str]]:
    return [(one["kind"], one["alert"]["id"]) for one in posted(server, "/hook")]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_a_server_did_not_take_it_gets_after_a_restart(
    tmp_path: Path, fight_clip: Path, model: Path, kind: str
) -> None:
    if kind == "sqlite":
        _restart(tmp_path, fight_clip, model, str(tmp_path / "events.sqlite"))
    else:
        with postgres() as database:
            _restart(tmp_path, fight_clip, model, database.url)


def _restart(folder: Path, film: Path, model: Path, url: str) -> None:
    with receiver() as server:
        server.stop()
        made = options(server, url)
        with har_monitor({"film": str(film)}, model, folder=folder, **made) as process:
            process.popen.wait()
            assert "notify hook: http://127.0.0.1" in process.said
            assert "s3cret" not in process.said
            alerts = [(one["event"], one["id"]) for one in process.alerts]
        assert alerts
        store = EventStore(url)
        # A slow machine has no time left to plan all of it: it stays news, which is as durable.
        outbox = Outbox(store)
        planned = outbox.counts().get("hook", {}).get(RowState.WAITING, 0)
        assert planned + len(outbox.news(len(alerts) + 1)) == len(alerts)

        server.start()
        again = {"film": "rtsp://127.0.0.1:1/nobody"}
        with har_monitor(again, model, folder=folder, **made) as process:
            process.wait_for("all of it", lambda: len(told(server)) == len(alerts))
            assert process.end() == 0
        assert told(server) == alerts
        store.close()


def test_neither_a_kill_nor_a_reload_loses_a_message(tmp_path: Path, model: Path) -> None:
    film = looped(
        tmp_path / "f.mp4", SAMPLE, 20, "fps=25,scale=320:180", "libx264", "-g", "25", "-bf", "0"
    )
    with rtsp_server(film) as rtsp, receiver() as server:
        made = options(server)
        with har_monitor({"door": rtsp.url}, model, folder=tmp_path, **made) as process:
            process.wait_for("a message", lambda: bool(posted(server, "/hook")))
            process.wait_for("a picture", lambda: bool(posted(server, "/chat")))
            assert posted(server, "/chat")[0]["attachments"], "the message waited for it"
            process.popen.send_signal(signal.SIGKILL)
            process.popen.wait()
        store = EventStore(str(tmp_path / "events.sqlite"))
        recorded = {event.id for event in store.all()}
        with har_monitor({"door": rtsp.url}, model, folder=tmp_path, **made) as process:
            process.wait_for("it watches", lambda: process.said.count("door: watching") == 2)
            process.wait_for("all of it", lambda: recorded <= {id for _, id in told(server)})
            rules = [{"to": ["hook"], "quiet": [{}]}]
            write_config(process.config, {"door": rtsp.url}, **options(server, rules=rules))
            process.popen.send_signal(signal.SIGHUP)
            process.wait_for("the reload", lambda: "1 stay" in process.said)
            time.sleep(3)  # until the notifier has heard of the rules, too
            # Other windows: the camera begins anew, and so do its activities.
            changed = options(server, rules=rules) | {"windows": {"stride": 6}}
            write_config(process.config, {"door": rtsp.url}, **changed)
            process.popen.send_signal(signal.SIGHUP)

            def is_told_to_nobody() -> bool:
                newest = next(store.all()).id
                with store.reading() as connection:
                    told_of = Outbox(store).told(connection, newest)
                return newest not in recorded and not Outbox(store).news(1) and not told_of

            process.wait_for("the new rule", is_told_to_nobody)
            assert process.end() == 0
            assert "refused" not in process.said
        store.close()


@pytest.mark.expects_errors
def test_a_server_that_goes_up_and_down_gets_everything_in_its_order(tmp_path: Path) -> None:
    """Each message at least once; the notifier is killed meanwhile, too."""
    draw, names = random.Random(1), [f"event {n}" for n in range(200)]
    store = EventStore(str(tmp_path / "events.sqlite"))
    notifications = Notifications()
    with receiver() as server:
        made = {"sinks": options(server)["sinks"], "notify": options(server)["notify"]}
        made["notify"]["targets"].pop()
        made["sinks"][2]["url"] = str(tmp_path / "events.sqlite")
        notifications.serve(MonitorOptions.model_validate(made))
        for number, name in enumerate(names):
            store.record(alert(name, time=datetime.now(UTC)), notified=True)
            notifications.wake()
            if number % 10 == 0:
                draw.choice((server.stop, server.start))()
            if number % 70 == 69 and notifications.pid is not None:
                os.kill(notifications.pid, signal.SIGKILL)
            time.sleep(draw.random() / 10)
        server.stop()
        server.start()
        wait_until(lambda: Outbox(store).counts()["hook"] == {RowState.SENT: len(names)})
        assert list(dict.fromkeys(id for _, id in told(server))) == names
        notifications.close()
    store.close()
