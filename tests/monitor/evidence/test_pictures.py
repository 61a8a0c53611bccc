"""Snapshots and filmstrips: the right picture, and what the model saw."""

import io
from pathlib import Path

import av
import numpy as np
import pytest
from av import VideoFrame
from numpy.typing import NDArray

from monitor.evidence.pictures import filmstrip, jpeg, picture_of_film, picture_of_packets
from monitor.evidence.ring import PacketRing
from testkit.media import make_video, number_of
from tests.monitor.evidence.test_ring import packets

FPS = 25


def opened(data: bytes) -> NDArray[np.uint8]:
    """A JPEG as a browser shows it."""
    with av.open(io.BytesIO(data), format="jpeg_pipe") as container:
        (frame,) = container.decode(video=0)
        image: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")  # type: ignore[assignment]
        return image


def number(picture: VideoFrame | None) -> int:
    assert picture is not None
    return number_of(picture.to_ndarray(format="rgb24"))


@pytest.mark.parametrize(("codec", "b_frames"), [("h264", 0), ("h264", 2), ("hevc", 0)])
def test_the_picture_of_a_time_in_packets_and_in_a_film(
    codec: str, b_frames: int, tmp_path: Path
) -> None:
    film = make_video(
        tmp_path / "a.mp4", fps=FPS, duration_s=4, codec=codec, b_frames=b_frames, gop=25
    ).path
    ring = PacketRing(60.0, 1 << 30)
    for packet, pts_s in packets(film, ring):
        ring.take(packet, pts_s)
        ring.align(0.0)

    for wanted in (0, 1, 30, 49, 50, 77, 99):
        time_s = wanted / FPS
        assert number(picture_of_film(film, time_s)) == wanted
        assert number(picture_of_packets(ring.since(time_s), time_s)) == wanted
    assert number(picture_of_film(film, 3.37)) == 85, "the first one that is not before it"
    assert number(picture_of_film(film, 99.0)) == 99, "the last, if there is none"
    assert number(picture_of_packets(ring.since(99.0), 99.0)) == 99


def test_no_packets_show_nothing() -> None:
    assert picture_of_packets([], 1.0) is None


def test_a_jpeg_looks_like_its_picture_and_can_be_smaller() -> None:
    image = np.zeros((90, 160, 3), np.uint8)
    image[:, :80] = (200, 40, 40)
    picture = VideoFrame.from_ndarray(image, "rgb24")

    same, small = opened(jpeg(picture)), opened(jpeg(picture, width=64))

    assert same.shape == (90, 160, 3)
    assert np.abs(same[:, :70].astype(int) - image[:, :70]).max() < 8
    assert small.shape == (36, 64, 3)
    assert opened(jpeg(picture, width=999)).shape == (90, 160, 3), "never larger"


@pytest.mark.parametrize(
    ("frames", "columns", "rows"), [(20, 10, 2), (4, 4, 1), (23, 10, 3), (10, 10, 1)]
)
def test_a_filmstrip_has_every_picture_in_its_place(frames: int, columns: int, rows: int) -> None:
    clip = np.zeros((frames, 16, 16, 3), np.uint8)
    clip[:] = (np.arange(frames) * 10)[:, np.newaxis, np.newaxis, np.newaxis]

    sheet, *layout = filmstrip(clip)

    assert layout == [columns, rows]
    image = sheet.to_ndarray(format="rgb24")
    assert image.shape == (rows * 18 - 2, columns * 18 - 2, 3)
    for place in range(frames):
        row, column = divmod(place, columns)
        assert (image[row * 18 : row * 18 + 16, column * 18 : column * 18 + 16] == place * 10).all()
