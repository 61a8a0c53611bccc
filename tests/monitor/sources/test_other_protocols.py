"""Streams over RTMP and UDP, and over SRT where FFmpeg has it."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from monitor.errors import SourceLostError, SourceOpenError
from monitor.records import Frame
from monitor.sources.address import parse_address
from monitor.sources.make import make_source
from monitor.sources.source import Source, SourceSettings
from testkit.patience import LIMIT_S, Stopwatch
from testkit.servers.certificates import Certificates
from testkit.servers.ffmpeg_live import free_port, rtmp_stream, tls_front, udp_stream
from testkit.servers.tcp import refusing_port, silent_server, unvisited_port

KEY = "s3cret"


def started(url: str, settings: SourceSettings) -> Source:
    """An open source whose server has only just been started."""
    gone_s = time.monotonic() + LIMIT_S
    while True:
        source = make_source(parse_address(url), settings)
        try:
            source.open()
        except SourceOpenError:
            assert time.monotonic() < gone_s
            time.sleep(0.1)
        else:
            return source


def watch(source: Source) -> None:
    """Read a second of pictures, then close."""
    times: list[float] = []
    while not times or times[-1] - times[0] < 1:
        read = source.read()
        if isinstance(read, Frame):
            times.append(read.time_s)
    source.close()
    assert times == sorted(times)
    assert len(times) >= 20


def read_on(source: Source) -> None:
    """Read what was under way, and what comes after it."""
    for _ in range(1000):
        source.read()


def fault(url: str, settings: SourceSettings) -> str:
    """Why a stream is not watched, without its URL; it is said in time, and shows no key."""
    source = make_source(parse_address(url), settings)
    watch = Stopwatch()
    with pytest.raises(SourceOpenError) as caught:
        source.open()
    source.close()
    assert watch.seconds < settings.open_timeout_s + 2
    assert KEY not in str(caught.value)
    return str(caught.value).removeprefix(f"{parse_address(url)}: ")


def test_rtmp_is_watched() -> None:
    with rtmp_stream(f"/live/{KEY}") as port:
        watch(started(f"rtmp://127.0.0.1:{port}/live/{KEY}", SourceSettings()))


@pytest.mark.parametrize("checked", [True, False])
def test_rtmps_is_watched(certificates: Certificates, checked: bool) -> None:
    with rtmp_stream("/live/cam") as plain, tls_front(plain, certificates.server) as port:
        settings = SourceSettings(ca_file=certificates.ca if checked else None)
        watch(started(f"rtmps://127.0.0.1:{port}/live/cam", settings))


def test_a_certificate_of_another_authority_is_refused(certificates: Certificates) -> None:
    with refusing_port() as plain, tls_front(plain, certificates.server) as port:
        settings = SourceSettings(ca_file=certificates.other_ca)
        words = fault(f"rtmps://127.0.0.1:{port}/live/{KEY}", settings)
    assert words == "invalid: the certificate is refused: unable to get local issuer certificate"


def test_no_proxy_is_used_for_rtmps(monkeypatch: pytest.MonkeyPatch) -> None:
    with unvisited_port() as port, unvisited_port() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy}")
        words = fault(f"rtmps://127.0.0.1:{port}/live/{KEY}", SourceSettings())
    assert words == "invalid: FFmpeg would use the proxy of the environment: unset http_proxy"


@pytest.mark.parametrize("host", ["", "@", "127.0.0.1", "@127.0.0.1"])
def test_mpeg_ts_over_udp_is_watched(host: str) -> None:
    with udp_stream() as port:
        watch(started(f"udp://{host}:{port}", SourceSettings()))


@pytest.mark.parametrize("said", [b"", b"hello"], ids=["nothing", "no video"])
@pytest.mark.parametrize("host", ["", "@239.255.12.34"], ids=["here", "group"])
def test_where_no_video_comes_over_udp_it_is_given_up(host: str, said: bytes) -> None:
    stop = threading.Event()
    with free_port(socket.SOCK_DGRAM) as port:

        def say() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                while said and not stop.wait(0.01):
                    sender.sendto(said, (host[1:] or "127.0.0.1", port))

        saying = threading.Thread(target=say)
        saying.start()
        try:
            words = fault(f"udp://{host}:{port}", SourceSettings(open_timeout_s=0.5))
        finally:
            stop.set()
            saying.join()
    assert words == "timeout: nothing came within 0.5 s"


def test_a_sender_that_stops_is_a_lost_stream() -> None:
    with udp_stream() as port:
        source = started(f"udp://@:{port}", SourceSettings(read_timeout_s=2))
        source.read()
    with pytest.raises(SourceLostError, match=r"no picture for 2 s"):
        read_on(source)
    source.close()


def test_a_silent_rtmp_server_is_given_up_after_the_open_limit() -> None:
    with silent_server() as port:
        settings = SourceSettings(open_timeout_s=1.5)
        words = fault(f"rtmp://127.0.0.1:{port}/live/{KEY}", settings)
    assert words == "timeout: no answer within 1.5 s"


def test_an_ffmpeg_without_srt_says_so() -> None:
    words = fault(f"srt://127.0.0.1:9?passphrase={KEY}&streamid={KEY}", SourceSettings())
    if "built without" not in words:
        pytest.skip("this FFmpeg has SRT")
    assert words == "invalid: the FFmpeg of this PyAV was built without srt"
