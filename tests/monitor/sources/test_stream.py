"""What goes wrong with network streams, and what is said of it; never a password."""

from __future__ import annotations

import itertools
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import pytest
from av import Packet, VideoStream

from monitor.decode.decoder import DecodedFrame, Decoder, FullDecoder
from monitor.decode.options import Decoding
from monitor.errors import SourceLostError, SourceOpenError
from monitor.records import Frame, NoFrameYet
from monitor.sources.address import parse_address
from monitor.sources.make import make_source
from monitor.sources.source import Source, SourceSettings
from monitor.sources.stream import StreamSource
from testkit.media import Made, make_audio, make_video
from testkit.patience import LIMIT_S, Stopwatch
from testkit.servers.certificates import Certificates
from testkit.servers.ffmpeg_http import transport_stream
from testkit.servers.locks import PASSWORD, USER
from testkit.servers.mjpeg import HttpCamera, http_camera, jpegs
from testkit.servers.proxy import proxy
from testkit.servers.rtsp import RtspServer, rtsp_server
from testkit.servers.stamped_rtsp import stamped_camera
from testkit.servers.tcp import refusing_port, silent_server

SECRET = "hunter2"  # the password of the servers, and part of all wrong ones
SETTINGS = SourceSettings()
UNAUTHORIZED = "authentication: server returned 401 unauthorized (authorization failed)"
NO_VIDEO = "answered, but not with video; check port and path"
SCHEMES = ["rtsp", "rtsps", "http", "https"]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_video(tmp_path_factory.mktemp("streams") / "numbered.mp4")


@pytest.fixture(scope="module")
def locked(video: Made) -> Iterator[RtspServer]:
    with rtsp_server(video.path, user="viewer", password=SECRET) as server:
        yield server


@pytest.fixture(scope="module")
def encrypted(video: Made, certificates: Certificates) -> Iterator[RtspServer]:
    with rtsp_server(video.path, tls=certificates.server) as server:
        yield server


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory, nofight_clip: Path) -> Iterator[HttpCamera]:
    sound = make_audio(tmp_path_factory.mktemp("camera") / "sound.mp4")
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:1,\n/other.ts\n#EXT-X-ENDLIST\n"
    other = make_video(sound.with_name("other.ts")).path.read_bytes()
    documents = {
        "/page": b"<html>welcome</html>\n" * 200,
        "/empty": b"",
        "/sound": sound.read_bytes(),
        "/list.m3u8": playlist,
        "/other.ts": other,
    }
    with http_camera(jpegs(nofight_clip)[:5], 25, documents) as running:
        yield running


def refusal(url: str, settings: SourceSettings = SETTINGS) -> SourceOpenError:
    """Why a URL cannot be opened; its message holds no secret, and comes in time."""
    source = make_source(parse_address(url), settings)
    watch = Stopwatch()
    with pytest.raises(SourceOpenError) as caught:
        source.open()
    assert watch.seconds < settings.open_timeout_s + 2
    source.close()
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_unknown_host_is_named(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object) -> None:  # as a name server says it, which may not be there
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    error = refusal(f"{scheme}://u:{SECRET}@no-such-host.invalid/cam")
    shown = f"{scheme}://u:***@no-such-host.invalid/cam"
    assert str(error) == f"{shown}: unknown host: the name does not resolve"
    assert error.cause == "unknown host"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_port_that_nobody_listens_on_refuses(scheme: str) -> None:
    with refusing_port() as port:
        error = refusal(f"{scheme}://u:{SECRET}@127.0.0.1:{port}/cam?token={SECRET}")
    shown = f"{scheme}://u:***@127.0.0.1:{port}/cam?token=***"
    assert str(error) == f"{shown}: refused: connection refused"
    assert error.cause == "refused"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("open_s", "read_s"), [(1.0, 5.0), (1.5, 0.2)])
def test_a_silent_server_is_given_up_after_the_open_limit(
    scheme: str, open_s: float, read_s: float
) -> None:
    began_s = time.monotonic()
    with silent_server() as port:
        settings = SourceSettings(open_timeout_s=open_s, read_timeout_s=read_s)
        error = refusal(f"{scheme}://u:{SECRET}@127.0.0.1:{port}/cam", settings)
    shown = f"{scheme}://u:***@127.0.0.1:{port}/cam"
    assert str(error) == f"{shown}: timeout: no answer within {open_s:g} s"
    assert error.cause == "timeout"
    assert time.monotonic() - began_s >= 0.95 * open_s


