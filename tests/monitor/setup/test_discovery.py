"""Cameras that answer WS-Discovery, and what else does."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from monitor.setup.discovery import EVERYBODY, Device, discover
from testkit.patience import LIMIT_S
from testkit.servers.onvif import OnvifCamera, onvif_camera

WAIT_S = 1.0


def found(camera: OnvifCamera) -> list[Device]:
    with onvif_camera(camera):
        return discover([("127.0.0.1", camera.discovery_port)], WAIT_S)


@contextmanager
def babbler(answer: bytes) -> Iterator[int]:
    """The port of a host that says the same to all questions."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.bind(("127.0.0.1", 0))

        def speak() -> None:
            while (got := asked.recvfrom(1 << 16))[0]:
                for _ in range(3):
                    asked.sendto(answer, got[1])

        thread = threading.Thread(target=speak)
        thread.start()
        try:
            yield asked.getsockname()[1]
        finally:
            asked.sendto(b"", asked.getsockname())
            thread.join()


def test_a_camera_is_found_once_with_its_name_at_the_address_that_answered() -> None:
    camera = OnvifCamera([])
    assert found(camera) == [Device(camera.url, "Front-door")]


def test_two_cameras_are_found() -> None:
    with onvif_camera(OnvifCamera([])) as one, onvif_camera(OnvifCamera([])) as other:
        places = [("127.0.0.1", camera.discovery_port) for camera in (one, other)]
        assert {device.url for device in discover(places, WAIT_S)} == {one.url, other.url}


@pytest.mark.parametrize("number", ["urn:uuid:0", "", "uuid:ffffffff-0000-4000-8000-000000000000"])
def test_an_answer_to_another_question_is_passed_over(number: str) -> None:
    assert found(OnvifCamera([], relates_to=number or "-")) == []


@pytest.mark.parametrize(
    ("xaddrs", "url"),
    [
        ("http://192.0.2.66:8000/a", "http://127.0.0.1:8000/a"),
        ("http://192.0.2.66/a http://127.0.0.1:81/b", "http://127.0.0.1:81/b"),
        ("file:///etc/passwd", "http://127.0.0.1/onvif/device_service"),
        ("http://[", "http://127.0.0.1/onvif/device_service"),
        ("http://eve:pw@127.0.0.1/c", "http://127.0.0.1/c"),
    ],
)
def test_what_answers_cannot_send_to_another_host(xaddrs: str, url: str) -> None:
    camera = OnvifCamera([], xaddrs=xaddrs)
    assert [device.url for device in found(camera)] == [url]


@pytest.mark.parametrize(
    "answer",
    [b"<", b"\xff\xfe" * 1000, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"<a>" * 20000],
    ids=["cut", "noise", "bomb", "deep"],
)
def test_nonsense_is_passed_over_and_others_are_found(answer: bytes) -> None:
    camera = OnvifCamera([])
    with babbler(answer) as port, onvif_camera(camera):
        places = [("127.0.0.1", port), ("127.0.0.1", camera.discovery_port)]
        assert [device.url for device in discover(places, 3 * WAIT_S)] == [camera.url]


def test_where_nobody_answers_nothing_is_found() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        assert discover([deaf.getsockname()], 0.2) == []


def test_everybody_is_asked_on_every_interface() -> None:
    camera = OnvifCamera([])
    with onvif_camera(camera), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as group:
        group.settimeout(LIMIT_S)
        group.bind((EVERYBODY[0], 0))
        member = struct.pack(
            "4s4si", socket.inet_aton(EVERYBODY[0]), bytes(4), socket.if_nametoindex("lo")
        )
        group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)

        def answer() -> None:
            question, asker = group.recvfrom(1 << 16)
            group.sendto(camera.found(question), asker)

        thread = threading.Thread(target=answer)
        thread.start()
        found = discover([(EVERYBODY[0], group.getsockname()[1])], WAIT_S)
        thread.join()
    assert [device.name for device in found] == ["Front-door"]
