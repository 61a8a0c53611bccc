"""RTP packets: whatever is in them, and in whatever order they come over UDP."""

from __future__ import annotations

import struct

import pytest

from monitor.sources.rtp import InOrder, Packet


def packet(number: int, payload: bytes = b"") -> bytes:
    return struct.pack("!BBHII", 0x80, 96, number & 0xFFFF, 0, 1) + payload


class Order:
    """What comes out, by numbers; the clock is the test's."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._order = InOrder(lambda: self.now_s)

    def add(self, *numbers: int) -> list[int]:
        found = [one for number in numbers for one in self._order.add(packet(number, b"x"))]
        return [Packet.parse(one).number for one in found]


def test_a_packet_holds_what_its_header_says() -> None:
    header = struct.pack("!BBHIIIHH", 0xB1, 0xE0, 7, 9, 1, 2, 3, 1)  # a source, an extension
    assert Packet.parse(header + b"ext.body\0\2") == Packet(7, 9, True, b"body")


@pytest.mark.parametrize(
    "data",
    [
        packet(7),
        b"\x8f" + packet(7)[1:] + b"few",  # of 15 sources
        b"\x90" + packet(7)[1:] + b"\0\0",  # of an extension
        b"\x90" + packet(7)[1:] + b"\0\0\xff\xffbody",
        b"\xa0" + packet(7)[1:] + b"body\xff",  # padding
    ],
    ids=["empty", "sources", "extension cut", "extension too long", "padding too long"],
)
def test_a_broken_packet_has_a_number_and_nothing_else(data: bytes) -> None:
    found = Packet.parse(data)
    assert (found.number, found.payload) == (7, b"")


def test_swapped_and_doubled_packets_come_once_and_in_order_over_the_last_number() -> None:
    order = Order()
    assert order.add(65533, 65535, 65535, 65534, 1, 65534, 0, 1, 2) == [
        *range(65533, 65536),
        0,
        1,
        2,
    ]


def test_a_lost_packet_is_waited_for_a_tenth_of_a_second() -> None:
    order = Order()
    assert order.add(1, 3, 5) == [1]
    order.now_s = 0.05
    assert order.add(6) == []
    order.now_s = 0.11
    # One wait for all that are missing: else each loss would delay what follows a little more.
    assert order.add(8) == [3, 5, 6]
    assert order.add(2, 4) == []  # too late
    assert order.add(7) == [7, 8]


def test_many_losses_hold_no_packet_for_longer_than_one() -> None:
    order, came_s, longest_s = Order(), {}, 0.0
    for number in range(1, 3000):
        if number % 20:  # of 500 a second, 25 are lost
            order.now_s = number / 500
            came_s[number] = order.now_s
            for one in order.add(number):
                longest_s = max(longest_s, order.now_s - came_s[one])
    assert longest_s < 0.11


def test_no_more_than_a_few_hundred_packets_wait() -> None:
    order = Order()
    assert len(order.add(1, *range(3, 400))) > 390


@pytest.mark.parametrize("first", [5, 20_000, 50_000])
def test_a_stream_that_begins_anew_loses_nothing(first: int) -> None:
    order = Order()
    assert order.add(40_000, 40_002) == [40_000]
    found = order.add(first)
    order.now_s = 0.2
    assert found + order.add(first + 1, first + 2) == [40_002, first, first + 1, first + 2]