@pytest.mark.parametrize("userinfo", ["", f"viewer:{SECRET}x@", f"{SECRET}@", f"other:{SECRET}@"])
def test_rtsp_without_the_right_password_says_authentication(
    locked: RtspServer, userinfo: str
) -> None:
    url = locked.base.replace("//", f"//{userinfo}") + "/cam"
    error = refusal(url)
    assert str(error) == f"{parse_address(url)}: {UNAUTHORIZED}"
    assert error.cause == "authentication"


@pytest.mark.parametrize("userinfo", ["", f"{USER}:{PASSWORD}x@"])
def test_http_without_the_right_password_says_authentication(
    camera: HttpCamera, userinfo: str
) -> None:
    assert PASSWORD == SECRET
    url = camera.url("/locked", userinfo)
    error = refusal(url)
    assert str(error) == f"{parse_address(url)}: {UNAUTHORIZED}"
    assert error.cause == "authentication"


def test_the_right_password_opens(camera: HttpCamera, locked: RtspServer) -> None:
    for url in (camera.url("/locked", f"{USER}:{PASSWORD}@"), locked.url):
        source = make_source(parse_address(url), SETTINGS)
        source.open()
        assert source.read() is not None
        source.close()


def test_a_path_that_the_rtsp_server_does_not_have_is_not_found(locked: RtspServer) -> None:
    url = locked.url.replace("/cam", "/none")
    error = refusal(url)
    assert str(error) == f"{parse_address(url)}: not found: server returned 404 not found"
    assert error.cause == "not found"


@pytest.mark.parametrize(
    ("path", "message", "cause"),
    [
        ("/none", "not found: server returned 404 not found", "not found"),
        ("/page", f"invalid: {NO_VIDEO}", "invalid"),
        ("/empty", f"invalid: {NO_VIDEO}", "invalid"),
        ("/sound", "holds no video stream", "invalid"),
        ("/list.m3u8", f"invalid: {NO_VIDEO}", "invalid"),
    ],
)
def test_http_that_is_no_video_is_an_error_that_says_why(
    camera: HttpCamera, path: str, message: str, cause: str
) -> None:
    error = refusal(camera.url(path))
    assert str(error) == f"{camera.url(path)}: {message}"
    assert error.cause == cause


def test_a_playlist_on_a_server_is_not_followed(camera: HttpCamera) -> None:
    refusal(camera.url("/list.m3u8"))
    assert "/other.ts" not in camera.asked


def test_a_server_that_fails_is_tried_again_soon(video: Made) -> None:
    with rtsp_server(video.path, codec="hevc") as server:  # which the file is not
        error = refusal(server.url)
    assert str(error) == f"{server.url}: refused: server returned 5xx server error reply"
    assert error.cause == "refused"


def test_a_certificate_of_another_authority_is_refused(
    encrypted: RtspServer, certificates: Certificates
) -> None:
    error = refusal(encrypted.url, SourceSettings(ca_file=certificates.other_ca))
    fault = "the certificate is refused: unable to get local issuer certificate"
    assert str(error) == f"{encrypted.url}: invalid: {fault}"
    assert error.cause == "invalid"


def test_a_certificate_for_another_host_is_refused(
    encrypted: RtspServer, certificates: Certificates
) -> None:
    url = encrypted.url.replace("127.0.0.1", "127.1")
    error = refusal(url, SourceSettings(ca_file=certificates.ca))
    assert str(error).startswith(f"{url}: invalid: the certificate is refused: ")
    assert "mismatch" in str(error)


def test_an_authority_file_that_is_not_there_is_named(
    encrypted: RtspServer, tmp_path: Path
) -> None:
    missing = tmp_path / "none.pem"
    error = refusal(encrypted.url, SourceSettings(ca_file=missing))
    fault = f"the certificate is refused: {missing} cannot be used: no such file or directory"
    assert str(error) == f"{encrypted.url}: invalid: {fault}"


def test_without_an_authority_any_certificate_will_do(encrypted: RtspServer) -> None:
    source = make_source(parse_address(encrypted.url), SETTINGS)
    source.open()
    assert source.read() is not None
    source.close()


def server_of(video: Path) -> AbstractContextManager[RtspServer]:
    """A server of its own, since it is frozen or killed."""
    return rtsp_server(video, user="viewer", password=SECRET)


