"""The notifier's process: killed, hung, told of other settings, ended with the watching."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pytest

from monitor.cli.notifications import (
    Notifications,
    check_labels,
    describe_notify,
    notify_settings,
)
from monitor.cli.web import without_secrets
from monitor.config.base import REVEALED
from monitor.config.options import MonitorOptions
from monitor.errors import ConfigError
from monitor.health.status import CameraSnapshot
from monitor.notify.outbox import Outbox, RowState
from monitor.recognition.models import Models
from monitor.states import CameraState
from monitor.store.store import EventStore
from testkit import ROOT
from testkit.alerts import alert
from testkit.fakes import wait_until
from testkit.process import COMMAND
from testkit.servers.receiver import Receiver, receiver


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    opened = EventStore(str(tmp_path / "events.sqlite"))
    yield opened
    opened.close()


def options(folder: Path, server: Receiver, **changes: Any) -> MonitorOptions:
    hook = {"name": "hook", "type": "webhook", "url": f"{server.url}/t0ken", "secret": "s3cret"}
    notify = {"targets": [hook | {"allow_private": True}]} | changes
    sinks = [{"type": "log", "path": str(folder / "alerts.jsonl")}]
    values = {"notify": notify, "sinks": sinks}
    return MonitorOptions.model_validate(values).with_needed_sinks()


@pytest.fixture
def notifications(tmp_path: Path, server: Receiver) -> Iterator[Notifications]:
    made = Notifications()
    made.serve(options(tmp_path, server))
    yield made
    made.close()
    made.close()


@pytest.fixture
def happen(store: EventStore) -> Callable[[str], None]:
    def happen(name: str) -> None:
        store.record(alert(name, time=datetime.now(UTC)), notified=True)

    return happen


def events(server: Receiver) -> list[str]:
    return [json.loads(posted.content)["alert"]["id"] for posted in server.got]


@pytest.mark.expects_errors
def test_a_kill_loses_nothing_and_the_next_process_goes_on(
    notifications: Notifications, server: Receiver, happen: Callable[[str], None]
) -> None:
    happen("a")
    notifications.wake()
    wait_until(lambda: events(server) == ["a"])
    killed = notifications.pid
    assert killed is not None
    cmdline = Path(f"/proc/{killed}/cmdline").read_bytes()
    assert b"notifier" in cmdline
    assert b"s3cret" not in cmdline
    os.kill(killed, signal.SIGKILL)
    happen("b")
    happen("c")
    wait_until(lambda: list(dict.fromkeys(events(server))) == ["a", "b", "c"])
    assert notifications.pid != killed


@pytest.mark.expects_errors
def test_one_that_hangs_is_ended_and_nobody_waits_for_it(
    notifications: Notifications, server: Receiver, happen: Callable[[str], None]
) -> None:
    happen("a")
    wait_until(lambda: events(server) == ["a"])
    hung = notifications.pid
    assert hung is not None
    os.kill(hung, signal.SIGSTOP)
    cameras = [CameraSnapshot(f"camera {n}", "x", CameraState.LIVE) for n in range(500)]

    def is_replaced() -> bool:
        notifications.tell(cameras)
        return notifications.pid != hung

    wait_until(is_replaced)
    happen("b")
    wait_until(lambda: list(dict.fromkeys(events(server))) == ["a", "b"])


@contextmanager
def alone(settings: str) -> Iterator[IO[bytes]]:
    """The notifier's process without a monitor: its standard error."""
    ours, its = socket.socketpair()
    with ours, its:
        process = subprocess.Popen(
            [sys.executable, "-m", "monitor.cli.notifier", str(its.fileno())],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[its.fileno()],
        )
        assert process.stdin is not None
        assert process.stderr is not None
        fcntl.fcntl(process.stderr, fcntl.F_SETPIPE_SZ, 4096)
        process.stdin.write(settings.encode())
        its.close()
        with process, process.stderr:
            process.stdin.close()
            try:
                yield process.stderr
            finally:
                process.kill()


