"""RTP packets: what they carry, and their order."""

from __future__ import annotations

import random
import struct

import pytest

from monitor.sources.rtp import InOrder, Packet


def packet(number: int, payload: bytes = b"a", *, first: int = 0x80, marker: bool = False) -> bytes:
    return struct.pack("!BBHII", first, 96 | marker << 7, number & 0xFFFF, 7, 1) + payload


def test_a_packet_is_read() -> None:
    assert Packet.parse(packet(3, b"abc", marker=True)) == Packet(3, 7, True, b"abc")


def test_what_stands_before_and_after_the_payload_is_left_out() -> None:
    extended = packet(3, bytes(8) + b"\0\0\0\1" + bytes(4) + b"abc" + b"\0\2", first=0xB2)
    assert Packet.parse(extended) == Packet(3, 7, False, b"abc")


@pytest.mark.parametrize(
    ("first", "payload"),
    [
        (0x80, b""),
        (0x8F, b"a" * 60),  # all of it are sources
        (0x90, b"a"),
        (0x90, b"\0\0\xff\xff" + b"a" * 20),
        (0xA0, b"a\xff"),
        (0xA0, b"\1"),
    ],
)
def test_a_packet_without_a_payload_is_none(first: int, payload: bytes) -> None:
    assert Packet.parse(packet(3, payload, first=first)) is None


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def ordered(numbers: list[int], step_s: float = 0.0) -> list[int]:
    clock = Clock()
    order, found = InOrder(clock), []
    for number in numbers:
        clock.now_s += step_s
        found += [int.from_bytes(one[2:4]) for one in order.add(packet(number))]
    return found


def test_packets_that_were_swapped_or_came_twice_are_put_in_their_order() -> None:
    rng = random.Random(4)
    sent = [number & 0xFFFF for number in range(65400, 65400 + 400)]
    for spread in (1, 3, 20):
        came = sorted(range(400), key=lambda at: at + rng.uniform(0, spread))
        came.remove(0)
        numbers = [sent[at] for at in [0, *came]]
        doubled = [number for number in numbers for _ in range(rng.randint(1, 2))]
        assert ordered(doubled) == sent


def test_a_packet_that_is_lost_is_waited_for_a_tenth_of_a_second() -> None:
    assert ordered([1, 2, 4, 5], step_s=0.01) == [1, 2]
    assert ordered([1, 2, *range(4, 16)], step_s=0.01) == [1, 2, *range(4, 15), 15]
    assert ordered([1, 2, *range(4, 16), 3, 16], step_s=0.01)[-2:] == [15, 16], "too late"


def test_no_more_wait_than_a_few_hundred() -> None:
    assert ordered([1, *range(3, 300)]) == [1, *range(3, 300)]


def test_a_camera_that_numbers_anew_is_followed() -> None:
    assert ordered([50000, 50001, 20000, 20001]) == [50000, 50001, 20000, 20001]
    assert ordered([100, 101, 60000, 60001, 60002], step_s=0.06)[-3:] == [60000, 60001, 60002]
