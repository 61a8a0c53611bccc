"""Pictures of RTP packets, H.264 and H.265."""

from __future__ import annotations

import itertools
import struct
from base64 import b64encode

import pytest

from monitor.sources.rtp_video import Picture, Pictures
from monitor.sources.sdp import Medium

START = b"\0\0\0\1"
SPS, PPS, SEI = b"\x67sps", b"\x68pps", b"\x06sei"
KEY, NEXT, SECOND = b"\x65\x88key", b"\x41\x9anext", b"\x41\x1asecond"  # the last: not its first


def medium(codec: str = "H264", rate: int = 90000, **parameters: str) -> Medium:
    said = {name.replace("_", "-"): value for name, value in parameters.items()}
    return Medium("video", 96, "rtsp://cam/a", codec, rate, said)


class Camera:
    """Sends payloads, and keeps the pictures that are made of them."""

    def __init__(self, of: Medium | None = None, number: int = 65533, stamp: int = 2**32 - 3000):
        made = Pictures.of(of or medium())
        assert made is not None
        self.pictures, self.number, self.stamp = made, number, stamp
        self.made: list[Picture] = []

    def send(self, *payloads: bytes, marker: bool = True, step: int = 3000) -> list[bytes]:
        """A picture; what came of it at once, without the codes between units."""
        self.stamp += step
        found: list[Picture] = []
        for place, payload in enumerate(payloads, 1):
            found += self.packet(payload, marker=marker and place == len(payloads))
        return [one.data.replace(START, b"|") for one in found]

    def packet(self, payload: bytes, *, marker: bool) -> list[Picture]:
        head = (0x80, 96 | marker << 7, self.number & 0xFFFF, self.stamp & 0xFFFFFFFF, 1)
        self.number += 1
        found = self.pictures.add(struct.pack("!BBHII", *head) + payload)
        self.made += found
        return found


def fragments(unit: bytes, size: int = 2) -> list[bytes]:
    """Of H.264 (RFC 6184, 5.8)."""
    parts = [unit[at : at + size] for at in range(1, len(unit), size)]
    marks = [(n == 0) << 7 | (n == len(parts) - 1) << 6 | unit[0] & 31 for n in range(len(parts))]
    return [
        bytes((unit[0] & 0xE0 | 28, mark)) + part for mark, part in zip(marks, parts, strict=True)
    ]


def together(*units: bytes) -> bytes:
    """Of H.264 (RFC 6184, 5.7.1)."""
    return b"\x78" + b"".join(struct.pack("!H", len(unit)) + unit for unit in units)


def test_a_picture_is_whole_with_its_last_packet() -> None:
    camera = Camera()
    assert camera.send(together(SPS, PPS), SEI, *fragments(KEY)) == [
        b"|" + b"|".join((SPS, PPS, SEI, KEY))
    ]
    assert camera.send(NEXT, SECOND) == [b"|" + NEXT + b"|" + SECOND]
    assert [(one.ticks, one.key) for one in camera.made] == [(0, True), (3000, False)]


def test_times_go_on_where_numbers_and_stamps_begin_anew() -> None:
    camera = Camera(number=65530, stamp=2**32 - 9000)
    for _ in range(20):
        camera.send(*fragments(NEXT, 3))
    assert [one.ticks for one in camera.made] == [3000 * n for n in range(20)]


def test_a_stamp_may_go_back() -> None:
    camera = Camera()
    for step in (3000, 3000, -90000 * 3600, 3000):
        camera.send(NEXT, step=step)
    ticks = [one.ticks for one in camera.made]
    assert [b - a for a, b in itertools.pairwise(ticks)] == [3000, -90000 * 3600, 3000]


def test_without_markers_a_picture_is_whole_when_the_next_begins() -> None:
    camera = Camera()
    assert camera.send(SPS, PPS, KEY, marker=False) == []
    assert camera.send(NEXT, SECOND, marker=False) == [b"|" + b"|".join((SPS, PPS, KEY))]
    assert [one.data for one in camera.pictures.finish()] == [START + NEXT + START + SECOND]
    assert camera.pictures.finish() == []


def test_parameter_sets_that_are_marked_as_pictures_belong_to_the_next() -> None:
    camera = Camera()
    assert camera.send(SPS) == []
    assert camera.send(PPS, step=0) == []
    assert camera.send(KEY, step=0) == [b"|" + b"|".join((SPS, PPS, KEY))]
    assert camera.send(SPS) == []
    assert camera.send(KEY) == [b"|" + b"|".join((SPS, KEY))]