def test_nobody_has_to_read_its_standard_error(
    tmp_path: Path, server: Receiver, happen: Callable[[str], None]
) -> None:
    server.status = 404  # each of these is a line
    other = {"type": "webhook", "url": f"{server.url}/t0ken", "allow_private": True}
    targets = [other | {"name": f"hook {number}"} for number in range(60)]
    made = options(tmp_path, server, targets=targets)
    happen("a")
    with alone(notify_settings(made).model_dump_json(context=REVEALED)) as errors:
        wait_until(lambda: len(server.got) == 60)
        happen("b")
        wait_until(lambda: len(server.got) == 120)
        assert errors.read(2048).count(b"a message is given up") > 5


def test_one_that_is_given_nothing_ends_without_a_word() -> None:
    with alone("") as errors:
        assert errors.read() == b""


def test_what_waits_at_the_end_is_sent_if_it_can_be_and_else_the_next_time(
    tmp_path: Path, server: Receiver, store: EventStore, happen: Callable[[str], None]
) -> None:
    made = Notifications()
    made.serve(options(tmp_path, server))
    happen("a")
    made.close()
    assert events(server) == ["a"], "though it had just begun"

    server.stop()
    made = Notifications()
    made.serve(options(tmp_path, server))
    happen("b")
    made.close()
    assert Outbox(store).counts()["hook"] == {RowState.SENT: 1, RowState.WAITING: 1}

    server.start()
    made = Notifications()
    made.serve(options(tmp_path, server))
    wait_until(lambda: events(server) == ["a", "b"])
    made.close()


def test_other_settings_are_in_force_at_once(
    tmp_path: Path,
    server: Receiver,
    notifications: Notifications,
    happen: Callable[[str], None],
) -> None:
    happen("a")
    wait_until(lambda: events(server) == ["a"])
    pid = notifications.pid
    names = [f"b{n}" for n in range(1000)]
    with receiver() as other:
        notifications.renew(options(tmp_path, other))
        told = iter(names)

        def is_told_elsewhere() -> bool:
            happen(next(told))
            return bool(other.got)

        wait_until(is_told_elsewhere)
        count = 1000 - len(list(told))
        wait_until(lambda: len(server.got) + len(other.got) == 1 + count)
        assert [*events(server), *events(other)] == ["a", *names[:count]]
    assert notifications.pid == pid


def test_a_label_that_no_model_has_is_an_error(tmp_path: Path, server: Receiver) -> None:
    rules = [{"to": ["hook"], "labels": ["fight", "figth"]}]
    wrong = options(tmp_path, server, rules=rules)
    with pytest.raises(ConfigError, match=r"^notify: no model alerts of figth; labels: fight$"):
        check_labels(wrong, Models())
    check_labels(options(tmp_path, server), Models())


def test_neither_a_check_nor_the_page_shows_a_secret(tmp_path: Path, server: Receiver) -> None:
    path = tmp_path / "monitor.yaml"
    made = options(tmp_path, server)
    path.write_text(made.model_dump_json(context=REVEALED))
    assert "s3cret" in path.read_text()
    done = subprocess.run(
        [*COMMAND, "--check", "--config", str(path)],
        cwd=tmp_path, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"notify   hook: webhook {server.url}\n" in done.stdout
    for shown in (done.stdout + done.stderr, without_secrets(made), repr(notify_settings(made))):
        assert "s3cret" not in shown
        assert "t0ken" not in shown


def test_the_facts_of_a_check_have_no_secret(tmp_path: Path, server: Receiver) -> None:
    rule = {
        "to": ["hook"], "cameras": [], "labels": ["fight"], "quiet": [{"begin": "22:00"}],
        "at_most": {"count": 3, "minutes": 10}, "escalate_min": 5, "escalate_to": ["hook"],
    }  # fmt: skip
    facts = list(describe_notify(options(tmp_path, server, rules=[rule]).notify))
    assert facts == [
        ("notify", f"hook: webhook {server.url}"),
        (
            "rule",
            "fight to hook; at some times; at most 3 in 10 min; "
            "after 5 min without a review to hook",
        ),
    ]
