"""What a camera may send over RTSP: answers, descriptions, packets, and anything else."""

from __future__ import annotations

import struct
from base64 import b64encode
from contextlib import suppress

from monitor.sources.rtp import HEADER_BYTES, InOrder
from monitor.sources.rtp_video import Pictures
from monitor.sources.rtsp_messages import Message, Parts
from monitor.sources.sdp import Description, Medium

_URL = "rtsp://cam/a"
_SETS = ",".join(b64encode(one).decode() for one in (b"\x67sps", b"\x68pps"))
_SDP = (
    "v=0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 {}/90000\r\n"
    "a=fmtp:96 packetization-mode=1;sprop-parameter-sets={}\r\na=control:track1\r\n"
)
RTSP = (
    b"$\0\0\x10",
    b"$\0\xff\xff",
    b"\r\n\r\n",
    b"RTSP/1.0 200 OK\r\n",
    b"Content-Length: ",
    b"\x7c\xc5",
    b"\x78\0\2\x65\x88",
    b"\x62\x01\x93",
    b"\x90\xe0\0\1\0\0\0\0\0\0\0\1",
)


def check_rtsp(data: bytes) -> bool:
    """Take a connection apart, cut in two ways: the same comes of it, and no error but OSErrors."""
    whole, cut = (_taken(data, size) for size in (1 << 16, 7))
    assert whole == cut
    return bool(whole)


def _taken(data: bytes, size: int) -> list[object]:
    parts, found = Parts(), list[object]()
    order = InOrder(lambda: 0.0)
    pictures: Pictures | None = None
    try:
        for at in range(0, len(data), size):
            parts.add(data[at : at + size])
            while (part := parts.next()) is not None:
                found.append(part)
                if isinstance(part, Message):
                    video = Description.parse(part.body, _URL).first("video")
                    pictures = Pictures.of(video) if video else pictures
                elif pictures is not None and len(part.data) > HEADER_BYTES:
                    for packet in order.add(part.data):
                        found += pictures.add(packet)
    except OSError as error:
        found.append(str(error))
    return [one for one in found if not isinstance(one, str)]


def conversations() -> list[bytes]:
    """Of cameras that do as they should."""
    found = []
    for codec, payloads in (
        ("H264", [b"\x67sps", b"\x65\x88key", b"\x7c\x81\x9a", b"\x7c\x01b", b"\x7c\x41c"]),
        ("H265", [b"\x40\1vps", b"\x26\1\xafk", b"\x62\1\x81\xd0", b"\x62\1\x41b"]),
    ):
        body = _SDP.format(codec, _SETS).encode()
        head = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: %d\r\n\r\n" % len(body)
        stream = head + body
        for number, payload in enumerate(payloads):
            packet = struct.pack("!BBHII", 0x80, 0xE0, number, 3000 * number, 1) + payload
            stream += struct.pack("!cBH", b"$", 0, len(packet)) + packet
        found.append(stream)
    return found


def check_rtp(data: bytes) -> bool:
    """Whatever packets a camera sends, they are pictures of no more bytes, or an OSError.

    The first byte chooses the codec; before each packet stands its size, in a byte.
    """
    codec = ("H264", "H265")[data[:1] > b"\x7f"]
    sets = {"sprop-parameter-sets": "Z3M=,aHA=", "sprop-sps": "QgFz"}
    pictures = Pictures.of(Medium("video", 96, "", codec, 90_000, sets))
    assert pictures is not None
    order, found, at, count = InOrder(lambda: 0.0), [], 1, 0
    with suppress(OSError):
        while at < len(data):
            packet = data[at + 1 : at + 1 + data[at]].ljust(HEADER_BYTES, b"\0")
            at += 1 + data[at]
            count += 1
            for one in order.add(packet):
                found += pictures.add(one)
        found += pictures.finish()
    assert len(found) <= count + 1
    # A start code each, and those sets of the description.
    assert sum(len(one.data) for one in found) <= 5 * len(data) + 100 * len(found)
    return bool(found)


def packets() -> list[bytes]:
    """Parameter sets, a key frame in fragments, and the next picture, of each codec."""
    films = (
        (b"\x18\0\2gs\0\2hp", b"\x7c\x85\x88a", b"\x7c\x45b", b"\x41\x9ac"),
        (b"\x60\1\0\3@\1v\0\3B\1s", b"\x62\1\x93\x80a", b"\x62\1\x53b", b"\2\1\x80c"),
    )
    found = []
    for codec, payloads in zip((b"\0", b"\xff"), films, strict=True):
        data = codec
        for at, payload in enumerate(payloads):
            head = struct.pack("!BBHII", 0x80, 96 | (at > 1) << 7, at, 3600 * (at > 2), 1)
            data += bytes((len(head + payload),)) + head + payload
        found.append(data)
    return found


RTP = (b"\0\0\1", b"\x1c", b"\x62", b"\x90", b"\xa0", b"\xff\xff", b"\xe0", b"\0\0", b"\x80")
