"""RTP packets (RFC 3550): what they carry, and their order."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

HEADER_BYTES = 12
_HALF = 1 << 15  # of all numbers: further ahead is behind
_MOST = 256  # packets that wait for one that is missing
_WAIT_S = 0.1  # for it


class Packet(NamedTuple):
    """One packet."""

    number: int  # 16 bits
    stamp: int  # ticks of the stream's clock, 32 bits
    marker: bool  # of video: the last one of a picture
    payload: bytes

    @classmethod
    def parse(cls, data: bytes) -> Packet | None:
        """Of at least a header; None if it has no payload."""
        at, end = HEADER_BYTES + 4 * (data[0] & 15), len(data)
        if data[0] & 16:  # a header extension
            at += 4 + 4 * int.from_bytes(data[at + 2 : at + 4])
        if data[0] & 32:  # padding
            end -= data[-1]
        if at >= end:
            return None
        number, stamp = int.from_bytes(data[2:4]), int.from_bytes(data[4:8])
        return cls(number, stamp, data[1] >= 128, data[at:end])


class InOrder:
    """Puts packets that came over UDP into their order; one that is missing is waited for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next: int | None = None
        self._waiting: dict[int, bytes] = {}  # by their numbers, ahead of the next one
        self._since_s = 0.0

    def add(self, packet: bytes) -> list[bytes]:
        """The packets whose turn it is, after one that came."""
        number = int.from_bytes(packet[2:4])
        ahead = 0 if self._next is None else (number - self._next) & 0xFFFF
        if ahead >= _HALF:
            if 0x10000 - ahead <= _MOST:
                return []  # it came twice, or too late
            ahead, self._next, self._waiting = 0, None, {}  # the camera began anew
        if ahead:
            if not self._waiting:
                self._since_s = self._clock()
            self._waiting[number] = packet
            if len(self._waiting) < _MOST and self._clock() - self._since_s < _WAIT_S:
                return []
            number = min(self._waiting, key=lambda one: (one - (self._next or 0)) & 0xFFFF)
            packet = self._waiting.pop(number)
        found = [packet]
        while (number := (number + 1) & 0xFFFF) in self._waiting:
            found.append(self._waiting.pop(number))
        self._next, self._since_s = number, self._clock()
        return found
