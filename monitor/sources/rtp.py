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
    payload: bytes  # none in a packet that is broken, or sent for its padding

    @classmethod
    def parse(cls, data: bytes) -> Packet:
        """Of at least a header."""
        at, end = HEADER_BYTES + 4 * (data[0] & 15), len(data)
        if data[0] & 16:  # a header extension
            at += 4 + 4 * int.from_bytes(data[at + 2 : at + 4])
        if data[0] & 32:  # padding
            end -= data[-1]
        number, stamp = int.from_bytes(data[2:4]), int.from_bytes(data[4:8])
        return cls(number, stamp, data[1] >= 128, data[at:end])


class InOrder:
    """Puts packets that came over UDP into their order; one that is missing is waited for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next: int | None = None
        # Ahead of the next one, by their numbers, and when they came, the first one first.
        self._waiting: dict[int, tuple[float, bytes]] = {}

    def add(self, packet: bytes) -> list[bytes]:
        """The packets whose turn it is, after one that came."""
        number = int.from_bytes(packet[2:4])
        ahead = 0 if self._next is None else (number - self._next) & 0xFFFF
        found: list[bytes] = []
        if ahead >= _HALF:
            if 0x10000 - ahead <= _MOST:
                return []  # it came twice, or too late
            while self._waiting:  # the camera began anew
                self._go_on(found)
            ahead = 0
        if ahead == 0:
            found.append(packet)
            self._next = number + 1 & 0xFFFF
            if not self._waiting:
                return found
            self._take(found)
        elif number not in self._waiting:
            self._waiting[number] = (self._clock(), packet)
        while self._waiting and (len(self._waiting) >= _MOST or self._is_late()):
            self._go_on(found)
        return found

    def _is_late(self) -> bool:
        since_s, _ = next(iter(self._waiting.values()))
        return self._clock() - since_s >= _WAIT_S

    def _go_on(self, found: list[bytes]) -> None:
        """Wait no longer for the packet that is missing."""
        before = self._next or 0
        self._next = min(self._waiting, key=lambda number: (number - before) & 0xFFFF)
        self._take(found)

    def _take(self, found: list[bytes]) -> None:
        """Those that waited up to the next one that is missing."""
        while self._next in self._waiting:
            found.append(self._waiting.pop(self._next)[1])
            self._next = self._next + 1 & 0xFFFF
