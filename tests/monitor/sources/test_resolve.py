"""Host names."""

import itertools
import socket
import threading
from typing import Any

import pytest

from monitor.errors import SourceOpenError
from monitor.sources.address import parse_address
from monitor.sources.make import make_source
from monitor.sources.resolve import resolve
from monitor.sources.source import SourceSettings
from monitor.states import PERMANENT
from testkit.patience import LIMIT_S, Stopwatch


def test_a_name_is_known_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve("localhost", LIMIT_S)
    assert resolve("127.0.0.1", LIMIT_S)
    assert not resolve("a" * 64 + ".invalid", LIMIT_S), "no name is so long"

    def unknown(*arguments: object) -> None:  # as a name server says it, which may not be there
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    assert not resolve("no-such-host.invalid", LIMIT_S)


OUTAGES = {
    "no name server": socket.gaierror(socket.EAI_AGAIN, "temporary failure in name resolution"),
    "one that fails": socket.gaierror(socket.EAI_FAIL, "non-recoverable failure"),
    "no descriptor left": OSError(24, "too many open files"),
}


@pytest.mark.parametrize("error", OUTAGES.values(), ids=OUTAGES)
def test_where_nobody_can_tell_it_is_asked_again_and_the_cause_is_a_passing_one(
    error: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage = itertools.chain([error, error], itertools.repeat(None))

    def look_up(host: str, port: None) -> list[Any]:
        if (trouble := next(outage)) is not None:
            raise trouble
        return []

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    assert resolve("camera", LIMIT_S)
    outage = itertools.repeat(error)
    source = make_source(parse_address("rtsp://camera/"), SourceSettings(open_timeout_s=0.3))
    with pytest.raises(SourceOpenError, match="no name server told its address") as caught:
        source.open()
    assert caught.value.cause not in PERMANENT


def test_a_name_server_that_is_silent_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *arguments: silent.wait(LIMIT_S))
    source = make_source(
        parse_address("rtsp://u:hunter2@camera/"), SourceSettings(open_timeout_s=0.2)
    )
    watch = Stopwatch()
    with pytest.raises(SourceOpenError) as caught:
        source.open()
    silent.set()
    assert watch.seconds < 1
    assert str(caught.value) == (
        "rtsp://u:***@camera/: timeout: no name server told its address within 0.2 s"
    )
    assert caught.value.cause == "timeout"
