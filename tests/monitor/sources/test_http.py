"""HTTP servers that are asked for a stream: good ones, odd ones, and ones that mean ill."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import repeat
from pathlib import Path

import pytest

from monitor.errors import SourceLostError, SourceOpenError
from monitor.records import Frame
from monitor.sources.address import parse_address
from monitor.sources.make import make_source
from monitor.sources.source import SourceSettings
from testkit.media import make_video, number_of
from testkit.patience import Stopwatch
from testkit.servers.certificates import Certificates
from testkit.servers.mjpeg import http_camera, jpegs
from testkit.servers.tcp import unvisited_port

SETTINGS = SourceSettings()


@pytest.fixture(scope="module")
def pictures(nofight_clip: Path) -> list[bytes]:
    return jpegs(nofight_clip)[:2]


@contextmanager
def saying(sent: bytes, trickled: bytes = b"") -> Iterator[str]:
    """The URL of a server that says the same to everybody, then `trickled` in drops or hangs up."""
    stopping = threading.Event()

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):  # it was closed
            while True:
                visitor, _ = listener.accept()
                with visitor, suppress(OSError):  # it went away
                    visitor.recv(4096)
                    visitor.sendall(sent)
                    while trickled and not stopping.wait(0.02):
                        visitor.sendall(trickled)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), name="saying")
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/cam"
        finally:
            stopping.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def refusal(url: str, settings: SourceSettings = SETTINGS) -> str:
    """Why a URL is not watched, without the URL; it is said in time."""
    source = make_source(parse_address(url), settings)
    watch = Stopwatch()
    with pytest.raises(SourceOpenError) as caught:
        source.open()
    assert watch.seconds < settings.open_timeout_s + 1
    return str(caught.value).removeprefix(f"{url}: ")


OK = b"HTTP/1.1 200 OK\r\n"
NO_VIDEO = "invalid: answered, but not with video; check port and path"
STATUS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "unreachable: no video came (end of file)"),
    "no HTTP": (b"220 FTP ready\r\n\r\n", NO_VIDEO),
    "ICY": (b"ICY 200 OK\r\n\r\n", NO_VIDEO),
    "no status": (b"HTTP/1.1 fine\r\n\r\n", NO_VIDEO),
    "an endless line": (b"HTTP/1.1 200 " + b"O" * 70_000, NO_VIDEO),
    "too many headers": (OK + b"A: b\r\n" * 200 + b"\r\n", NO_VIDEO),
    "an endless header": (OK + b"A: " + b"b" * 70_000 + b"\r\n\r\n", NO_VIDEO),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", NO_VIDEO),
    "faulty chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\nmany\r\n\r\n", NO_VIDEO),
    "a redirect to nowhere": (b"HTTP/1.1 302 Found\r\n\r\n", NO_VIDEO),
    "forbidden": (
        b"HTTP/1.1 403 No\r\n\r\n",
        "authentication: server returned 403 forbidden (access denied)",
    ),
    "gone": (
        b"HTTP/1.1 410 Gone\r\n\r\n",
        "invalid: server returned 4xx client error, but not one of 40{0,1,3,4}",
    ),
    "busy": (b"HTTP/1.0 503 Busy\r\n\r\n", "refused: server returned 5xx server error reply"),
}


@pytest.mark.parametrize(("sent", "message"), STATUS.values(), ids=STATUS)
def test_an_answer_that_is_no_video_is_an_error_in_one_line(sent: bytes, message: str) -> None:
    with saying(sent) as url:
        assert refusal(url) == message


@pytest.mark.parametrize("sent", [b"", OK, OK + b"A: ", OK + b"Content-Type: multipart/x\r\n\r\n"])
def test_a_server_that_answers_in_drops_is_given_up_after_the_open_limit(sent: bytes) -> None:
    with saying(sent, b"a") as url:
        settings = SourceSettings(open_timeout_s=1.5)
        assert refusal(url, settings) == "timeout: no answer within 1.5 s"


def test_a_camera_that_sends_in_drops_is_lost(pictures: list[bytes]) -> None:
    head = OK + b"Content-Type: multipart/x-mixed-replace\r\n\r\n"
    with saying(head + pictures[0], b"a") as url:
        source = make_source(parse_address(url), SourceSettings(read_timeout_s=0.5))
        source.open()
        source.read()
        began_s, watch = time.monotonic(), Stopwatch()
        with pytest.raises(SourceLostError, match=r": no picture for 0\.5 s"):
            source.read()
        assert time.monotonic() - began_s > 3
        assert watch.seconds < 5
        source.close()


def test_https_is_checked_where_authorities_are_named(
    pictures: list[bytes], certificates: Certificates
) -> None:
    with http_camera(pictures, 25, tls=certificates.server) as camera:
        for ca_file in (None, certificates.ca):
            source = make_source(parse_address(camera.url()), SourceSettings(ca_file=ca_file))
            source.open()
            assert source.read() is not None
            source.close()
        fault = "the certificate is refused: "
        words = refusal(camera.url(), SourceSettings(ca_file=certificates.other_ca))
        assert words == f"invalid: {fault}unable to get local issuer certificate"
        words = refusal(
            camera.url().replace("127.0.0.1", "127.1"), SourceSettings(ca_file=certificates.ca)
        )
        assert "mismatch" in words
        missing = certificates.ca.with_name("none.pem")
        words = refusal(camera.url(), SourceSettings(ca_file=missing))
        assert words == f"invalid: {fault}{missing} cannot be used: no such file or directory"


def test_https_where_http_is_spoken_is_said(pictures: list[bytes]) -> None:
    with http_camera(pictures, 25) as camera:
        words = refusal(camera.url().replace("http", "https"))
    assert words == "invalid: no TLS: wrong version number; check scheme and port"


def test_no_proxy_is_used(pictures: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    with unvisited_port() as port, http_camera(pictures, 25) as camera:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        monkeypatch.delenv("no_proxy", raising=False)
        source = make_source(parse_address(camera.url()), SourceSettings())
        source.open()
        assert source.read() is not None
        source.close()


def test_a_film_on_a_server_is_read_from_any_place(tmp_path: Path) -> None:
    """Its index is at its end."""
    film = make_video(tmp_path / "film.mp4", size=(640, 480))
    with http_camera([], 25, {"/film.mp4": film.path.read_bytes()}) as camera:
        source = make_source(parse_address(camera.url("/film.mp4")), SourceSettings())
        source.open()
        read = [source.read() for _ in repeat(None, film.frames)]
        with pytest.raises(SourceLostError, match="the stream ended"):
            source.read()
        source.close()
        assert len(camera.asked) > 1
    assert all(isinstance(one, Frame) for one in read)
    numbers = [
        number_of(one.picture.to_ndarray(format="rgb24")) for one in read if isinstance(one, Frame)
    ]
    assert numbers == list(range(film.frames))
