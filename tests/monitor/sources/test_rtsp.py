"""RTSP cameras over TCP, UDP and HTTP, whichever way they ask for their password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.errors import SourceLostError, SourceOpenError
from monitor.records import Frame
from monitor.sources.address import parse_address
from monitor.sources.make import make_source
from monitor.sources.source import Source, SourceSettings, Transport
from monitor.sources.stream import StreamSource
from testkit.media import make_video
from testkit.patience import Stopwatch
from testkit.servers.certificates import Certificates
from testkit.servers.gate import Gate, gated
from testkit.servers.locks import PASSWORD, USER, Lock
from testkit.servers.rtsp import RtspServer, rtsp_server
from testkit.servers.tcp import redirecting_server, silent_server, unvisited_port

LOGIN = f"{USER}:{PASSWORD}@"
WAYS: list[Transport] = ["tcp", "udp", "http"]
ASKING = [
    "basic", "md5", "md5-sess", "sha-256", "sha-256 without qop", "sha-256-sess", "sha-512-256",
    "md5+sha-256", "sha-256+md5", "basic+sha-256", "md5+whirlpool", "whirlpool+sha-256+basic",
]  # fmt: skip


@pytest.fixture(scope="module")
def server(fight_clip: Path) -> Iterator[RtspServer]:
    with rtsp_server(fight_clip) as running:
        yield running


def watched(url: str, settings: SourceSettings) -> None:
    """Open a stream and read its first pictures."""
    source = make_source(parse_address(url), settings)
    try:
        source.open()
        read = source.read()
        while not isinstance(read, Frame) or read.time_s < 0.2:
            read = source.read()
    finally:
        source.close()


def read_on(source: Source) -> None:
    """Read what was under way, and what comes after it."""
    for _ in range(1000):
        source.read()


def fault(url: str, settings: SourceSettings) -> str:
    """Why a stream is not watched, without its URL."""
    with pytest.raises(SourceOpenError) as caught:
        watched(url, settings)
    assert PASSWORD not in str(caught.value)
    return str(caught.value).removeprefix(f"{parse_address(url)}: ")


@pytest.mark.parametrize("transport", WAYS)
@pytest.mark.parametrize("asking", ASKING)
def test_the_password_is_said_in_the_way_that_the_camera_asks_for(
    server: RtspServer, asking: str, transport: Transport
) -> None:
    lock = Lock(*asking.split("+"), realm="IP Camera")
    with gated(Gate(server.port, lock)) as gate:
        watched(gate.url(LOGIN), SourceSettings(transport))
        assert not any(PASSWORD in line for line in gate.asked)
    basic = {told.startswith("Basic ") for told in lock.told}
    assert basic == {asking == "basic"}


@pytest.mark.parametrize("transport", WAYS)
@pytest.mark.parametrize("asking", ["basic", "md5", "sha-256"])
@pytest.mark.parametrize("written", ["p@s:s%", "p%40s%3As%25"])
def test_a_password_with_an_at_sign_is_read_to_the_last_one(
    server: RtspServer, written: str, asking: str, transport: Transport
) -> None:
    lock = Lock(asking, realm="IP Camera", password="p@s:s%")
    with gated(Gate(server.port, lock)) as gate:
        watched(gate.url(f"{USER}:{written}@"), SourceSettings(transport))


@pytest.mark.parametrize("transport", WAYS)
@pytest.mark.parametrize("asking", ["basic", "md5", "sha-256", "md5+sha-256"])
def test_a_wrong_password_is_tried_once_for_cameras_lock_out_who_insists(
    server: RtspServer, asking: str, transport: Transport
) -> None:
    lock = Lock(*asking.split("+"), realm="IP Camera", password="another")
    with gated(Gate(server.port, lock)) as gate:
        words = fault(gate.url(LOGIN), SourceSettings(transport))
    assert words == "authentication: server returned 401 unauthorized (authorization failed)"
    assert len(lock.told) == 1


@pytest.mark.parametrize("transport", WAYS)
@pytest.mark.parametrize("asking", ["whirlpool", "basic+whirlpool"])
def test_a_way_to_ask_that_is_not_known_is_named(
    server: RtspServer, asking: str, transport: Transport
) -> None:
    lock = Lock(*asking.split("+"), realm="IP Camera")
    with gated(Gate(server.port, lock)) as gate:
        words = fault(gate.url(LOGIN), SourceSettings(transport))
    shown = "basic and digest Whirlpool" if "basic" in asking else "digest Whirlpool"
    assert words == (
        f"authentication: the camera asks for {shown}, which is not known here: "
        "set its digest algorithm to MD5"
    )
    assert lock.told == []


@pytest.mark.parametrize("transport", ["tcp", "http"])
def test_a_certificate_is_checked_whoever_says_the_password(
    server: RtspServer, certificates: Certificates, transport: Transport
) -> None:
    lock, other = Lock("sha-256", realm="IP Camera"), Lock("sha-256", realm="IP Camera")
    with gated(Gate(server.port, lock), certificates.server) as gate:
        watched(gate.url(LOGIN), SourceSettings(transport, certificates.ca))
    assert lock.told
    with gated(Gate(server.port, other), certificates.server) as gate:
        words = fault(gate.url(LOGIN), SourceSettings(transport, certificates.other_ca))
    assert words == "invalid: the certificate is refused: unable to get local issuer certificate"
    assert other.told == []


@pytest.mark.parametrize("transport", WAYS)
@pytest.mark.parametrize("asking", ["", "sha-256"])
def test_a_camera_that_freezes_is_noticed_after_the_read_limit(
    fight_clip: Path, asking: str, transport: Transport
) -> None:
    lock = Lock(asking, realm="IP Camera") if asking else None
    with rtsp_server(fight_clip) as server, gated(Gate(server.port, lock)) as gate:
        settings = SourceSettings(transport, read_timeout_s=1.5)
        source = make_source(parse_address(gate.url(LOGIN)), settings)
        source.open()
        source.read()
        server.freeze()
        watch = Stopwatch()
        with pytest.raises(SourceLostError, match=r": no picture for 1\.5 s$"):
            read_on(source)
        assert watch.seconds < 4
        source.close()


def test_auto_finds_out_over_which_a_camera_sends(fight_clip: Path) -> None:
    for only in ("TCP", "UDP"):
        with rtsp_server(fight_clip, only=only) as server:
            watched(server.url, SourceSettings("auto"))


@pytest.mark.parametrize(("only", "transport"), [("UDP", "tcp"), ("UDP", "http"), ("TCP", "udp")])
def test_a_camera_that_does_not_send_as_it_is_told_to_is_named(
    fight_clip: Path, only: str, transport: Transport
) -> None:
    with rtsp_server(fight_clip, only="UDP" if only == "UDP" else "TCP") as server:
        words = fault(server.url, SourceSettings(transport))
    way = transport.upper()
    assert words == f"invalid: the camera does not send over {way}: set stream.transport to auto"


@pytest.mark.parametrize(
    "answer", ["400 Bad Request", "405 Method Not Allowed", "451 Parameter Not Understood"]
)
def test_auto_tries_udp_whatever_the_refusal_of_tcp(server: RtspServer, answer: str) -> None:
    with gated(Gate(server.port, no_tcp=answer)) as gate:
        watched(gate.url(), SourceSettings())


def test_where_no_way_works_the_first_refusal_is_told(server: RtspServer) -> None:
    with gated(Gate(server.port, no_tcp="400 Bad Request")) as gate:
        url = gate.url().replace("/cam", "/none")
        assert fault(url, SourceSettings()) == "not found: server returned 404 not found"
    with redirecting_server("rtsp://192.0.2.1/") as port:
        assert "redirects to" in fault(f"rtsp://127.0.0.1:{port}/", SourceSettings())


@pytest.mark.parametrize("transport", ["udp", "auto"])
def test_packets_of_udp_that_never_come_are_told(server: RtspServer, transport: Transport) -> None:
    with gated(Gate(server.port, no_tcp="461 Unsupported Transport", astray=True)) as gate:
        settings = SourceSettings(transport, read_timeout_s=1)
        words = fault(gate.url(), settings)
    hint = "; set stream.transport to tcp" if transport == "udp" else ""
    assert words == (
        f"timeout: no picture for 1 s: nothing comes over UDP, which a firewall may keep away{hint}"
    )


@pytest.fixture(scope="module")
def jpegs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspServer]:
    film = make_video(tmp_path_factory.mktemp("jpegs") / "a.mov", codec="mjpeg").path
    with rtsp_server(film, codec="mjpeg", sound=True) as running:
        yield running


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("asking", ["basic", "md5"])
def test_another_codec_is_read_by_ffmpeg(
    jpegs: RtspServer, asking: str, transport: Transport
) -> None:
    lock = Lock(asking, realm="IP Camera")
    with gated(Gate(jpegs.port, lock)) as gate:
        source = StreamSource(parse_address(gate.url(LOGIN)), SourceSettings(transport))
        source.open()
        assert isinstance(source.read(), Frame)
        assert (source.sound, source.over_udp) == ("PCMA", transport == "udp")
        source.close()


def test_where_ffmpeg_cannot_say_the_password_it_is_told_what_to_change(jpegs: RtspServer) -> None:
    lock = Lock("sha-256", realm="IP Camera")
    with gated(Gate(jpegs.port, lock)) as gate:
        words = fault(gate.url(LOGIN), SourceSettings())
    assert words == (
        "authentication: the camera sends JPEG, and asks for SHA-256: set it to H.264, or to MD5"
    )


def test_another_codec_is_not_read_through_a_tunnel(jpegs: RtspServer) -> None:
    with gated(Gate(jpegs.port)) as gate:
        words = fault(gate.url(), SourceSettings("http"))
    assert words == (
        "invalid: the camera sends JPEG, which is not read through HTTP: set it to H.264"
    )


@pytest.mark.parametrize("target", ["http", "https", "rtsp"])
def test_a_tunnel_follows_no_redirect(target: str) -> None:
    with unvisited_port() as port:
        elsewhere = f"{target}://127.0.0.1:{port}/stream"
        with redirecting_server(elsewhere) as first:
            words = fault(f"rtsp://{LOGIN}127.0.0.1:{first}/cam", SourceSettings("http"))
    assert words == (
        f"invalid: redirects to {elsewhere}, which is not followed: give that address itself"
    )


def test_a_tunnel_to_a_silent_server_is_given_up_after_the_open_limit() -> None:
    with silent_server() as port:
        settings = SourceSettings("http", open_timeout_s=1)
        assert fault(f"rtsp://127.0.0.1:{port}/", settings) == "timeout: no answer within 1 s"


def test_a_tunnel_takes_another_post_where_one_is_full(
    server: RtspServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.sources.rtsp_tunnel._POST_BYTES", 300)
    with gated(Gate(server.port)) as gate:
        watched(gate.url(), SourceSettings("http"))
        assert sum(line.startswith("POST ") for line in gate.asked) > 2


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps"])
@pytest.mark.parametrize("transport", ["tcp", "http"])
def test_no_proxy_is_used(
    server: RtspServer,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    transport: Transport,
) -> None:
    tls = certificates.server if scheme == "rtsps" else None
    with gated(Gate(server.port), tls) as gate, unvisited_port() as port:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        watched(gate.url(), SourceSettings(transport, certificates.ca))
