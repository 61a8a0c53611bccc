"""An RTSP session's pictures as a file that FFmpeg reads: Matroska (RFC 9559), a cluster for each.

FFmpeg's own RTSP asks Python for leave at every few bytes that come, with all cameras' threads in
each other's way, and gives a picture when the next one begins. It asks this file once a picture.
"""

from __future__ import annotations

from collections.abc import Callable

import av
from av.container import InputContainer

from monitor.decode.hardware import accelerator
from monitor.decode.options import Decoding
from monitor.sources.rtp_video import Picture, Pictures

_TICKS_PER_S = 1_000_000
# What a camera's clock may be set back without a time below zero, which the format has not.
_FIRST_S = 1_000_000
_MOST_TICKS = 1 << 53  # that a float counts exactly
_EBML, _DOC_TYPE = b"\x1a\x45\xdf\xa3", b"\x42\x82"
_SEGMENT, _ENDLESS = b"\x18\x53\x80\x67", b"\x01" + b"\xff" * 7
_INFO, _TICK_NS = b"\x15\x49\xa9\x66", b"\x2a\xd7\xb1"
_TRACKS, _TRACK, _NUMBER, _KIND, _CODEC = b"\x16\x54\xae\x6b", b"\xae", b"\xd7", b"\x83", b"\x86"
_CLUSTER, _TIME, _BLOCK = b"\x1f\x43\xb6\x75", b"\xe7", b"\xa3"


def _element(name: bytes, *parts: bytes) -> bytes:
    size = sum(map(len, parts))
    return b"".join((name, (1 << 56 | size).to_bytes(8), *parts))


def _head(codec: bytes) -> bytes:
    """What comes before the first picture; their size stands in the pictures."""
    tick_ns = (1_000_000_000 // _TICKS_PER_S).to_bytes(4)
    track = (_element(_NUMBER, b"\1"), _element(_KIND, b"\1"), _element(_CODEC, codec))
    return b"".join(
        (
            _element(_EBML, _element(_DOC_TYPE, b"matroska")),
            _SEGMENT + _ENDLESS,
            _element(_INFO, _element(_TICK_NS, tick_ns)),
            _element(_TRACKS, _element(_TRACK, *track)),
        )
    )


class _RtpFile:
    """What FFmpeg reads; once it has ended, or failed, there is nothing more."""

    name = "rtp"

    def __init__(self, pictures: Pictures, packet: Callable[[], bytes]) -> None:
        self._pictures = pictures
        self._packet = packet
        self._left = _head(pictures.codec)
        self._over = False

    def read(self, size: int) -> bytes:
        """What comes next, up to a picture at once; nothing at the end."""
        left = self._left
        while not (left or self._over):
            self._over = True  # FFmpeg asks again after an error
            packet = self._packet()
            found = self._pictures.add(packet) if packet else self._pictures.finish()
            left = b"".join(map(self._cluster, found))
            self._over = not packet
        self._left = left[size:]
        return left[:size]

    def _cluster(self, picture: Picture) -> bytes:
        time = _FIRST_S * _TICKS_PER_S + picture.ticks * _TICKS_PER_S // self._pictures.rate
        if not 0 <= time < _MOST_TICKS:
            raise OSError(None, "timestamps that are too far apart")
        track = b"\x81\0\0\x80" if picture.key else b"\x81\0\0\0"
        block = _element(_BLOCK, track, picture.data)
        return _element(_CLUSTER, _element(_TIME, time.to_bytes(8)), block)


def open_rtp(pictures: Pictures, packet: Callable[[], bytes], decoding: Decoding) -> InputContainer:
    """The stream of the packets that a function gives; its errors, and FFmpeg's."""
    return av.open(
        _RtpFile(pictures, packet),
        "r",
        format="matroska",
        options={
            "protocol_whitelist": "none",
            # Nothing is probed but the first picture: that costs seconds.
            "analyzeduration": "0",
            "probesize": "32",
            "indexmem": "1024",  # bytes, of where key frames stood
        },
        metadata_errors="ignore",
        hwaccel=accelerator(decoding.hardware),
    )
