"""Shards of one site on one PostgreSQL: whatever fails, one process writes, and then the next."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from monitor.config.shard import Shard
from monitor.store.event import Event
from monitor.store.store import EventStore
from testkit.films import lively, looped, repeated
from testkit.models import motion_model
from testkit.pages import SAMPLE
from testkit.patience import LIMIT_S
from testkit.process import COMMAND, Process, har_monitor, write_config
from testkit.servers.postgres import Postgres, postgres
from testkit.servers.receiver import receiver
from testkit.servers.rtsp import rtsp_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return motion_model(tmp_path_factory.mktemp("model") / "motion.onnx")


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A camera in front of which something begins and ends every few seconds."""
    folder = tmp_path_factory.mktemp("film")
    act = "fps=25,scale=320:180,trim=duration=4,tpad=stop_mode=clone:stop_duration=4"
    once = looped(folder / "once.mp4", SAMPLE, 1, act, "libx264", "-g", "25", "-bf", "0")
    film = repeated(folder / "film.mp4", once, 20)
    with rtsp_server(film) as server:
        yield server.url


@pytest.fixture
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


def options(server: Postgres, site: str = "home") -> dict[str, Any]:
    return {
        "sinks": [
            {"type": "log", "path": "alerts.jsonl"},
            {"type": "evidence", "folder": "evidence"},
            {"type": "store", "url": server.url, "site": site},
        ]
    }


@contextmanager
def shard(
    folder: Path, camera: str, model: Path, server: Postgres, *more: str
) -> Iterator[Process]:
    """A har-monitor with a process for each camera; its files are in a folder of its own."""
    folder.mkdir(exist_ok=True)
    made = options(server) | {"workers": 1 + len(more)}
    cameras = dict.fromkeys(("door", *more), camera)
    with har_monitor(cameras, model, "--shard", "1/1", folder=folder, **made) as process:
        yield process


def lease(process: Process) -> dict[str, Any]:
    path = process.folder / "health.json"
    found: dict[str, Any] = json.loads(path.read_text())["lease"] if path.exists() else {}
    return found


def holds(process: Process, epoch: int) -> bool:
    found = lease(process)
    return (found.get("state"), found.get("epoch")) == ("held", epoch)


def stands_by(process: Process) -> bool:
    return lease(process).get("state") == "standby"


def events(server: Postgres) -> list[Event]:
    """All of the store, in their order."""
    store = EventStore(server.url)
    found = list(store.all())[::-1]
    store.close()
    return found


def open_of(server: Postgres, epoch: int) -> list[str]:
    return [event.id for event in events(server) if event.epoch == epoch and event.open]


@contextmanager
def no_new_events(server: Postgres) -> Iterator[None]:
    """Whoever writes one waits until this ends."""
    with psycopg.connect(server.url) as connection:
        connection.execute("LOCK TABLE events IN EXCLUSIVE MODE")
        yield


def all_kept(server: Postgres, process: Process) -> bool:
    """Whether the store has all that the log has."""
    return {line["id"] for line in process.alerts} <= {event.id for event in events(server)}


def evidence(process: Process) -> dict[Path, tuple[int, int]]:
    files = (path for path in (process.folder / "evidence").rglob("*") if path.is_file())
    return {path: ((found := path.stat()).st_size, found.st_mtime_ns) for path in files}


def check_epochs(server: Postgres, *processes: Process) -> None:
    """None is there twice, none of an epoch comes after one of the next, none lacks its epoch."""
    found = events(server)
    epochs = [event.epoch for event in found]
    assert None not in epochs
    assert epochs == sorted(epochs, key=lambda epoch: epoch or 0)
    assert {event.shard for event in found} == {"1/1"}
    logged = [
        (line["id"], line["event"], line["shard"], line["epoch"])
        for process in processes
        for line in process.alerts
    ]
    assert len(set(logged)) == len(logged)
    kept = {event.id: event.epoch for event in found}
    starts = [(id, epoch) for id, what, _, epoch in logged if what == "start"]
    assert [one for one in starts if kept.get(one[0]) is None] == [], "none was lost"


def status(process: Process) -> str:
    command = [*COMMAND, "--status", "--health", str(process.folder / "health.json")]
    return subprocess.run(command, capture_output=True, text=True).stdout