def test_a_camera_that_marks_every_slice_loses_one_picture_alone() -> None:
    camera = Camera()
    for _ in range(4):
        camera.send(NEXT)
        camera.send(SECOND, step=0)
    camera.made += camera.pictures.finish()
    whole = START + NEXT + START + SECOND
    assert [one.data for one in camera.made] == [START + NEXT, whole, whole, whole]
    assert [one.ticks for one in camera.made] == [0, 3000, 6000, 9000]


def test_two_fields_of_a_picture_are_both_given() -> None:
    camera = Camera()
    for _ in range(2):
        camera.send(KEY)
        camera.send(NEXT, step=0)
    assert [one.data for one in camera.made] == [START + KEY, START + NEXT] * 2


def test_fragments_after_one_that_is_missing_are_left_out() -> None:
    camera = Camera()
    parts = fragments(b"\x65\x88abcdefgh")
    camera.packet(parts[0], marker=False)
    camera.number += 1
    for part in parts[2:]:
        camera.packet(part, marker=part is parts[-1])
    assert [one.data for one in camera.made] == [START + b"\x65\x88a"]
    camera.number += 1  # the start of the next
    assert camera.send(*parts[1:]) == []
    assert camera.send(NEXT) == [b"|" + NEXT]


def test_parameter_sets_of_the_description_come_before_the_first_picture() -> None:
    sets = ",".join(b64encode(one).decode().rstrip("=") for one in (SPS, PPS))
    camera = Camera(medium(packetization_mode="1", sprop_parameter_sets=sets + ",*,"))
    assert camera.send(KEY) == [b"|" + b"|".join((SPS, PPS, KEY))]
    assert camera.send(NEXT) == [b"|" + NEXT]


VPS5, SPS5, PPS5 = b"\x40\x01v", b"\x42\x01s", b"\x44\x01p"
KEY5, NEXT5, SECOND5 = b"\x26\x01\xafkey", b"\x02\x01\xd0next", b"\x02\x01\x50second"


def fragments5(unit: bytes) -> list[bytes]:
    """Of H.265 (RFC 7798, 4.4.3)."""
    parts = [unit[at : at + 2] for at in range(2, len(unit), 2)]
    kind = unit[0] >> 1 & 63
    marks = [(n == 0) << 7 | (n == len(parts) - 1) << 6 | kind for n in range(len(parts))]
    head = bytes((unit[0] & 0x81 | 49 << 1, unit[1]))
    return [head + bytes((mark,)) + part for mark, part in zip(marks, parts, strict=True)]


def test_pictures_of_h265() -> None:
    sets = {"sprop_vps": VPS5, "sprop_sps": SPS5, "sprop_pps": PPS5}
    said = {name: b64encode(one).decode() for name, one in sets.items()}
    camera = Camera(medium("H265", **said))
    several = b"\x60\x01" + b"".join(struct.pack("!H", len(u)) + u for u in (PPS5, KEY5))
    assert camera.send(several) == [b"|" + b"|".join((VPS5, SPS5, PPS5, PPS5, KEY5))]
    assert camera.send(NEXT5, *fragments5(SECOND5)) == [b"|" + NEXT5 + b"|" + SECOND5]
    assert camera.send(*fragments5(KEY5)) == [b"|" + KEY5]
    assert [one.key for one in camera.made] == [True, False, True]


@pytest.mark.parametrize("kind", range(256))
@pytest.mark.parametrize("codec", ["H264", "H265"])
def test_what_is_broken_or_not_known_is_left_out(codec: str, kind: int) -> None:
    camera = Camera(medium(codec))
    for rest in (b"", b"\0", b"\1", b"\xff", b"\1\xff", b"\0\0", b"\1\0\0", b"\1\0\5a", bytes(4)):
        camera.packet(bytes((kind,)) + rest, marker=False)
    good = KEY if codec == "H264" else KEY5
    camera.packet(b"\x01", marker=True)
    camera.send(good)
    assert camera.made[-1].data.endswith(good)


def test_a_picture_without_end_is_a_lost_stream() -> None:
    camera = Camera()
    for _ in range(559):
        camera.packet(SEI + bytes(60_000), marker=True)
    with pytest.raises(OSError, match="a picture of more than 33554432 bytes"):
        camera.packet(SEI + bytes(60_000), marker=True)


@pytest.mark.parametrize(
    "other",
    [
        medium("VP8"),
        medium(""),
        medium(packetization_mode="2"),
        medium("H265", sprop_max_don_diff="1"),
        medium(rate=0),
        medium("H265", rate=0),
    ],
)
def test_what_is_not_known_here_is_left_to_ffmpeg(other: Medium) -> None:
    assert Pictures.of(other) is None
