"""ONVIF cameras: how their streams are found, and what a hostile one cannot do."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

import pytest

from monitor.errors import SourceOpenError
from monitor.setup.onvif import OnvifCamera, Profile, choose, device_url
from monitor.setup.soap import Credentials
from monitor.setup.xml import MOST_BYTES
from monitor.states import OpenFailure
from testkit.servers import onvif
from testkit.servers.locks import Lock
from testkit.servers.onvif import PASSWORD, USER, Stream, onvif_camera
from testkit.servers.tcp import refusing_port, silent_server, unvisited_port

STREAMS = (
    Stream("main", "rtsp://127.0.0.1:8554/main", (1920, 1080)),
    Stream("sub&1", "rtsp://127.0.0.1:8554/sub?channel=1&subtype=1", (640, 360), 15),
    Stream("small", "rtsp://127.0.0.1:8554/small", (176, 144)),
)
RIGHT = Credentials(USER, PASSWORD)
BOMB = b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;&c;</a>'


def fixture(streams: Sequence[Stream] = STREAMS, **more: Any) -> onvif.OnvifCamera:
    return onvif.OnvifCamera(streams, **more)


def found(camera: onvif.OnvifCamera, credentials: Credentials | None = RIGHT) -> list[str]:
    """The addresses of all streams."""
    asking = OnvifCamera(camera.url, credentials)
    return [asking.stream(profile) for profile in asking.profiles()]


def fault(camera: onvif.OnvifCamera, credentials: Credentials | None = RIGHT) -> SourceOpenError:
    with onvif_camera(camera), pytest.raises(SourceOpenError) as caught:
        found(camera, credentials)
    assert PASSWORD not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("hours", [-20000, 0, 7])
@pytest.mark.parametrize("manner", ["plain", "terse", "newer"])
def test_every_stream_is_found_whatever_the_manner_and_the_clock(
    manner: Literal["plain", "terse", "newer"], hours: int
) -> None:
    with onvif_camera(fixture(manner=manner, ahead=timedelta(hours=hours))) as camera:
        asking = OnvifCamera(camera.url, RIGHT)
        profiles = asking.profiles()
        assert [asking.stream(one) for one in profiles] == [one.uri for one in STREAMS]
    assert profiles[1] == Profile("sub&1", "profile sub&1", "H264", 640, 360, 15)
    assert asking.ahead == pytest.approx(timedelta(hours=hours), abs=timedelta(seconds=60))
    assert set(camera.users) == {USER}


def test_a_camera_that_asks_by_http_is_answered_by_http_digest() -> None:
    lock = Lock("md5", user=USER, password=PASSWORD)
    with onvif_camera(fixture(lock=lock)) as camera:
        assert len(found(camera)) == 3
    assert lock.told
    assert all(told.startswith("Digest ") for told in lock.told)


def test_a_camera_that_would_have_the_password_in_the_clear_is_not_told_it() -> None:
    lock = Lock("basic", user=USER, password=PASSWORD)
    assert fault(fixture(lock=lock)).cause == OpenFailure.AUTHENTICATION
    assert lock.told == []


@pytest.mark.parametrize("credentials", [None, Credentials(USER, "wrong")])
def test_a_password_that_is_wrong_or_missing_is_said(credentials: Credentials | None) -> None:
    camera = fixture()
    refused = fault(camera, credentials)
    assert str(refused) == (
        f"http://127.0.0.1:{camera.port}: authentication: user or password is refused"
    )
    assert refused.cause == OpenFailure.AUTHENTICATION


def test_a_stream_at_another_host_is_looked_for_at_the_cameras_own() -> None:
    stream = Stream("main", "rtsp://eve:pw@192.0.2.66:5554/x?a=1")
    with onvif_camera(fixture([stream])) as camera:
        assert found(camera) == ["rtsp://127.0.0.1:5554/x?a=1"]


def test_services_at_another_host_are_asked_at_the_cameras_own() -> None:
    services = (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
        '<GetServicesResponse xmlns="http://www.onvif.org/ver10/device/wsdl"><Service>'
        "<Namespace>http://www.onvif.org/ver10/media/wsdl</Namespace>"
        "<XAddr>http://192.0.2.66:{}/onvif/media_service</XAddr></Service>"
        "</GetServicesResponse></s:Body></s:Envelope>"
    )
    with onvif_camera(fixture()) as camera:
        camera.answers = {"GetServices": services.format(camera.port).encode()}
        assert len(found(camera)) == 3


def test_a_redirect_is_not_followed() -> None:
    with unvisited_port() as port:
        refused = fault(fixture(redirect=f"http://127.0.0.1:{port}/onvif/device_service"))
    assert "redirects to http://127.0.0.1" in str(refused)
    assert "which is not followed" in str(refused)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (BOMB, "it has a document type, which may unfold to any size"),
        (BOMB.decode().encode("utf-16"), "it has a document type, which may unfold to any size"),
        (b"<a>" * 200_000, "not XML"),
        (b"<a/>" + b" " * MOST_BYTES, f"it has more than {MOST_BYTES} bytes"),
        (b"<html>", "not XML"),
        (b"<a/>", "the answer is no SOAP 1.2"),
    ],
    ids=["bomb", "bomb in UTF-16", "deep", "huge", "HTML", "other XML"],
)
def test_a_hostile_answer_is_refused(answer: bytes, words: str) -> None:
    refused = fault(fixture(answers={"GetProfiles": answer}))
    assert words in str(refused)
    assert len(str(refused)) < 200


@pytest.mark.parametrize(
    "uri", ["", "file:///etc/passwd", "udp://@:1234", "rtsp://[", "rtsp://h/\x85x", "rtsp://h/a b"]
)
def test_an_address_that_is_no_stream_of_a_camera_is_refused(uri: str) -> None:
    assert "no address of a stream" in str(fault(fixture([Stream("main", uri)])))


def test_a_camera_without_video_is_said_to_have_none() -> None:
    assert str(fault(fixture([]))).endswith(": it has no profile with video")


def test_what_is_no_camera_is_said_in_a_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with refusing_port() as port, pytest.raises(SourceOpenError, match="refused: connection ref"):
        OnvifCamera(f"http://127.0.0.1:{port}/onvif/device_service", None).profiles()
    with silent_server() as port, pytest.raises(SourceOpenError, match="no answer within 5 s"):
        OnvifCamera(f"http://127.0.0.1:{port}/onvif/device_service", RIGHT).profiles()
    with pytest.raises(SourceOpenError, match="unknown host: the name does not resolve"):
        OnvifCamera("http://no.such.host.invalid/onvif/device_service", RIGHT).profiles()
    assert PASSWORD not in caplog.text
    assert PASSWORD not in repr(RIGHT)


MAIN, SUB = Profile("m", "m", "H264", 1920, 1080, 25), Profile("s", "s", "H264", 640, 360, 15)
TINY, SLOW = Profile("t", "t", "H264", 176, 144, 25), Profile("l", "l", "H264", 640, 360, 5)
HEVC, UNSAID = Profile("h", "h", "H265", 352, 288, 25), Profile("u", "u", "H264", 352, 288, 0)


@pytest.mark.parametrize(
    ("offered", "taken", "reason"),
    [
        ([MAIN, SUB, TINY], SUB, "the smallest of 3 that is large and fast enough"),
        ([MAIN, SLOW], MAIN, "the smallest of 2 that is large and fast enough"),
        ([MAIN, SUB, HEVC], SUB, "the smallest of 3 that is large and fast enough"),
        ([MAIN, UNSAID], UNSAID, "the smallest of 2 that is large and fast enough"),
        ([MAIN], MAIN, "its only stream"),
        ([TINY, SLOW], SLOW, "none has 320×240 at 8 a second: this is the largest"),
    ],
)
def test_the_smallest_stream_is_taken_that_will_do(
    offered: list[Profile], taken: Profile, reason: str
) -> None:
    assert choose(offered, 8) == (taken, reason)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("192.0.2.10", "http://192.0.2.10/onvif/device_service"),
        ("cam.local:8000", "http://cam.local:8000/onvif/device_service"),
        ("[2001:db8::1]", "http://[2001:db8::1]/onvif/device_service"),
        ("https://192.0.2.10/onvif/device_service", "https://192.0.2.10/onvif/device_service"),
        ("http://192.0.2.10/video", None),
        ("rtsp://192.0.2.10/1", None),
        ("0", None),
        ("films/a.mp4", None),
        ("a.mp4", None),
        ("rtsp://[", None),
        ("http://h:x/onvif/device_service", None),
        ("[::1", None),
        ("/dev/video0", None),
        ("user@192.0.2.10", None),
        ("a.b:99999", None),
    ],
)
def test_a_host_alone_is_asked_by_onvif(text: str, url: str | None) -> None:
    assert device_url(text) == url