def test_a_standby_takes_over_from_one_that_was_killed_and_that_one_comes_back_behind_it(
    tmp_path: Path, camera: str, model: Path, server: Postgres
) -> None:
    with ExitStack() as running:
        first = running.enter_context(shard(tmp_path / "a", camera, model, server))
        first.wait_for("the lease", lambda: holds(first, 1))
        second = running.enter_context(shard(tmp_path / "b", camera, model, server))
        second.wait_for("its place behind it", lambda: stands_by(second))
        assert "stands by for shard 1/1: process" in status(second)
        assert status(second).startswith("camera") or "ok:" in status(second)
        first.wait_for("an alert that is kept", lambda: bool(events(server)))
        assert second.alerts == []
        second.popen.send_signal(signal.SIGHUP)
        later = "SIGHUP: the configuration is read again when this process takes over"
        second.wait_for("its answer", lambda: later in second.said)
        first.end(signal.SIGKILL)
        second.wait_for("the lease", lambda: holds(second, 2))
        second.wait_for("a start", lambda: 2 in {event.epoch for event in events(server)})
        second.wait_for("the end of what was left open", lambda: not open_of(server, 1))
        third = running.enter_context(shard(tmp_path / "a", camera, model, server))
        third.wait_for("its place behind it", lambda: stands_by(third))
        assert "cameras: 1 stay, 0 leave, 0 come" in second.said
        assert second.end() == 0
        third.wait_for("the lease, which was given back", lambda: holds(third, 3))
        third.wait_for("a start", lambda: 3 in {event.epoch for event in events(server)})
        assert third.end() == 0
    check_epochs(server, second, third)
    assert "stands by" in second.said
    assert {1, 2, 3} <= {event.epoch for event in events(server)}


def test_one_that_was_killed_is_itself_again_at_once(
    tmp_path: Path, camera: str, model: Path, server: Postgres
) -> None:
    with shard(tmp_path / "a", camera, model, server) as process:
        process.wait_for("an alert", lambda: bool(process.alerts))
        process.end(signal.SIGKILL)
    with shard(tmp_path / "a", camera, model, server) as process:
        process.wait_for("the next epoch", lambda: holds(process, 2))
        assert "stands by" not in process.said, "it did not have to wait"
        assert process.end() == 0
    check_epochs(server, process)


@pytest.mark.parametrize("more", [(), ("yard",)], ids=["one process", "two processes"])
def test_one_that_was_frozen_writes_nothing_when_it_thaws_and_ends(
    tmp_path: Path, camera: str, model: Path, server: Postgres, more: tuple[str, ...]
) -> None:
    """What watches for it in processes of its own is not frozen, and keeps no evidence either.

    What it had logged, and not brought to the store, the next process beside its log does.
    """
    with (
        shard(tmp_path / "a", camera, model, server, *more) as first,
        shard(tmp_path / "b", camera, model, server, *more) as second,
    ):
        for process in (first, second):
            process.wait_for("a lease", lambda process=process: bool(lease(process)))
        held, other = (first, second) if holds(first, 1) else (second, first)
        held.wait_for("an open clip", lambda: any(p.suffix == ".mp4" for p in evidence(held)))
        with no_new_events(server):
            held.wait_for("a start that is only logged", lambda: not all_kept(server, held))
            held.popen.send_signal(signal.SIGSTOP)
        lines = held.alerts
        other.wait_for("the lease", lambda: holds(other, 2))
        files = evidence(held)
        other.wait_for("a start", lambda: 2 in {event.epoch for event in events(server)})
        other.wait_for("the end of what was left open", lambda: not open_of(server, 1))
        before = [event for event in events(server) if event.epoch == 1]
        held.popen.send_signal(signal.SIGCONT)
        assert held.popen.wait(LIMIT_S) == 3
        assert held.alerts == lines
        assert evidence(held) == files
        facts = [path for path in files if path.suffix == ".json"]
        assert {json.loads(path.read_text())["epoch"] for path in facts} == {1}
        assert [event for event in events(server) if event.epoch == 1] == before
        assert "error: lease shard 1 was taken over: it has epoch 2, of process" in held.said
        assert not all_kept(server, held)
        other.wait_for("more alerts", lambda: len(other.alerts) > 2)
        assert other.end() == 0
    with shard(held.folder, camera, model, server, *more) as third:
        third.wait_for("the lease, which was given back", lambda: holds(third, 3))
        third.wait_for("what its log said before", lambda: all_kept(server, third))
        assert third.end() == 0
    check_epochs(server, other, third)


def test_while_postgresql_is_gone_alerts_wait_and_the_holder_stays(
    tmp_path: Path, camera: str, model: Path, server: Postgres
) -> None:
    with (
        shard(tmp_path / "a", camera, model, server) as first,
        shard(tmp_path / "b", camera, model, server) as second,
    ):
        first.wait_for("an alert that is kept", lambda: bool(events(server)))
        held, other = (first, second) if holds(first, 1) else (second, first)
        other.wait_for("its place behind it", lambda: stands_by(other))
        server.stop()
        held.wait_for("the doubt", lambda: lease(held)["state"] == "unknown")
        other.wait_for("the doubt", lambda: lease(other)["state"] == "unknown")
        assert "the lease is not sure, nothing is written" in status(held)
        lines = held.alerts
        windows = held.health["door"]["windows"]
        held.wait_for("windows", lambda: held.health["door"]["windows"] > windows + 20)
        assert held.alerts == lines
        server.start()
        held.wait_for("certainty", lambda: holds(held, 1))
        held.wait_for("what waited", lambda: len(held.alerts) > len(lines))
        other.wait_for("its place behind it", lambda: stands_by(other))
        assert held.end() == 0
        other.wait_for("the lease", lambda: holds(other, 2))
        assert other.end() == 0
    check_epochs(server, first, second)


