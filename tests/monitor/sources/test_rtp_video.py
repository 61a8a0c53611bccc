"""Pictures of RTP packets, as good cameras and odd ones send them."""

from __future__ import annotations

import struct
from base64 import b64encode
from itertools import count

import pytest

from monitor.sources.rtp_video import Picture, Pictures
from monitor.sources.sdp import Medium

START = b"\0\0\0\1"
SPS, PPS, IDR, REST, P = b"\x67s", b"\x68p", b"\x65\x88key", b"\x65\x08rest", b"\x41\x9anext"
VPS5, SPS5, PPS5 = b"\x40\1v", b"\x42\1s", b"\x44\1p"


class Camera:
    """Sends payloads, of which each picture's last has a marker; H.264, if nothing else is said."""

    def __init__(self, codec: str = "H264", **parameters: str) -> None:
        said = {name.replace("_", "-"): value for name, value in parameters.items()}
        medium = Medium("video", 96, "", codec, 90_000, {"packetization-mode": "1"} | said)
        pictures = Pictures.of(medium)
        assert pictures is not None
        self.pictures = pictures
        self.number = 65_530

    def send(self, payload: bytes, stamp: int, marker: bool = True) -> list[Picture]:
        head = struct.pack("!BBHII", 0x80, 96 | marker << 7, self.number & 0xFFFF, stamp, 1)
        self.number += 1
        return self.pictures.add(head + payload)

    def picture(self, stamp: int, *payloads: bytes) -> list[Picture]:
        """With the first one, which waits for the next."""
        last = len(payloads) - 1
        sent = [
            one
            for at, payload in enumerate(payloads)
            for one in self.send(payload, stamp & 0xFFFFFFFF, at == last)
        ]
        return sent or self.pictures.finish()


def units(*each: bytes) -> bytes:
    return b"".join(START + unit for unit in each)


def fragments(unit: bytes) -> list[bytes]:
    """FU-A of a byte each."""
    head, kind, rest = bytes((unit[0] & 0xE0 | 28,)), unit[0] & 31, unit[1:]
    last = len(rest) - 1
    return [
        head + bytes(((at == 0) << 7 | (at == last) << 6 | kind, byte))
        for at, byte in enumerate(rest)
    ]


def several(head: bytes, *each: bytes) -> bytes:
    return head + b"".join(struct.pack("!H", len(unit)) + unit for unit in each)


def test_a_picture_is_whole_with_its_marker_however_its_units_are_packed() -> None:
    camera = Camera()
    found = camera.picture(9000, several(b"\x18", SPS, PPS), *fragments(IDR), REST)
    assert found == [Picture(0, True, units(SPS, PPS, IDR, REST))]
    assert camera.picture(12_600, P) == [Picture(3600, False, units(P))]


def test_h265_is_packed_its_own_way() -> None:
    camera, rest = Camera("H265"), b"abc"
    parts = [b"\x62\1" + bytes((mark | 19,)) + rest for mark in (0x80, 0, 0x40)]
    found = camera.picture(0, several(b"\x60\1", VPS5, SPS5, PPS5), *parts)
    assert found == [Picture(0, True, units(VPS5, SPS5, PPS5, b"\x26\1" + 3 * rest))]
    assert camera.picture(9, b"\x02\1\x80") == [Picture(9, False, units(b"\x02\1\x80"))]


@pytest.mark.parametrize(
    ("kind", "key"), [(1, False), (9, False), (16, True), (20, True), (21, True)]
)
def test_h265_key_frames_are_those_that_need_none_before(kind: int, key: bool) -> None:
    (found,) = Camera("H265").picture(0, bytes((kind << 1, 1, 0x80)))
    assert found.key == key


def test_stamps_wrap_go_back_and_stand_still() -> None:
    camera = Camera()
    stamps = (0xFFFFFF00, 0x100, 0x100 - 3600, 0x100 - 3600, 0xF0000000)
    found = [one.ticks for stamp in stamps for one in camera.picture(stamp, P)]
    assert found == [0, 512, 512 - 3600, 512 - 3600, 0xF0000000 - 0xFFFFFF00]


def test_without_markers_the_next_picture_ends_one() -> None:
    camera = Camera()
    assert camera.send(IDR, 0, marker=False) == []
    assert camera.send(P, 3600, marker=False) == [Picture(0, True, units(IDR))]
    assert camera.pictures.finish() == [Picture(3600, False, units(P))]
    assert camera.pictures.finish() == []


def test_with_markers_each_picture_but_the_first_is_whole_with_its_own() -> None:
    camera, sei = Camera(), b"\x06s"
    assert camera.send(IDR, 0) == []
    assert camera.send(sei, 3600, marker=False) == [], "it may be anything's"
    assert camera.send(P, 3600) == [
        Picture(0, True, units(IDR)), Picture(3600, False, units(sei, P)),
    ]  # fmt: skip
    assert camera.send(P, 7200) == [Picture(7200, False, units(P))]
    assert camera.pictures.finish() == []


@pytest.mark.parametrize("stamps", [(0, 3600, 7200), (0, 0, 0)], ids=["going on", "standing still"])
def test_the_first_picture_waits_for_a_slice_that_begins_another(stamps: tuple[int, ...]) -> None:
    camera = Camera()
    assert [len(camera.send(P, stamp)) for stamp in stamps] == [0, 2, 1]


