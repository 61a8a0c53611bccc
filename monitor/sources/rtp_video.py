"""Pictures of RTP packets: H.264 (RFC 6184) and H.265 (RFC 7798), in the form of Annex B.

A picture is whole with the packet whose marker says so. FFmpeg would wait for the next picture, and
each alert would come one frame later. The first one waits for the next all the same: only that
shows if the camera marks the ends of pictures, or those of slices.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple, Protocol

from monitor.sources.rtp import Packet
from monitor.sources.sdp import Medium

_START = b"\0\0\0\1"
_BEGIN = b"\0\0\1"  # of a unit, within others
_MOST_BYTES = 1 << 25  # of a picture
_MOST_PARTS = 1 << 18  # of bytes, which may be one each


class Picture(NamedTuple):
    """One picture, or a field of one."""

    ticks: int  # of the stream's clock, since its first packet
    key: bool  # whether it can be decoded without what was before it
    data: bytes


class _Payloads(Protocol):
    """What a codec's payloads hold."""

    codec: bytes  # as Matroska names it
    slices: int  # that began since `begin`
    continued: bool  # whether the first one is not the first of its picture
    key: bool  # whether one can be decoded without what was before it
    sets: bool  # whether there are parameter sets

    def begin(self) -> None:
        """A picture begins."""

    def take(self, payload: bytes, into: list[bytes]) -> None:
        """Append the units of a payload, or parts of one."""

    def lost(self) -> None:
        """A packet is missing, and with it the rest of a unit."""


class _Units:
    """What both codecs have in common: units, alone, several in a payload, or in fragments."""

    _SLICES = range(0)  # kinds of unit
    _KEYS = range(0)
    _SET = 0

    def __init__(self) -> None:
        self._open = False  # whether a fragmented unit has begun
        self.begin()

    def begin(self) -> None:
        """A picture begins."""
        self.slices, self.continued, self.key, self.sets = 0, False, False, False

    def lost(self) -> None:
        """A packet is missing, and with it the rest of a unit."""
        self._open = False

    @staticmethod
    def _kind(unit: bytes) -> int:
        raise NotImplementedError

    def _unit(self, kind: int, head: bytes, rest: bytes, into: list[bytes]) -> None:
        if kind in self._SLICES:
            if not self.slices and rest:
                self.continued = rest[0] < 128  # its first bit says that it is the first one
            self.slices += 1
            self.key = self.key or kind in self._KEYS
        else:
            self.sets = self.sets or kind == self._SET
            if _BEGIN in rest:
                self._look_within(rest)
        into += (_START, head, rest)

    def _look_within(self, rest: bytes) -> None:
        """Some cameras send parameter sets and slices as one unit, as they stand in a file."""
        for unit in rest.split(_BEGIN)[1:]:
            if unit and (kind := self._kind(unit)) in self._SLICES:
                self.slices += 1
                self.key = self.key or kind in self._KEYS

    def _fragment(self, mark: int, kind: int, head: bytes, rest: bytes, into: list[bytes]) -> None:
        if mark & 0x80:
            self._unit(kind, head, rest, into)
            self._open = True
        elif self._open:
            into.append(rest)
        self._open = self._open and not mark & 0x40


def _bare(payload: bytes) -> bytes:
    """Without a start code, which some cameras leave in front of a unit."""
    return payload.lstrip(b"\0")[1:] if payload[:2] == b"\0\0" else payload


def _several(payload: bytes, at: int) -> Iterator[bytes]:
    """The units of a payload, each behind its size."""
    while at + 2 < len(payload):
        end = at + 2 + int.from_bytes(payload[at : at + 2])
        if end > at + 2:
            yield payload[at + 2 : end]
        at = end


class _H264(_Units):
    """Non-interleaved mode, and single units (RFC 6184, 5.4)."""

    codec = b"V_MPEG4/ISO/AVC"
    _SLICES, _KEYS, _SET = range(1, 6), range(5, 6), 7

    @staticmethod
    def _kind(unit: bytes) -> int:
        return unit[0] & 31

    def take(self, payload: bytes, into: list[bytes]) -> None:
        """Append the units of a payload, or parts of one."""
        if not payload[0] and not (payload := _bare(payload)):
            return
        kind = payload[0] & 31
        if kind == 28:
            if len(payload) > 2:
                mark = payload[1]
                head = bytes((payload[0] & 0xE0 | mark & 31,))
                self._fragment(mark, mark & 31, head, payload[2:], into)
            return
        self._open = False
        if kind == 24:
            for unit in _several(payload, 1):
                self._unit(unit[0] & 31, unit[:1], unit[1:], into)
        elif 1 <= kind < 24:
            self._unit(kind, payload[:1], payload[1:], into)


