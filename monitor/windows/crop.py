"""A region cut out of decoded pictures, in their own pixel format: no colour is converted."""

from dataclasses import dataclass, replace

import numpy as np
from av import VideoFormat, VideoFrame
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from monitor.windows.region import Region

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class _PlanePart:
    """What of one plane is taken, and what of that lies outside a polygon; bytes, (rows, bytes)."""

    rows: slice
    columns: slice  # bytes of a row
    keep: Pixels | None = None  # 255 inside the polygon, 0 outside; None for a box
    paint: Pixels | None = None  # 0 inside, black outside


@dataclass(frozen=True)
class _Plan:
    """How pictures of one format and size are cropped."""

    width: int
    height: int
    planes: tuple[_PlanePart, ...]


class Cropper:
    """Cuts one region out of pictures whose format and size may change at any time.

    Takes every pixel that the region touches, and those that share their colour samples with it.
    What lies outside a polygon is black: nothing moves there.
    """

    def __init__(self, region: Region) -> None:
        self._region = region
        self._plan: _Plan | None = None
        self._planned_for: tuple[str, int, int] | None = None

    def crop(self, picture: VideoFrame) -> VideoFrame:
        """The region's bounds as a picture of the same format and colour tags."""
        if not _has_plain_planes(picture):
            picture = picture.reformat(format="rgb24", threads=1)
        kind = picture.format.name, picture.width, picture.height
        if self._plan is None or self._planned_for != kind:
            self._plan, self._planned_for = _plan(self._region, picture), kind
        cropped = VideoFrame(self._plan.width, self._plan.height, picture.format.name)
        for part, source, target in zip(
            self._plan.planes, picture.planes, cropped.planes, strict=True
        ):
            pixels = _lines(source)[part.rows, part.columns]
            taken = _lines(target)[: pixels.shape[0], : pixels.shape[1]]
            if part.keep is None or part.paint is None:
                taken[:] = pixels
            else:
                np.bitwise_and(pixels, part.keep, out=taken)
                np.bitwise_or(taken, part.paint, out=taken)
        cropped.colorspace, cropped.color_range = picture.colorspace, picture.color_range
        return cropped


def _plan(region: Region, picture: VideoFrame) -> _Plan:
    kind = picture.format
    sizes = _sample_sizes(kind, len(picture.planes))
    # Pixels to a sample, across and down, of each plane: 2 and 2 for the colours of 4:2:0.
    steps = [
        (-(-picture.width // plane.width), -(-picture.height // plane.height))
        for plane in picture.planes
    ]
    left, top, right, bottom = region.bounds
    start_x, stop_x = _span(left, right, picture.width, 8 // kind.chroma_width(8))
    start_y, stop_y = _span(top, bottom, picture.height, 8 // kind.chroma_height(8))
    planes = [
        _PlanePart(
            rows=slice(start_y // step_y, -(-stop_y // step_y)),
            columns=slice(start_x // step_x * size, -(-stop_x // step_x) * size),
        )
        for (step_x, step_y), size in zip(steps, sizes, strict=True)
    ]
    if not region.is_box:
        x = (np.arange(start_x, stop_x) + 0.5) / picture.width
        y = (np.arange(start_y, stop_y)[:, np.newaxis] + 0.5) / picture.height
        inside = region.contains(x, y)
        black = VideoFrame.from_ndarray(np.zeros((*inside.shape, 3), np.uint8), format="rgb24")
        # On several threads FFmpeg 8.1 now and then leaves wrong bytes in 4:2:2 of 10 bits.
        fills = black.reformat(format=kind.name, threads=1).planes
        for place, (part, step, size) in enumerate(zip(planes, steps, sizes, strict=True)):
            keep = np.repeat(_covered(inside, *step), size, axis=1) * np.uint8(255)
            fill = _lines(fills[place])[: keep.shape[0], : keep.shape[1]]
            planes[place] = replace(part, keep=keep, paint=fill & ~keep)
    return _Plan(stop_x - start_x, stop_y - start_y, tuple(planes))


def _span(low: float, high: float, length: int, step: int) -> tuple[int, int]:
    """First and last pixel + 1 of a part of a side, on whole colour samples; never empty."""
    # Rounded first: 0.35 * 640 is a little less than 224.
    start = min(int(round(low * length, 6) // step), (length - 1) // step) * step
    stop = -int(-round(high * length, 6) // step) * step
    return start, min(length, max(stop, start + step))


def _covered(inside: NDArray[np.bool_], step_x: int, step_y: int) -> NDArray[np.bool_]:
    """Which samples have all of their pixels inside; (h, w) to (h / step_y, w / step_x)."""
    height, width = inside.shape
    whole = np.pad(inside, ((0, -height % step_y), (0, -width % step_x)), mode="edge")
    return np.asarray(
        whole.reshape(-(-height // step_y), step_y, -(-width // step_x), step_x).all(axis=(1, 3))
    )


def _has_plain_planes(picture: VideoFrame) -> bool:
    """Whether each plane is lines of samples of whole bytes, from the top down."""
    kind = picture.format
    packed = len(picture.planes) == 1
    return not (
        kind.has_palette
        or kind.is_bit_stream
        or (packed and kind.padded_bits_per_pixel % 8)
        or any(plane.line_size < 0 for plane in picture.planes)
    )


def _sample_sizes(kind: VideoFormat, planes: int) -> list[int]:
    """Bytes of a sample of each plane."""
    if planes == 1:
        return [kind.padded_bits_per_pixel // 8]
    return [
        sum(-(-part.bits // 8) for part in kind.components if part.plane == plane)
        for plane in range(planes)
    ]


def _lines(plane: VideoPlane) -> Pixels:
    """The bytes of a plane, (rows, bytes of a row), not copied."""
    return np.asarray(memoryview(plane)).reshape(-1, plane.line_size)
