"""What the page is told of a configuration, and what a reload changes of it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from monitor.cli.app import _WatchCommand
from monitor.cli.promotion import Promotions
from monitor.cli.watch import _reload
from monitor.cli.web import page_settings, without_secrets
from monitor.config.options import MonitorOptions
from monitor.config.outputs import EvidenceOptions, StoreOptions
from monitor.config.shard import Shard, of_shard
from monitor.errors import ConfigError
from monitor.pipeline.monitor import Monitor
from monitor.recognition.models import Models

DOOR = {"name": "door", "source": "rtsp://ann:s3cret@192.0.2.1/stream"}
STORE = {"type": "store", "url": "postgresql://har:s3cret@db/har"}


def options(**changes: Any) -> MonitorOptions:
    values = {"cameras": [DOOR], "web": {}, "sinks": [{"type": "log", "path": "x/a.jsonl"}]}
    return MonitorOptions.model_validate(values | changes).with_needed_sinks()


def test_the_page_has_a_store_and_evidence_beside_the_alert_log() -> None:
    made = options()
    assert made.store == StoreOptions(url="x/events.sqlite")
    assert made.evidence == EvidenceOptions(folder=Path("x/evidence"))
    assert options(web=None).store is None, "without it nothing is kept"
    own = options(sinks=[{"type": "log"}, {"type": "store", "url": "mine"}])
    assert own.store == StoreOptions(url="mine")


def test_a_shard_that_serves_no_page_is_told_nothing_of_users_and_where_its_node_keeps_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = tmp_path / "one" / "shard-1" / "a"
    slot.mkdir(parents=True)
    monkeypatch.chdir(slot)
    web = {"host": "0.0.0.0", "users": "u.json", "certificate": "c.pem", "key": "k.pem"}
    store = {"type": "store", "url": "events.sqlite", "site": "home"}
    whole = options(web=web, sinks=[{"type": "log"}, {"type": "evidence"}, store])
    node = tmp_path / "one"
    own = page_settings(of_shard(whole, Shard(1, 1)), Models())
    assert (str(own.users), str(own.key), own.beside) == ("u.json", "k.pem", None)
    served = page_settings(of_shard(whole, Shard(1, 1), serves=False, node=node), Models())
    assert (served.users, served.certificate, served.key) == (None, None, None)
    assert served.beside == (node, "*/*/evidence")
    assert "1 of 1 cameras" not in served.of_shard, "the page says it of all shards"
    shared = options(sinks=[{"type": "log"}, {"type": "evidence", "folder": "/e"}, store])
    made = page_settings(of_shard(shared, Shard(1, 1), serves=False, node=node), Models())
    assert made.beside is None, "all shards keep it in one folder"


def test_it_is_told_no_password_but_that_of_its_store() -> None:
    made = options(sinks=[{"type": "log", "path": "x/a.jsonl"}, STORE])
    told = page_settings(made, Models())
    assert told.store == STORE["url"]
    assert "s3cret" not in repr(told)
    assert "s3cret" not in told.configuration
    assert [camera.source for camera in told.cameras] == ["rtsp://ann:***@192.0.2.1/stream"]
    shown = yaml.safe_load(without_secrets(made))
    assert shown["sinks"][1]["url"].startswith("postgresql://")


def test_what_every_user_sees_of_the_models_names_no_camera() -> None:
    till = {"name": "till", "box": [0, 0, 0.5, 0.5]}
    told = page_settings(options(cameras=[DOOR | {"regions": [till]}]), Models())
    assert "door" not in str(told.models)
    assert "till" not in str(told.models)


@pytest.mark.parametrize("path", ["-", "pipe"])
def test_it_needs_an_alert_log_in_a_file(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with pytest.raises(ConfigError, match="web needs an alert log in a file"):
        page_settings(options(sinks=[{"type": "log", "path": path}]), Models())


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--web", "--web 127.0.0.1:8470"),
        ("--web --headless", "--web 127.0.0.1:8470 --headless"),
        ("--web 127.0.0.1:8500 -v", "--web 127.0.0.1:8500 -v"),
        ("--web=localhost:1", "--web=localhost:1"),
    ],
)
def test_the_address_may_be_left_out(typed: str, meant: str) -> None:
    assert " ".join(_WatchCommand("har-monitor")._with_addresses(typed.split())) == meant


class Reloaded:
    """A monitor that takes whatever it is given."""

    ended = False
    models = Models()

    def reload(self, options: MonitorOptions) -> None:
        self.options = options


def test_a_reload_changes_cameras_and_neither_the_page_nor_the_sinks(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x").mkdir()
    users = {"host": "0.0.0.0", "users": "u.json", "plain_http": True}
    before = options(web=users)
    yard = {"name": "yard", "source": "rtsp://192.0.2.2/stream"}
    for changes in ({"web": {}}, {"web": None}, {"sinks": [{"type": "log", "path": "-"}]}):

        def again(changes: dict[str, Any] = changes) -> MonitorOptions:
            return options(**({"cameras": [yard], "web": users} | changes))

        found = _reload(
            "SIGHUP",
            cast(Monitor, Reloaded()),
            before,
            cast(Callable[[], MonitorOptions], again),
            Promotions(),
        )
        assert found is not None
        after, in_force, promoted = found
        assert (in_force, promoted) == (after, frozenset())
        assert [camera.name for camera in after.cameras] == ["yard"]
        assert (after.web, after.sinks) == (before.web, before.sinks)
    assert "web changes when har-monitor is started again" in caplog.text


@pytest.mark.parametrize(
    ("before", "after", "in_force", "said"),
    [
        ("log", "mail", "mail", ""),
        (None, "mail", None, "notify changes when har-monitor is started again"),
        ("log", None, "log", "notify changes when har-monitor is started again"),
        ("log", "figth", None, "refused, the old configuration stays: notify: no model alerts of"),
    ],
)
def test_a_reload_changes_who_is_told_but_not_whether_anybody_is(
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: str | None,
    after: str | None,
    in_force: str | None,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x").mkdir()

    def told(name: str | None) -> MonitorOptions:
        if name is None:
            return options(cameras=[DOOR])
        targets = [{"name": name, "type": "syslog"}]
        rules = [{"to": [name], "labels": [name if name == "figth" else "fight"]}]
        return options(cameras=[DOOR], notify={"targets": targets, "rules": rules})

    monitor = cast(Monitor, Reloaded())
    found = _reload("SIGHUP", monitor, told(before), lambda: told(after), Promotions())
    assert said in caplog.text
    if found is None:
        assert "refused" in said
        return
    notify = found[0].notify
    assert (None if notify is None else notify.targets[0].name) == in_force