class _H265(_Units):
    """Without decoding order numbers (RFC 7798, 4.4)."""

    codec = b"V_MPEGH/ISO/HEVC"
    _SLICES, _KEYS, _SET = range(32), range(16, 24), 33

    @staticmethod
    def _kind(unit: bytes) -> int:
        return unit[0] >> 1 & 63

    def take(self, payload: bytes, into: list[bytes]) -> None:
        """Append the units of a payload, or parts of one."""
        if not payload[0] and not (payload := _bare(payload)):
            return
        kind = payload[0] >> 1 & 63
        if kind == 49:
            if len(payload) > 3:
                mark = payload[2]
                head = bytes((payload[0] & 0x81 | (mark & 63) << 1, payload[1]))
                self._fragment(mark, mark & 63, head, payload[3:], into)
            return
        self._open = False
        if kind == 48:
            for unit in _several(payload, 2):
                self._unit(unit[0] >> 1 & 63, unit[:2], unit[2:], into)
        elif kind < 48:
            self._unit(kind, payload[:2], payload[2:], into)


class Pictures:
    """Makes pictures of one stream's packets, which come in their order."""

    def __init__(self, medium: Medium, payloads: _Payloads) -> None:
        self.codec = payloads.codec
        self.rate = medium.rate
        self._payloads = payloads
        # Those of the description, until the stream has its own.
        self._sets = [part for one in _parameter_sets(medium) for part in (_START, one)]
        self._parts: list[bytes] = []
        self._size = 0
        self._number: int | None = None
        self._stamp = 0
        self._ticks: int | None = None  # of what is taken now, from the first packet on
        self._given: int | None = None  # those of the picture that was given last
        self._by_marker = True  # whether markers tell the truth
        self._held: list[Picture] = []  # the first one, until the next shows that its marker did
        self._lost = False  # whether packets of this picture are missing
        payloads.begin()

    @classmethod
    def of(cls, medium: Medium) -> Pictures | None:
        """None if it is no codec, or no form of it, that is known here."""
        said = medium.parameters
        if medium.codec == "H264" and said.get("packetization-mode", "0") in ("0", "1"):
            return cls(medium, _H264()) if medium.rate else None
        if medium.codec == "H265" and said.get("sprop-max-don-diff", "0") == "0":
            return cls(medium, _H265()) if medium.rate else None
        return None

    def add(self, data: bytes) -> list[Picture]:
        """The pictures that are whole with a packet; OSError if one has no end."""
        packet = Packet.parse(data)
        if self._number is not None and packet.number != (self._number + 1) & 0xFFFF:
            self._payloads.lost()
            self._lost = True
        self._number = packet.number
        if not packet.payload:
            return []
        step = (packet.stamp - self._stamp + (1 << 31) & 0xFFFFFFFF) - (1 << 31)
        ticks = 0 if self._ticks is None else self._ticks + step
        found = self._end() if ticks != self._ticks else []  # it had no marker
        self._ticks, self._stamp = ticks, packet.stamp
        self._payloads.take(packet.payload, self._parts)
        self._size += len(packet.payload)
        if self._size > _MOST_BYTES or len(self._parts) > _MOST_PARTS:
            raise OSError(None, f"a picture of more than {_MOST_BYTES} bytes, or without an end")
        if ticks == self._given and self._payloads.continued and not self._lost:
            self._by_marker = False  # it was not the end: some mark every slice
            self._go_on()
        elif self._payloads.slices:
            found = self._release() + found
        if packet.marker and self._by_marker:
            if self._given is None:
                self._held = self._end()
            else:
                found += self._end()
        return found

    def finish(self) -> list[Picture]:
        """What there is of pictures, as the last ones; nothing if there is none."""
        return self._release() + self._end()

    def _release(self) -> list[Picture]:
        held, self._held = self._held, []
        return held

    def _go_on(self) -> None:
        """With the first picture, if that is what has not ended."""
        for begun in self._release():
            self._parts.insert(0, begun.data)
            self._payloads.key = self._payloads.key or begun.key
            self._given = None

    def _end(self) -> list[Picture]:
        """The picture that is taken now; nothing if nothing of one has come."""
        if self._ticks is None or not self._payloads.slices:
            return []  # parameter sets belong to the next one
        whole = self._ticks != self._given or not self._payloads.continued
        if self._payloads.sets:
            self._sets = []
        elif self._sets and (self._payloads.key or self._given is None):
            # A key frame is where a decoder may begin, and a recorded clip.
            self._parts[:0] = self._sets
        picture = Picture(self._ticks, self._payloads.key, b"".join(self._parts))
        self._given = self._ticks
        self._parts, self._size, self._lost = [], 0, False
        self._payloads.begin()
        return [picture] if whole else []


def _parameter_sets(medium: Medium) -> Iterator[bytes]:
    """Those of the description: the stream itself need not have any."""
    for name in ("sprop-vps", "sprop-sps", "sprop-pps", "sprop-parameter-sets"):
        for text in medium.parameters.get(name, "").split(","):
            with suppress(ValueError):
                if unit := b64decode(text + "=" * (-len(text) % 4)):
                    yield unit