@pytest.mark.parametrize("sets", ["", "sprop_parameter_sets"])
def test_where_each_slice_has_a_marker_pictures_are_whole(sets: str) -> None:
    camera = Camera(**({sets: b64encode(SPS).decode()} if sets else {}))
    found = [
        one
        for stamp, kind in ((0, IDR), (3600, P), (7200, P), (10_800, P))
        for unit in (kind, REST if kind == IDR else b"\x41\x08rest")
        for one in camera.send(unit, stamp)
    ]
    first, *others = found
    assert (first.ticks, first.key) == (0, True)
    assert first.data.endswith(units(*((SPS,) if sets else ()), IDR, REST))
    assert others == [Picture(stamp, False, units(P, b"\x41\x08rest")) for stamp in (3600, 7200)]


def test_a_camera_that_marks_slices_later_is_understood_from_the_next_picture_on() -> None:
    camera = Camera()
    camera.picture(0, IDR)
    found = [
        one
        for stamp in range(3600, 14_400, 3600)
        for unit in (IDR, REST)
        for one in camera.send(unit, stamp)
    ]
    assert found[1:] == [Picture(7200, True, units(IDR, REST))]


def test_fields_of_a_picture_may_have_one_stamp() -> None:
    camera = Camera()
    assert [one.ticks for _ in range(2) for one in camera.picture(0, P)] == [0, 0]


def test_a_lost_slice_is_no_sign_of_false_markers() -> None:
    camera = Camera()
    camera.picture(0, IDR)
    camera.number += 1  # of the second field
    camera.picture(0, REST)
    assert len(camera.picture(3600, P)) == 1


def test_what_follows_the_marker_belongs_to_the_next_picture() -> None:
    camera, sei = Camera(), b"\x06s"
    camera.picture(0, IDR)
    assert camera.send(sei, 0) == []
    assert camera.picture(3600, P) == [Picture(3600, False, units(sei, P))]


def test_a_fragment_whose_beginning_was_lost_is_left_out() -> None:
    camera, parts = Camera(), fragments(IDR)
    camera.number += 1
    assert camera.picture(0, *parts[1:]) == []
    camera.picture(3600, parts[0])
    camera.number += 1
    assert camera.picture(3600, parts[-1], P)[-1].data.endswith(units(P))


@pytest.mark.parametrize("empty", [b"", b"\0\0\0\4"], ids=["empty", "padding"])
def test_a_packet_without_a_payload_is_no_lost_one(empty: bytes) -> None:
    camera, parts = Camera(), fragments(IDR)
    camera.picture(0, IDR)
    assert camera.send(parts[0], 3600, marker=False) == []
    head = struct.pack("!BBHII", 0x80 | (0x20 if empty else 0), 96, camera.number & 0xFFFF, 3600, 1)
    assert camera.pictures.add(head + empty) == []
    camera.number += 1
    assert camera.picture(3600, *parts[1:]) == [Picture(3600, True, units(IDR))]


def test_parameter_sets_of_the_description_are_with_every_key_frame_that_has_none() -> None:
    """A decoder, or a recorded clip, may begin at any of them."""
    texts = ",".join(b64encode(unit).decode().rstrip("=") for unit in (SPS, PPS))
    camera = Camera(sprop_parameter_sets=f"{texts},!,a")
    pictures = [camera.picture(at * 3600, unit)[0].data for at, unit in enumerate((IDR, P, IDR))]
    assert pictures == [units(SPS, PPS, IDR), units(P), units(SPS, PPS, IDR)]


def test_parameter_sets_of_the_stream_are_newer_than_those_of_the_description() -> None:
    camera, new = Camera(sprop_parameter_sets=b64encode(SPS).decode()), b"\x67new"
    assert camera.picture(0, new, PPS, IDR)[0].data == units(new, PPS, IDR)
    assert camera.picture(3600, IDR)[0].data == units(IDR)


def test_start_codes_that_cameras_leave_in_are_understood() -> None:
    found = Camera().picture(0, START + SPS, START + PPS, START[1:] + IDR)
    assert found == [Picture(0, True, units(SPS, PPS, IDR))]
    (five,) = Camera("H265").picture(0, START + b"\x26\1\x80")
    assert five == Picture(0, True, units(b"\x26\1\x80"))


def test_one_unit_may_hold_all_of_a_picture_as_in_a_file() -> None:
    whole = SPS + units(PPS, IDR)
    assert Camera().picture(0, whole) == [Picture(0, True, START + whole)]


@pytest.mark.parametrize(
    "payload", [SPS * 700, b"\x67", b"\x18" + b"\0\1\x67" * 400], ids=["large", "tiny", "several"]
)
def test_a_picture_without_an_end_ends_the_stream(payload: bytes) -> None:
    camera = Camera()
    with pytest.raises(OSError, match="without an end"):
        any(camera.send(payload, 0, marker=False) for _ in count())


@pytest.mark.parametrize(
    "parameters",
    [{"packetization_mode": "2"}, {"codec": "H265", "sprop_max_don_diff": "1"}, {"codec": "VP8"}],
)
def test_other_forms_are_left_to_ffmpeg(parameters: dict[str, str]) -> None:
    with pytest.raises(AssertionError):
        Camera(**parameters)


def test_a_clock_without_a_rate_is_left_to_ffmpeg() -> None:
    assert Pictures.of(Medium("video", 96, "", "H264", 0, {})) is None
