"""Regions cut out of real pictures, of every pixel format a camera may give."""

import math
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av import VideoFrame
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from monitor.windows.clip import scale_frame
from monitor.windows.crop import Cropper
from monitor.windows.region import Point, Region

SIZE = 64
TILL = Region.box("till", 0.1, 0.4, 0.45, 0.9)
DOOR = Region("door", ((0.5, 0.2), (0.9, 0.2), (1.0, 0.95), (0.45, 0.9)))
PLANAR = ["yuv420p", "yuvj420p", "yuv422p", "yuv411p", "yuv420p10le", "yuv422p10le", "gbrp"]
PACKED = ["nv12", "p010le", "gray", "yuyv422", "uyvy422", "bgr24", "bgr0", "monow"]
PICTURES = {"even": (480, 360), "odd": (479, 357)}


@pytest.fixture(scope="module")
def real(fight_clip: Path) -> VideoFrame:
    with av.open(str(fight_clip)) as container:
        return next(container.decode(video=0))


def long_way(picture: VideoFrame, region: Region) -> NDArray[np.uint8]:
    """The region by way of the whole picture in RGB: cropped, blackened, area-averaged."""
    rgb = picture.to_ndarray(format="rgb24")
    rows, columns = (
        # On whole colour samples, and at 411 these are four pixels wide.
        slice(math.floor(low * length / step) * step, math.ceil(high * length / step) * step)
        for low, high, length, step in (
            (*region.bounds[1::2], picture.height, 8 // picture.format.chroma_height(8)),
            (*region.bounds[::2], picture.width, 8 // picture.format.chroma_width(8)),
        )
    )
    if not region.is_box:
        across = (np.arange(picture.width) + 0.5) / picture.width
        down = (np.arange(picture.height) + 0.5) / picture.height
        rgb = np.where(region.contains(across, down[:, np.newaxis])[..., np.newaxis], rgb, 0)
    part = np.ascontiguousarray(rgb[rows, columns], np.uint8)
    return np.asarray(cv2.resize(part, (SIZE, SIZE), interpolation=cv2.INTER_AREA))


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize("region", [TILL, DOOR], ids=["box", "polygon"])
@pytest.mark.parametrize("size", PICTURES.values(), ids=PICTURES)
@pytest.mark.parametrize("kind", PLANAR + PACKED)
def test_a_region_looks_as_if_cut_from_the_whole_picture(
    real: VideoFrame, kind: str, size: tuple[int, int], region: Region
) -> None:
    picture = real.reformat(*size, format=kind)
    cropped = Cropper(region).crop(picture)
    assert difference(scale_frame(cropped, SIZE), long_way(picture, region)) < 2


@pytest.mark.parametrize("kind", ["yuv420p", "yuv420p10le"])
def test_the_range_of_the_levels_is_kept(real: VideoFrame, kind: str) -> None:
    limited = real.reformat(format=kind, dst_color_range=ColorRange.MPEG)
    full = real.reformat(format=kind, dst_color_range=ColorRange.JPEG)
    full.color_range, limited.color_range = ColorRange.JPEG, ColorRange.MPEG
    clips = [scale_frame(Cropper(TILL).crop(picture), SIZE) for picture in (limited, full)]
    assert difference(*clips) < 1.5
    assert difference(clips[1], long_way(full, TILL)) < 2


def test_a_region_of_the_whole_picture_is_the_picture(real: VideoFrame) -> None:
    whole = Cropper(Region.box("all", 0, 0, 1, 1)).crop(real)
    assert np.array_equal(whole.to_ndarray(), real.to_ndarray())
    # PyAV cannot copy one tag, of where the colour samples lie within their pixels.
    assert difference(scale_frame(whole, SIZE), scale_frame(real, SIZE)) < 0.1


def test_the_picture_itself_is_not_touched(real: VideoFrame) -> None:
    before = real.to_ndarray()
    Cropper(DOOR).crop(real)
    assert np.array_equal(real.to_ndarray(), before)


def test_the_size_and_the_format_may_change_at_any_time(real: VideoFrame) -> None:
    cropper = Cropper(DOOR)
    for width, height, kind in [(480, 360, "yuv420p"), (640, 480, "yuv420p"), (320, 240, "nv12")]:
        picture = real.reformat(width, height, kind)
        assert difference(scale_frame(cropper.crop(picture), SIZE), long_way(picture, DOOR)) < 2


@pytest.mark.parametrize("kind", ["yuv420p", "yuv422p10le", "nv12", "bgr24"])
def test_nothing_outside_a_polygon_reaches_the_model(real: VideoFrame, kind: str) -> None:
    rgb = real.to_ndarray(format="rgb24")
    noise = np.random.default_rng(1).integers(0, 256, rgb.shape, np.uint8)
    across, down = (np.arange(length) + 0.5 for length in (real.width, real.height))
    # A frame of two pixels stays: colours are shared by pixels on both sides of the outline.
    near = Region("near", tuple(grown(DOOR.corners, 2 / real.width, 2 / real.height)))
    inside = near.contains(across / real.width, down[:, np.newaxis] / real.height)
    other = np.where(inside[..., np.newaxis], rgb, noise)
    pictures = [
        # On several threads FFmpeg 8.1 now and then leaves wrong bytes.
        VideoFrame.from_ndarray(image).reformat(format=kind, threads=1)
        for image in (rgb, other)
    ]
    clips = [scale_frame(Cropper(DOOR).crop(picture), SIZE) for picture in pictures]
    assert np.array_equal(*clips)


def grown(corners: tuple[Point, ...], x: float, y: float) -> Iterator[Point]:
    """The corners of an outline, moved away from its middle."""
    middle_x, middle_y = np.mean(corners, axis=0)
    for corner in corners:
        yield (
            corner[0] + math.copysign(x, corner[0] - middle_x),
            corner[1] + math.copysign(y, corner[1] - middle_y),
        )


def test_lines_that_are_stored_from_the_bottom_up_are_read(
    real: VideoFrame, tmp_path: Path
) -> None:
    path = tmp_path / "raw.avi"
    rgb = real.to_ndarray(format="bgr24")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=10)
        stream.width, stream.height, stream.pix_fmt = real.width, real.height, "bgr24"
        container.mux(stream.encode(VideoFrame.from_ndarray(rgb, format="bgr24")))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0))
    assert difference(scale_frame(Cropper(TILL).crop(picture), SIZE), long_way(picture, TILL)) < 2


@pytest.mark.parametrize("region", [TILL, DOOR], ids=["box", "polygon"])
def test_any_picture_has_every_region(region: Region) -> None:
    for width, height in [(1, 1), (2, 3), (16, 9), (65, 64)]:
        cropped = Cropper(region).crop(VideoFrame(width, height, "yuv420p"))
        assert scale_frame(cropped, SIZE).shape == (SIZE, SIZE, 3)
