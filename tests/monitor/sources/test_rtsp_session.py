"""What an RTSP session tells a camera, and takes from it, message for message."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import av
import pytest

from monitor.sources import rtsp_session
from monitor.sources.connection import UnfitError
from monitor.sources.rtsp_session import CodecError, RtspSession, TransportError
from monitor.sources.source import SourceSettings
from testkit.patience import LIMIT_S

SDP = (
    "v=0\r\ns=camera\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "a=control:track1\r\nm=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/8000\r\n"
)
ASKS = 'WWW-Authenticate: Digest realm="r", nonce="{}", qop="auth", algorithm=SHA-256\r\n'


class FakeCamera:
    """One end of a connection; the test has the other."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.far.settimeout(LIMIT_S)
        self.closed = False

    def limit(self, seconds: float) -> None:
        self.near.settimeout(seconds)

    def fileno(self) -> int:
        return self.near.fileno()

    def read(self) -> bytes:
        return self.near.recv(65536)

    def send(self, message: bytes) -> None:
        self.near.sendall(message)

    def close(self) -> None:
        self.closed = True
        self.near.close()


class Script(threading.Thread):
    """Answers requests, the first with the first answer, and so on; keeps what it heard."""

    def __init__(self, camera: FakeCamera, answers: list[bytes]) -> None:
        super().__init__(daemon=True)
        self._camera, self._answers = camera, answers
        self.heard: list[str] = []

    def run(self) -> None:
        for answer in self._answers:
            self.heard.append(self.hear())
            self._camera.far.sendall(answer)

    def hear(self) -> str:
        heard = b""
        while b"\r\n\r\n" not in heard:
            heard += self._camera.far.recv(1)
        return heard.decode()


def answer(status: str = "200 OK", more: str = "", body: str = "") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"RTSP/1.0 {status}\r\nCSeq: 9\r\n{more}{length}\r\n{body}".encode()


def playing(setup: str = "RTP/AVP/TCP;unicast;interleaved=0-1", sdp: str = SDP) -> list[bytes]:
    """Answers of a camera that does what it is asked."""
    return [
        answer(more="Public: OPTIONS, GET_PARAMETER, PLAY\r\n"),
        answer(more="Content-Base: rtsp://inner/a/\r\n", body=sdp),
        answer(more=f"Session: 12ab ; timeout=10\r\nTransport: {setup}\r\n"),
        answer(),
    ]


@contextmanager
def session(
    answers: list[bytes], userinfo: str = "ann:secret@", read_timeout_s: float = LIMIT_S
) -> Iterator[tuple[RtspSession, FakeCamera, Script]]:
    camera = FakeCamera()
    script = Script(camera, answers)
    script.start()
    settings = SourceSettings(read_timeout_s=read_timeout_s)
    url = urlsplit(f"rtsp://{userinfo}cam:554/a b?c=d#e")
    made = RtspSession(url, settings, camera, rtsp_session.time.monotonic() + LIMIT_S)
    try:
        yield made, camera, script
    finally:
        made.close()
        made.close()
        assert camera.closed
        camera.far.close()
        script.join()


def rtp(number: int, *, kind: int = 96, channel: int = 0, payload: bytes = b"abc") -> bytes:
    data = struct.pack("!BBHII", 0x80, kind, number, 7, 1) + payload
    return struct.pack("!cBH", b"$", channel, len(data)) + data


def number_of(packet: bytes) -> int:
    return int.from_bytes(packet[2:4])


def test_a_camera_is_asked_for_its_video_alone_and_by_its_own_urls() -> None:
    with session(playing()) as (made, _, script):
        made.play("tcp")
        script.join()
        firsts = [heard.splitlines()[0] for heard in script.heard]
        assert firsts == [
            "OPTIONS rtsp://cam:554/a%20b?c=d RTSP/1.0",
            "DESCRIBE rtsp://cam:554/a%20b?c=d RTSP/1.0",
            "SETUP rtsp://inner/a/track1 RTSP/1.0",
            "PLAY rtsp://inner/a/ RTSP/1.0",
        ]
        assert "Session: 12ab\r\n" in script.heard[3]
        assert not any("secret" in heard or "ann" in heard for heard in script.heard)
        assert (made.sound, made.over_udp) == ("AAC", False)
        made.close()
        assert script.hear().startswith("TEARDOWN rtsp://inner/a/ ")