def test_another_site_and_another_number_of_shards_are_refused(
    tmp_path: Path, camera: str, model: Path, server: Postgres
) -> None:
    with shard(tmp_path / "a", camera, model, server) as process:
        process.wait_for("the lease", lambda: holds(process, 1))
        with shard(tmp_path / "b", camera, model, server) as other:
            other.wait_for("its place behind it", lambda: stands_by(other))
            assert other.end() == 0
        for site, of in (("depot", "1/1"), ("home", "1/2"), ("home", "2/2")):
            folder = tmp_path / f"{site} {of.replace('/', ' ')}"
            folder.mkdir()
            write_config(
                folder / "m.yaml", {f"c{n}": camera for n in range(8)}, **options(server, site)
            )
            done = subprocess.run(
                [*COMMAND, "--headless", "--model", model, "--config", "m.yaml", "--shard", of],
                cwd=folder, capture_output=True, text=True, timeout=LIMIT_S,
            )  # fmt: skip
            assert done.returncode == 2
            assert "its leases are of the site home in 1 shards, and process" in done.stderr
            assert "s3cret" not in done.stderr
        assert process.end() == 0


def test_of_the_notifiers_of_a_site_one_notifies_and_then_the_next(
    tmp_path: Path, camera: str, model: Path, server: Postgres
) -> None:
    names = [next(n for n in map(str, range(99)) if Shard(part, 2).has(n)) for part in (1, 2)]
    with receiver() as hook, ExitStack() as running:
        target = {"name": "hook", "type": "webhook", "url": f"{hook.url}/", "allow_private": True}
        made = options(server) | {"notify": {"targets": [target | {"secret": "s3cret"}]}}

        def start(part: int) -> Process:
            folder = tmp_path / f"shard {part}"
            folder.mkdir(exist_ok=True)
            of = ("--shard", f"{part}/2")
            cameras = dict.fromkeys(names, camera)
            return running.enter_context(har_monitor(cameras, model, *of, folder=folder, **made))

        def told(camera: str) -> list[tuple[str, str, int]]:
            found = [json.loads(one.content) for one in hook.got]
            alerts = [one["alert"] | {"kind": one["kind"]} for one in found]
            return [
                (one["kind"], one["id"], one["epoch"]) for one in alerts if one["camera"] == camera
            ]

        first = start(1)
        first.wait_for("a message", lambda: bool(told(names[0])))
        second = start(2)
        second.wait_for("a message by the notifier of the other", lambda: bool(told(names[1])))
        assert list(first.health) == [names[0]]
        assert list(second.health) == [names[1]]
        first.end(signal.SIGKILL)
        count = len(told(names[1]))
        second.wait_for("a message by its own", lambda: len(told(names[1])) > count + 1)
        assert second.end() == 0
        for name, process in zip(names, (first, second), strict=True):
            messages = told(name)
            assert len(set(messages)) == len(messages)
            written = {(one["event"], one["id"], one["epoch"]) for one in process.alerts}
            assert set(messages) <= written
        assert set(told(names[1])) == written, "none was lost"


def test_a_shard_without_a_camera_waits_for_one(
    tmp_path: Path, fight_clip: Path, model: Path
) -> None:
    film = str(lively(tmp_path / "film.mp4", fight_clip))
    log, store = {"type": "log", "path": "alerts.jsonl"}, {"type": "store", "site": "home"}
    made = {"sinks": [log, store], "realtime": True}
    own, other = sorted(("a", "b", "c", "d", "e"), key=Shard(1, 2).has, reverse=True)[::4]
    assert (Shard(1, 2).has(own), Shard(1, 2).has(other)) == (True, False)
    of = ("--shard", "1/2")
    with har_monitor({other: film}, model, *of, folder=tmp_path, **made) as process:
        process.wait_for("the lease", lambda: holds(process, 1))
        assert "none of the 1 cameras is of shard 1/2: it waits for one" in process.said
        write_config(process.config, {own: film, other: film}, **made)
        process.popen.send_signal(signal.SIGHUP)
        process.wait_for("an alert", lambda: bool(process.alerts))
        write_config(process.config, {other: film}, **made)
        process.popen.send_signal(signal.SIGHUP)
        process.wait_for("its end", lambda: process.alerts[-1]["reason"] == "camera removed")
        process.wait_for("no camera", lambda: not process.health)
        assert lease(process)["state"] == "held"
        assert process.end() == 0
