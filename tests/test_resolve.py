"""Host names."""

import threading
import time

import pytest

from monitor.errors import SourceOpenError
from monitor.source import StreamLimits, make_source
from monitor.source.address import parse_address
from monitor.source.resolve import resolve


def test_a_name_is_known_or_not() -> None:
    assert resolve("localhost", 5)
    assert resolve("127.0.0.1", 5)
    assert not resolve("no-such-host.invalid", 20)
    assert not resolve("a" * 64 + ".invalid", 5), "no name is so long"


def test_a_name_server_that_is_silent_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *arguments: silent.wait(10))
    source = make_source(
        parse_address("rtsp://u:hunter2@camera/"), StreamLimits(open_timeout_s=0.2)
    )
    began_s = time.monotonic()
    with pytest.raises(SourceOpenError) as caught:
        source.open()
    silent.set()
    assert time.monotonic() - began_s < 1
    assert str(caught.value) == (
        "rtsp://u:***@camera/: timeout: no name server told its address within 0.2 s"
    )
    assert caught.value.cause == "timeout"
