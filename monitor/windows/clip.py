"""The clip a model takes, and the one way a picture becomes a frame of it.

Training, export and monitor all import this module, so that a model never sees in service what it
did not see in training.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.reformatter import Interpolation


@dataclass(frozen=True)
class ClipSpec:
    """Shape and sampling rate of the clips a model takes; it travels inside the ONNX file."""

    frames: int  # T
    size: int  # height and width, pixels
    fps: float  # sampling rate, frames per second; a clip spans frames / fps seconds

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, H, W, 3)."""
        return (self.frames, self.size, self.size, 3)

    @property
    def span_s(self) -> float:
        """Seconds that a clip covers."""
        return self.frames / self.fps


def scale_frame(picture: VideoFrame, size: int) -> NDArray[np.uint8]:
    """A decoded picture as (size, size, 3) uint8 RGB, scaled straight from the decoder's planes.

    The aspect ratio is not kept: the whole picture is what the model sees. Colour matrix and range
    are read from the picture's own tags.
    """
    scaled = picture.reformat(
        width=size,
        height=size,
        format="rgb24",
        interpolation=_scaling(),
        threads=1,  # else FFmpeg starts a thread for every core, for every picture
    )
    pixels: NDArray[np.uint8] = scaled.to_ndarray()  # type: ignore[assignment]  # rgb24 is uint8
    return pixels


@cache
def _scaling() -> Interpolation:
    """Area averaging from the decoder's own planes, with full chroma and exact rounding.

    Within 1.2 grey levels of OpenCV's INTER_AREA on full RGB, where INTER_LINEAR is 7.2 away.
    """
    # Imported by who decodes only: see monitor.display.screen.
    from av.video.reformatter import Interpolation

    return (
        Interpolation.AREA
        | Interpolation.ACCURATE_RND
        | Interpolation.FULL_CHR_H_INT
        | Interpolation.FULL_CHR_H_INP
    )