def read_on(source: Source) -> None:
    """Read what was under way, and what comes after it."""
    for _ in range(1000):
        source.read()


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_frozen_server_is_noticed_after_the_read_limit(
    transport: Literal["tcp", "udp"], fight_clip: Path
) -> None:
    settings = SourceSettings(transport=transport, read_timeout_s=2)
    with server_of(fight_clip) as server:
        source = make_source(parse_address(server.url), settings)
        source.open()
        source.read()
        server.freeze()
        began_s, watch = time.monotonic(), Stopwatch()
        with pytest.raises(SourceLostError) as caught:
            read_on(source)
        assert time.monotonic() - began_s > 1.9
        assert watch.seconds < 3
        source.close()
    assert str(caught.value) == f"{parse_address(server.url)}: no picture for 2 s"


def test_a_packet_that_never_ends_is_a_lost_stream(fight_clip: Path) -> None:
    settings = SourceSettings(transport="tcp", read_timeout_s=1)
    with server_of(fight_clip) as server, proxy(server.port) as camera:
        url = f"rtsp://viewer:{SECRET}@{camera.base.removeprefix('rtsp://')}/cam"
        source = make_source(parse_address(url), settings)
        source.open()
        source.read()
        camera.fault = "dripping"
        with pytest.raises(SourceLostError, match="no picture for 1 s"):
            read_on(source)
        source.close()


def test_an_http_camera_that_stalls_is_noticed_after_the_read_limit(nofight_clip: Path) -> None:
    with http_camera(jpegs(nofight_clip)[:2], fps=0.1) as camera:
        settings = SourceSettings(read_timeout_s=2)
        source = make_source(parse_address(camera.url()), settings)
        source.open()
        source.read()
        began_s, watch = time.monotonic(), Stopwatch()
        with pytest.raises(SourceLostError) as caught:
            source.read()
        assert time.monotonic() - began_s > 1.9
        assert watch.seconds < 3
        source.close()
    assert str(caught.value) == f"{camera.url()}: no picture for 2 s"


def test_sound_that_goes_on_does_not_hide_that_the_pictures_have_stopped() -> None:
    with transport_stream(pictures_s=1.5) as url:
        settings = SourceSettings(open_timeout_s=LIMIT_S, read_timeout_s=2)
        source = make_source(parse_address(url), settings)
        source.open()
        watch = Stopwatch()
        with pytest.raises(SourceLostError) as caught:
            read_on(source)
        assert watch.seconds < 5
        source.close()
    assert str(caught.value) == f"{url}: no picture for 2 s"


def test_packets_that_never_become_a_picture_are_a_lost_stream(
    nofight_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Blind(FullDecoder):
        def decode(self, packet: Packet[VideoStream]) -> Iterator[DecodedFrame]:
            return iter(())

    def blind(stream: VideoStream, decoding: Decoding, clock: Callable[[], float]) -> Decoder:
        return Blind(stream, clock)

    monkeypatch.setattr("monitor.sources.stream.make_decoder", blind)
    ticks = itertools.count()  # one each time the clock is looked at
    with http_camera(jpegs(nofight_clip), 25) as camera:
        source = StreamSource(parse_address(camera.url()), SETTINGS, lambda: float(next(ticks)))
        source.open()
        with pytest.raises(SourceLostError) as caught:
            source.read()
        source.close()
    assert next(ticks) > 6 * SETTINGS.read_timeout_s
    assert str(caught.value) == f"{camera.url()}: no picture for 30 s"


def test_a_key_frame_is_waited_for_as_long_as_packets_come(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    film = make_video(tmp_path / "film.mp4", fps=25, duration_s=5, gop=1000).path
    with stamped_camera(film, lambda n: n / 25, first=25) as url:  # the key frame was a second ago
        clock = lambda: 10 * time.monotonic()  # noqa: E731  # the next one comes after 40 s of it
        source = StreamSource(parse_address(url), SETTINGS, clock)
        source.open()
        while not isinstance(read := source.read(), Frame):
            assert read == NoFrameYet.NO_KEY_FRAME
        source.close()
    said = re.compile(re.escape(url) + r": packets come, but no key frame for \d\d s, .*GOP.*")
    assert len(caplog.messages) in (2, 3)
    assert all(said.fullmatch(line) for line in caplog.messages)


def test_a_server_that_dies_is_a_lost_stream(fight_clip: Path) -> None:
    with server_of(fight_clip) as server:
        source = make_source(parse_address(server.url), SETTINGS)
        source.open()
        source.read()
        server.process.kill()
        with pytest.raises(SourceLostError) as caught:
            read_on(source)
        source.close()
    assert str(caught.value).startswith(f"{parse_address(server.url)}: the stream ")
    assert SECRET not in str(caught.value)
