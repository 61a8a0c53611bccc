"""Two UDP ports: what comes on them, from whom, and when nothing does."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from monitor.sources.rtp_ports import RtpPorts


@pytest.fixture
def ports() -> Iterator[RtpPorts]:
    with closing(RtpPorts("127.0.0.1")) as made:
        yield made


@pytest.fixture
def camera() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(5)
        yield made


def test_they_are_an_even_number_and_the_one_after_it(ports: RtpPorts) -> None:
    for each in (ports, RtpPorts("127.0.0.1"), RtpPorts("::1")):
        first, second = each.numbers
        assert (first % 2, second) == (0, first + 1)
        each.close()


def test_packets_and_reports_are_told_apart(ports: RtpPorts, camera: socket.socket) -> None:
    assert (ports.wait(0.0), ports.packet(), ports.report()) == (set(), None, None)
    for port, data in zip(ports.numbers, (b"packet", b"report"), strict=True):
        camera.sendto(data, ("127.0.0.1", port))
    assert ports.wait(5.0)
    assert ports.report() == b"report"
    assert (ports.packet(), ports.packet()) == (b"packet", None)


def test_others_than_the_camera_are_not_listened_to(ports: RtpPorts, camera: socket.socket) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.2", 0))
        other.sendto(b"theirs", ("127.0.0.1", ports.numbers[0]))
        camera.sendto(b"ours", ("127.0.0.1", ports.numbers[0]))
        assert ports.wait(5.0)
        assert [ports.packet() for _ in range(3)] == [None, b"ours", None]
        ports.send_from("127.0.0.2", None)
        other.sendto(b"theirs", ("127.0.0.1", ports.numbers[0]))
        assert ports.wait(5.0)
        assert ports.packet() == b"theirs", "the camera said that it sends from there"


@pytest.mark.parametrize("source", ["127.0.0.1", "", "camera.example"])
def test_a_source_that_is_no_address_is_the_camera(
    ports: RtpPorts, camera: socket.socket, source: str
) -> None:
    number = camera.getsockname()[1]
    ports.send_from(source, (number, number))
    ports.send(b"packet", b"")
    assert camera.recv(99) == b"packet"


@pytest.mark.parametrize("wrong", [None, (0, 1), (70000, 1), (5000, -1)])
def test_ports_that_there_cannot_be_change_nothing(
    ports: RtpPorts, camera: socket.socket, wrong: tuple[int, int] | None
) -> None:
    number = camera.getsockname()[1]
    ports.send_from("127.0.0.1", (number, number))
    ports.send_from("127.0.0.1", wrong)
    ports.send(b"packet", b"")
    assert camera.recv(99) == b"packet", "those that it said before"


def test_a_port_that_nobody_listens_at_breaks_nothing(
    ports: RtpPorts, camera: socket.socket
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        number = gone.getsockname()[1]
    ports.send_from("127.0.0.1", (number, number))
    for _ in range(2):
        ports.send(b"packet", b"report")
        ports.wait(0.2)
        assert (ports.packet(), ports.report()) == (None, None)
    camera.sendto(b"packet", ("127.0.0.1", ports.numbers[0]))
    assert ports.wait(5.0)
    assert ports.packet() == b"packet"


def test_something_else_may_end_the_wait(ports: RtpPorts) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ports.watch(ours.fileno())
        theirs.send(b"x")
        assert ports.wait(5.0) == {ours.fileno()}
