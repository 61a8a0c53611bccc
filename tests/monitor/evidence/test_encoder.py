"""Pictures that are encoded: how many, how large, and that they look as they did."""

import av
import numpy as np
import pytest
from av import Packet, VideoFrame, VideoStream
from numpy.typing import NDArray

from monitor.errors import SinkError
from monitor.evidence import encoder
from monitor.evidence.encoder import KEY_S, Fitter, PictureEncoder, Rate


def through(fps: float, jitter_s: float = 0.0, seconds: float = 20.0) -> list[float]:
    """The times that pass, of a camera of this rate."""
    rate, random = Rate(15.0), np.random.default_rng(1)
    times = np.arange(0, seconds, 1 / fps) + random.uniform(0, jitter_s, round(seconds * fps))
    return [time_s for time_s in times.tolist() if rate.wants(time_s)]


@pytest.mark.parametrize(("fps", "passed"), [(5, 5), (12, 12), (15, 15), (25, 15), (60, 15)])
def test_so_many_pictures_a_second_pass(fps: float, passed: float) -> None:
    assert len(through(fps)) == pytest.approx(20 * passed, abs=1)


def test_jitter_loses_no_picture_of_a_camera_of_that_rate() -> None:
    assert len(through(15, jitter_s=0.03)) == 20 * 15


def test_no_time_passes_twice_and_none_goes_back() -> None:
    rate = Rate(15.0)
    assert [rate.wants(time_s) for time_s in (0.0, 0.0, 5.0, 4.9, 5.0)] == [
        True, False, True, False, False,
    ]  # fmt: skip


def colours(size: tuple[int, int] = (640, 480)) -> NDArray[np.uint8]:
    """Four fields: red, green, blue, and a dark grey."""
    wide, high = size
    image = np.full((high, wide, 3), 40, np.uint8)
    image[: high // 2, : wide // 2] = (200, 30, 30)
    image[: high // 2, wide // 2 :] = (30, 180, 40)
    image[high // 2 :, : wide // 2] = (20, 40, 210)
    return image


@pytest.mark.parametrize("pixels", ["rgb24", "bgr24", "yuvj422p", "yuvj420p", "yuv420p", "gray"])
def test_a_picture_of_any_format_looks_as_it_did(pixels: str) -> None:
    picture = VideoFrame.from_ndarray(colours(), "rgb24").reformat(format=pixels)
    before = picture.to_ndarray(format="rgb24")
    encodes = PictureEncoder(640, 480, "ultrafast")
    (packet,) = encodes.encode(Fitter(1280).fit(picture), 7.0)
    decodes = av.CodecContext.create("h264", "r")
    assert isinstance(decodes, av.VideoCodecContext)
    decodes.extradata = encodes.template.codec_context.extradata
    shown = [*decodes.decode(packet), *decodes.decode(None)][0].to_ndarray(format="rgb24")
    for row, column in ((120, 160), (120, 480), (360, 160), (360, 480)):
        assert np.abs(shown[row, column].astype(int) - before[row, column]).max() <= 6
    assert (picture.format.name, picture.pts) == (pixels, None), "others hold it, too"


@pytest.mark.parametrize(
    ("size", "fitted"),
    [
        ((640, 480), (640, 480)),
        ((1920, 1080), (1280, 720)),
        ((1080, 1920), (720, 1280)),
        ((641, 361), (640, 360)),
        ((5000, 3), (1280, 2)),
    ],
)
def test_large_pictures_are_scaled_down_and_sides_are_even(
    size: tuple[int, int], fitted: tuple[int, int]
) -> None:
    picture = Fitter(1280).fit(VideoFrame(*size, "yuv444p"))
    assert (picture.width, picture.height) == fitted
    PictureEncoder(*fitted, "ultrafast")


def encoded(times: list[float]) -> list["Packet[VideoStream]"]:
    encodes, fitter = PictureEncoder(64, 48, "ultrafast"), Fitter(1280)
    picture = VideoFrame.from_ndarray(colours((64, 48)), "rgb24")
    return [one for time_s in times for one in encodes.encode(fitter.fit(picture), time_s)]


def test_each_picture_is_a_packet_with_its_time_and_key_frames_come_by_time() -> None:
    slow, fast = np.arange(3, 8, 0.5).tolist(), np.arange(3, 8, 0.0625).tolist()
    for times in (slow, fast):
        packets = encoded(times)
        assert [float(one.pts * one.time_base) for one in packets] == pytest.approx(times)
        keys = [float(one.pts * one.time_base) for one in packets if one.is_keyframe]
        assert keys == pytest.approx(np.arange(3, 8, KEY_S).tolist())


def test_an_encoder_that_there_is_not_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "ENCODER", "libx999")
    with pytest.raises(SinkError, match=r"^this PyAV has no encoder libx999$"):
        PictureEncoder(64, 48, "ultrafast")


def test_what_the_encoder_refuses_is_one_line() -> None:
    with pytest.raises(SinkError, match=r"^H\.264 cannot be encoded: "):
        PictureEncoder(64, 48, "no such preset")