def test_the_password_is_said_when_it_is_asked_for_and_then_each_time() -> None:
    refusal = answer("401 Unauthorized", ASKS.format("one"))
    with session([refusal, *playing()]) as (made, _, script):
        made.play("tcp")
        script.join()
        assert ["Authorization" in heard for heard in script.heard] == [False] + [True] * 4
        assert all('nonce="one"' in heard for heard in script.heard[1:])
        counts = [re.search("nc=([0-9a-f]+)", heard) for heard in script.heard[1:]]
        assert [int(count[1], 16) for count in counts if count] == [1, 2, 3, 4]


@pytest.mark.parametrize("userinfo", ["", "ann@", "ann:secret@"])
def test_a_refusal_is_told_after_one_try(userinfo: str) -> None:
    refusals = [answer("401 Unauthorized", ASKS.format(word)) for word in ("one", "two")]
    tries = 2 if "secret" in userinfo else 1
    with session(refusals[:tries], userinfo) as (made, _, script):
        with pytest.raises(av.HTTPUnauthorizedError):
            made.play("tcp")
        assert len(script.heard) == tries


def test_a_camera_that_took_the_password_is_told_it_again_when_it_asks_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = (answer("401 Unauthorized", ASKS.format(word)) for word in ("one", "two"))
    ok = playing()
    with session([ok[0], first, *ok[1:3], second, ok[3]]) as (made, camera, script):
        made.play("tcp")
        script.join()
        assert 'nonce="two"' in script.heard[-1]
        later(monkeypatch, 6)  # more than half of the session's timeout
        camera.far.sendall(answer("401 Unauthorized", ASKS.format("three")) + rtp(1))
        assert number_of(made.packet()) == 1
        heard = [script.hear() for _ in range(2)]
        assert [text.split(" ")[0] for text in heard] == ["GET_PARAMETER"] * 2
        assert 'nonce="two"' in heard[0]
        assert 'nonce="three"' in heard[1]
        camera.far.sendall(answer("401 Unauthorized", ASKS.format("four")) + rtp(2))
        assert number_of(made.packet()) == 2
        made.close()
        assert script.hear().startswith("TEARDOWN "), "and not told a second time"


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the time be so much later, and what is due each five seconds be of no interest."""
    clock = rtsp_session.time.monotonic
    monkeypatch.setattr(rtsp_session.time, "monotonic", lambda: clock() + seconds)
    monkeypatch.setattr(RtspSession, "_report", lambda self: None)


def test_a_camera_that_knows_no_parameters_is_kept_by_options(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with session(playing()) as (made, camera, script):
        made.play("tcp")
        script.join()
        for due_s, method in ((6, "GET_PARAMETER"), (6, "OPTIONS")):
            later(monkeypatch, due_s)
            camera.far.sendall(rtp(1) + answer("501 Not Implemented"))
            made.took = True
            made.packet()
            assert script.hear().startswith(method + " ")


def test_a_report_is_sent_every_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with session(playing()) as (made, camera, script):
        made.play("tcp")
        script.join()
        clock = rtsp_session.time.monotonic
        monkeypatch.setattr(rtsp_session.time, "monotonic", lambda: clock() + 5.0)
        camera.far.sendall(rtp(1))
        made.took = True
        made.packet()
        heard = camera.far.recv(4)
        assert heard[:2] == b"$\1"
        heard += camera.far.recv(int.from_bytes(heard[2:4]))
        at, kinds = 4, []
        while at < len(heard):
            assert heard[at] >> 6 == 2
            kinds.append(heard[at + 1])
            at += 4 * (1 + int.from_bytes(heard[at + 2 : at + 4]))
        assert (kinds, at) == ([201, 202], len(heard)), "a receiver report, and a name"


def test_packets_before_the_answer_and_requests_of_the_camera_are_taken() -> None:
    ok = playing()
    ok[3] = rtp(1) + b"OPTIONS rtsp://x RTSP/1.0\r\nCSeq: 5\r\n\r\n" + rtp(2) + ok[3] + rtp(3)
    with session(ok) as (made, camera, script):
        made.play("tcp")
        assert [number_of(made.packet()) for _ in range(3)] == [1, 2, 3]
        script.join()
        assert script.hear() == "RTSP/1.0 200 OK\r\nCSeq: 5\r\n\r\n"
        camera.far.sendall(b"REDIRECT rtsp://x RTSP/1.0\r\nCSeq: 6\r\n\r\n" + rtp(4))
        assert number_of(made.packet()) == 4
        assert script.hear() == "RTSP/1.0 501 Not Implemented\r\nCSeq: 6\r\n\r\n"


def test_what_is_no_video_is_passed_over() -> None:
    with session(playing("RTP/AVP/TCP;interleaved=4-5")) as (made, camera, _):
        made.play("tcp")
        others = rtp(1) + rtp(2, channel=5) + rtp(3, channel=4, kind=97) + b"$\4\0\0$\4\0\1a"
        camera.far.sendall(others + rtp(4, channel=4) + rtp(5, channel=4, kind=96 | 128))
        assert [number_of(made.packet()) for _ in range(2)] == [4, 5]


def test_bytes_that_are_no_rtsp_are_skipped_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with session(playing()) as (made, camera, _):
        made.play("tcp")
        camera.far.sendall(b"12345" + rtp(1) + b"678" + rtp(2))
        assert [number_of(made.packet()) for _ in range(2)] == [1, 2]
    assert caplog.messages == ["127.0.0.1 sends bytes that are no RTSP: they are skipped"]


@pytest.mark.parametrize("how", ["bye", "hung up"])
def test_a_stream_ends_when_the_camera_says_so(how: str) -> None:
    with session(playing()) as (made, camera, script):
        made.play("tcp")
        script.join()
        reports = b"\x80\xc8\0\6" + bytes(24) + b"\x81\xcb\0\1" + bytes(4)
        camera.far.sendall(rtp(1) + struct.pack("!cBH", b"$", 1, len(reports)) + reports)
        if how == "hung up":
            camera.far.shutdown(socket.SHUT_WR)
        assert number_of(made.packet()) == 1
        assert made.packet() == made.packet() == b""


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        rtp(1, channel=1) * 3,
        rtp(1)[:-1],
        rtp(1, kind=97),
        b"RTSP/1.0 200 OK\r\n",
        b"abc",
    ],
)
def test_a_camera_that_sends_no_video_is_given_up(sent: bytes) -> None:
    with session(playing(), read_timeout_s=0.05) as (made, camera, _):
        made.play("tcp")
        camera.far.sendall(sent)
        with pytest.raises(TimeoutError):
            made.packet()


def test_packets_of_which_no_picture_is_made_are_a_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with session(playing(), read_timeout_s=5) as (made, camera, _):
        made.play("tcp")
        for taken in (True, False):
            later(monkeypatch, 3)
            made.took = taken
            camera.far.sendall(rtp(1))
            made.packet()
        later(monkeypatch, 3)
        camera.far.sendall(rtp(1))
        with pytest.raises(TimeoutError):
            made.packet()


def refused(answers: list[bytes], error: type[Exception]) -> Exception:
    with session(answers) as (made, _, _), pytest.raises(error) as caught:
        made.play("tcp")
    return caught.value


@pytest.mark.parametrize(
    ("place", "status", "error"),
    [
        (1, "404 Not Found", av.HTTPNotFoundError),
        (1, "453 Not Enough Bandwidth", av.HTTPOtherClientError),
        (1, "503 Busy", av.HTTPServerError),
        (1, "200 OK", UnfitError),  # it describes nothing
        (1, "100 Continue", av.InvalidDataError),
        (2, "461 Unsupported Transport", TransportError),
        (2, "400 Bad Request", av.HTTPBadRequestError),
        (3, "455 Method Not Valid", av.HTTPOtherClientError),
    ],
)
def test_a_refusal_has_its_own_error(place: int, status: str, error: type[Exception]) -> None:
    refused([*playing()[:place], answer(status)], error)


def test_a_camera_that_does_not_know_options_plays() -> None:
    with session([answer("405 Method Not Allowed"), *playing()[1:]]) as (made, _, _):
        made.play("tcp")


def test_a_redirect_is_told_without_its_password_and_not_followed() -> None:
    place = answer("302 Moved", "Location: rtsp://u:hidden@other/a\r\n")
    words = refused([playing()[0], place], UnfitError).words  # type: ignore[attr-defined]
    assert words.startswith("redirects to rtsp://u:***@other/a, which is not followed")


def test_a_camera_that_sends_by_udp_though_it_was_asked_for_tcp_is_named() -> None:
    refused(playing("RTP/AVP;unicast;client_port=4-5;server_port=6-7")[:3], TransportError)


def test_a_channel_that_packets_cannot_have_is_refused() -> None:
    refused(playing("RTP/AVP/TCP;unicast;interleaved=255-256")[:3], av.InvalidDataError)


@pytest.mark.parametrize(
    "said",
    ["server_port=70000-70001", "server_port=0-1", "source=cafe;server_port=6-7", "source=::"],
)
def test_a_place_that_is_none_is_not_sent_to(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def looked_up(*_: object) -> None:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr("socket.getaddrinfo", looked_up)
    with session(playing(f"RTP/AVP/UDP;unicast;client_port=1-2;{said}")) as (made, _, script):
        made.play("udp")
        script.join()
        wanted = re.search(r"client_port=(\d+)-", script.heard[2])
        assert wanted
        with udp_camera() as sender:
            sender.sendto(rtp(1)[4:], ("127.0.0.1", int(wanted[1])))
            assert number_of(made.packet()) == 1


def test_what_is_no_rtsp_is_told_at_once() -> None:
    error = refused([b"HTTP/1.1 400 Bad Request\r\n\r\n<html>"], UnfitError)
    assert error.words == "answered, but not with RTSP; check the port"  # type: ignore[attr-defined]


def test_another_codec_is_left_to_ffmpeg_before_anything_is_set_up() -> None:
    other = playing(sdp=SDP.replace("H264", "JPEG"))
    error = refused(other[:2], CodecError)
    assert (error.codec, error.sound) == ("JPEG", "AAC")  # type: ignore[attr-defined]


def test_a_camera_that_hangs_up_in_between_is_an_error() -> None:
    camera = FakeCamera()
    camera.far.close()
    made = RtspSession(
        urlsplit("rtsp://cam/"),
        SourceSettings(),
        camera,
        rtsp_session.time.monotonic() + LIMIT_S,
    )
    with pytest.raises((av.EOFError, OSError)):
        made.play("tcp")
    made.close()
    assert camera.closed


def udp_camera() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.settimeout(LIMIT_S)
    return made


@pytest.mark.parametrize("how", ["told", "swapped", "hung up"])
def test_packets_over_udp_come_in_order_from_the_camera_alone(how: str) -> None:
    with udp_camera() as sender, udp_camera() as reports:
        ports = f"{sender.getsockname()[1]}-{reports.getsockname()[1]}"
        setup = f"RTP/AVP/UDP;unicast;client_port=1-2;server_port={ports};source=127.0.0.1"
        with session(playing(setup)) as (made, camera, script):
            made.play("udp")
            script.join()
            wanted = re.search(r"client_port=(\d+)-(\d+)\r\n", script.heard[2])
            assert wanted
            place = "127.0.0.1", int(wanted[1])
            _, opened = sender.recvfrom(100)
            assert opened == place, "a firewall lets in what answers this"
            assert reports.recvfrom(100)[1][1] == int(wanted[2]) == place[1] + 1
            numbers = [1, 3, 2, 4] if how == "swapped" else [1, 2, 3, 4]
            for number in numbers:
                sender.sendto(rtp(number)[4:], place)
            assert [number_of(made.packet()) for _ in range(4)] == [1, 2, 3, 4]
            if how == "hung up":
                camera.far.shutdown(socket.SHUT_WR)
                assert made.packet() == b""
