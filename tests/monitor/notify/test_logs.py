"""Syslog and the journal, at real sockets."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.config.notifications import JournaldOptions, SyslogOptions
from monitor.notify.journald import JournaldTarget
from monitor.notify.notification import Notification, NotificationKind, TargetError
from monitor.notify.syslog import SyslogTarget
from testkit.alerts import ENDED, STARTED, made
from testkit.servers.tcp import refusing_port

NOTIFICATION = Notification("n1", NotificationKind.START, made(STARTED))


def syslog(address: str, **changes: str) -> SyslogTarget:
    options = SyslogOptions.model_validate({"name": "log", "address": address} | changes)
    return SyslogTarget(options, 'the "home"]')


@contextmanager
def datagrams(path: Path | None = None) -> Iterator[socket.socket]:
    family = socket.AF_INET if path is None else socket.AF_UNIX
    with socket.socket(family, socket.SOCK_DGRAM) as receiving:
        receiving.bind(("127.0.0.1", 0) if path is None else str(path))
        receiving.settimeout(10)
        yield receiving


def check(line: bytes, priority: int = 8 * 1 + 4) -> None:
    """A line of RFC 5424."""
    text = line.decode()
    head = rf"<{priority}>1 2026-05-04T03:02:01\.987Z \S+ har-monitor \d+ start "
    found = re.fullmatch(head + r"\[har-monitor@32473 (.*)\] \ufeffdoor: fight", text)
    assert found, text
    assert r'site="the \"home\"\]" id="n1" kind="start" event="a1" camera="door"' in found[1]


def test_by_udp_and_by_a_socket_of_the_machine(tmp_path: Path) -> None:
    with datagrams() as receiving:
        port = receiving.getsockname()[1]
        syslog(f"udp://127.0.0.1:{port}", facility="local3").send(NOTIFICATION)
        check(receiving.recv(65536), 8 * 19 + 4)
    with datagrams(tmp_path / "log") as receiving:
        syslog(f"unix://{tmp_path}/log").send(NOTIFICATION)
        check(receiving.recv(65536))


def test_by_tcp_the_length_comes_first() -> None:
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            for _ in range(2):
                plain, _ = listener.accept()
                with plain:
                    got.append(b"".join(iter(lambda plain=plain: plain.recv(1000), b"")))

        thread = threading.Thread(target=take)
        thread.start()
        made = syslog(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
        made.send(NOTIFICATION)
        made.send(NOTIFICATION)
        thread.join()
    for message in got:
        count, _, line = message.partition(b" ")
        assert int(count) == len(line)
        check(line)


def test_a_server_that_is_gone_is_told_of(tmp_path: Path) -> None:
    with refusing_port() as port, pytest.raises(TargetError, match="connection refused"):
        syslog(f"tcp://127.0.0.1:{port}").send(NOTIFICATION)
    with pytest.raises(TargetError, match="no such file or directory"):
        syslog(f"unix://{tmp_path}/nothing").send(NOTIFICATION)
    with pytest.raises(TargetError, match=r"udp://nothing\.invalid:514: "):
        syslog("udp://nothing.invalid:514").send(NOTIFICATION)


def test_a_server_that_breaks_the_connection_has_not_taken_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def reset() -> None:
            plain, _ = listener.accept()
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            plain.close()

        thread = threading.Thread(target=reset)
        thread.start()
        with pytest.raises(TargetError):
            syslog(f"tcp://127.0.0.1:{listener.getsockname()[1]}").send(NOTIFICATION)
        thread.join()


def test_a_server_that_never_stops_talking_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.notify.syslog._CLOSING_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def talk() -> None:
            plain, _ = listener.accept()
            with plain, suppress(OSError):
                for _ in range(100):
                    plain.sendall(b"x")
                    time.sleep(0.05)
                told.append("all that it had")

        told: list[str] = []
        thread = threading.Thread(target=talk)
        thread.start()
        syslog(f"tcp://127.0.0.1:{listener.getsockname()[1]}").send(NOTIFICATION)
        assert not told
        thread.join()


def read_entry(content: bytes) -> dict[str, str]:
    """An entry of the journal, whose fields have their lengths."""
    found = {}
    while content:
        name, _, content = content.partition(b"\n")
        length = int.from_bytes(content[:8], "little")
        found[name.decode()] = content[8 : 8 + length].decode()
        assert content[8 + length : 9 + length] == b"\n"
        content = content[9 + length :]
    return found


def test_an_entry_of_the_journal_has_fields(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    target = JournaldTarget(JournaldOptions(name="journal", socket=path), "home\nPRIORITY=0")
    with datagrams(path) as receiving:
        target.send(replace(NOTIFICATION, kind=NotificationKind.END, alert=made(ENDED)))
        entry = read_entry(receiving.recv(65536))
    assert entry["MESSAGE"] == "door: fight has ended"
    assert entry["PRIORITY"] == "6"
    assert entry["SYSLOG_IDENTIFIER"] == "har-monitor"
    assert entry["HAR_SITE"] == "home\nPRIORITY=0", "no name forges a field"
    assert (entry["HAR_KIND"], entry["HAR_CAMERA"], entry["HAR_EVENT"]) == ("end", "door", "a1")
    assert "HAR_LINK" not in entry

    with pytest.raises(TargetError, match="journal: connection refused"):
        target.send(NOTIFICATION)
