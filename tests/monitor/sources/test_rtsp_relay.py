"""What a relay tells the camera and FFmpeg, message for message."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from monitor.sources.rtsp_relay import Relay
from testkit.patience import LIMIT_S


class FakeCamera:
    """A camera whose answers the test gives by hand."""

    host = "192.0.2.7"

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.far.settimeout(LIMIT_S)
        self.closed = False

    def fileno(self) -> int:
        return self.near.fileno()

    def read(self) -> bytes:
        return self.near.recv(65536)

    def send(self, message: bytes) -> None:
        self.near.sendall(message)

    def close(self) -> None:
        self.closed = True
        self.near.close()


class Rig:
    """FFmpeg at one end of a relay and a camera at the other."""

    def __init__(self, relay: Relay, camera: FakeCamera) -> None:
        self.relay, self.camera = relay, camera
        self.client = self.visitor()

    def visitor(self) -> socket.socket:
        """Somebody who connects."""
        parts = urlsplit(self.relay.target)
        return socket.create_connection((parts.hostname, parts.port), LIMIT_S)

    def ask(self, method: str = "DESCRIBE") -> str:
        """What the camera hears of a request."""
        self.client.sendall(f"{method} {self.relay.target} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
        return self.heard()

    def heard(self) -> str:
        """What the camera hears."""
        return self.camera.far.recv(65536).decode()

    def say(self, answer: bytes) -> None:
        """Have the camera say something."""
        self.camera.far.sendall(answer)

    def told(self) -> bytes:
        """What FFmpeg hears."""
        return self.client.recv(65536)


@contextmanager
def relayed(userinfo: str = "u:p@") -> Iterator[Rig]:
    camera = FakeCamera()
    relay = Relay(urlsplit(f"rtsp://{userinfo}cam:554/a?b=c"), camera)
    rig = Rig(relay, camera)
    try:
        yield rig
    finally:
        rig.client.close()
        relay.close()
        relay.close()
        camera.far.close()
        assert camera.closed


def asks(nonce: str, kind: str = "SHA-256") -> bytes:
    head = f'Digest realm="r", nonce="{nonce}", algorithm={kind}'
    return f"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: {head}\r\n\r\n".encode()


OK = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"


def test_the_camera_is_asked_for_its_own_url_and_ffmpeg_knows_no_password() -> None:
    with relayed("user:secret@") as rig:
        assert rig.ask() == "DESCRIBE rtsp://cam:554/a?b=c RTSP/1.0\r\nCSeq: 1\r\n\r\n"
        assert "secret" not in rig.relay.target
        rig.say(OK)
        assert rig.told() == OK


def test_a_camera_that_took_the_password_is_told_it_again_when_it_asks_anew() -> None:
    with relayed() as rig:
        assert "Authorization" not in rig.ask()
        rig.say(asks("one"))
        assert 'nonce="one"' in rig.heard()
        rig.say(OK)
        assert rig.told() == OK
        assert 'nonce="one"' in rig.ask("GET_PARAMETER")
        rig.say(asks("two"))
        assert 'nonce="two"' in rig.heard()
        rig.say(OK)
        assert rig.told() == OK


def test_a_camera_that_refuses_the_password_is_not_told_it_again() -> None:
    with relayed() as rig:
        rig.ask()
        rig.say(asks("one"))
        rig.heard()
        rig.say(asks("two"))
        assert rig.told() == b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n\r\n"


@pytest.mark.parametrize("userinfo", ["", "u@"])
def test_without_a_password_a_refusal_is_passed_on(userinfo: str) -> None:
    with relayed(userinfo) as rig:
        rig.ask()
        rig.say(asks("one"))
        assert rig.told().startswith(b"RTSP/1.0 401 ")


def test_packets_and_answers_are_told_apart_however_they_come() -> None:
    packet = b"$\0\0\x0b401 \r\n\r\nRTS"
    answer = b"RTSP/1.0 200 OK\r\nContent-length: 4\r\n\r\n$\0\0\1"
    stream = packet + answer + packet
    with relayed() as rig:
        rig.ask()
        for at in range(len(stream)):
            rig.say(stream[at : at + 1])
        told = b""
        while len(told) < len(stream):
            told += rig.told()
        assert told == stream
        rig.client.sendall(b"$\1\0\4abcd")
        assert rig.heard() == "$\1\0\4abcd"


def test_reports_go_to_the_camera_where_it_sends_by_udp() -> None:
    with relayed() as rig:
        rig.ask("SETUP")
        transport = b"Transport: RTP/AVP;unicast;client_port=2-3;server_port=4-5"
        rig.say(b"RTSP/1.0 200 OK\r\n%s\r\n\r\n" % transport)
        assert rig.told() == b"RTSP/1.0 200 OK\r\n%s;source=192.0.2.7\r\n\r\n" % transport
        rig.say(b"RTSP/1.0 200 OK\r\n%s;source=192.0.2.9\r\n\r\n" % transport)
        assert rig.told().count(b"source=") == 1


def test_a_stranger_on_this_machine_gets_nothing() -> None:
    with relayed() as rig:
        guess = urlsplit(rig.relay.target)._replace(path="/a").geturl()
        rig.client.sendall(f"DESCRIBE {guess} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
        assert rig.told() == b""
        rig.client.close()
        rig.client = rig.visitor()
        assert rig.ask().startswith("DESCRIBE rtsp://cam:554/a")


@pytest.mark.parametrize("head", [b"", b"RTSP/1.0 200 OK\r\nContent-Length: 999999999\r\n\r\n"])
def test_a_camera_that_never_ends_a_message_is_hung_up(head: bytes) -> None:
    with relayed() as rig:
        rig.ask()
        with pytest.raises(OSError, match=r"pipe|reset"):
            rig.say(head + b"a" * (16 << 20))
        assert rig.told() == b""


def test_a_relay_that_nobody_came_to_ends_at_once() -> None:
    with relayed() as rig:
        rig.client.close()
