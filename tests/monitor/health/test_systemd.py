"""What systemd hears, over a real socket."""

import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.errors import ConfigError
from monitor.health.systemd import Systemd
from testkit.patience import LIMIT_S


@pytest.fixture(params=["in a folder", "abstract"])
def listening(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[str, socket.socket]]:
    name = str(tmp_path / "notify") if request.param == "in a folder" else f"@har-{uuid.uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{name[1:]}" if name.startswith("@") else name)
        systemd.settimeout(LIMIT_S)
        yield name, systemd


def test_it_hears_of_the_start_the_state_and_the_end(
    listening: tuple[str, socket.socket],
) -> None:
    name, systemd = listening
    told = Systemd({"NOTIFY_SOCKET": name})
    assert told.listens
    told.ready()
    told.reloading()
    told.alive()
    told.status("1 of 2 cameras watched: Tür")
    told.stopping()
    assert [systemd.recv(4096).decode() for _ in range(5)] == [
        "READY=1",
        "RELOADING=1",
        "WATCHDOG=1",
        "STATUS=1 of 2 cameras watched: Tür",
        "STOPPING=1",
    ]


def test_nothing_is_said_if_nobody_listens() -> None:
    told = Systemd({})
    assert not told.listens
    told.ready()


def test_a_name_that_is_no_socket_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^NOTIFY_SOCKET notify: not a Unix socket"):
        Systemd({"NOTIFY_SOCKET": "notify"})


def test_a_systemd_that_is_gone_is_one_line_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told = Systemd({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    for _ in range(3):
        told.alive()
    assert caplog.messages == [
        "systemd cannot be told: No such file or directory; watching goes on"
    ]


def test_a_systemd_that_does_not_read_holds_nobody_up(
    listening: tuple[str, socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    told = Systemd({"NOTIFY_SOCKET": listening[0]})
    for _ in range(2000):  # more than a socket holds; would hang here
        told.alive()
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("systemd cannot be told: ")
