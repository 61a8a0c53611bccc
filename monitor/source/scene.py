"""Whether anything moves in a scene: pictures compared as small grey ones.

Limits were set on real footage: an empty corridor at 1080p, 720p and 360p, with sensor noise, H.264
and H.265 at constant rate and quality, into which fights were laid whose people are 40 pixels tall.
Between two key frames of the corridor a cell changes by 6.5 grey levels at most; in the fights by
8 to 159, the median over each. Other pictures tell less: where the loop filter is left out they
stray from key frame to key frame, by 3 to 20 levels in daylight and by 100 in the noise of a night.
"""

import math

import numpy as np
from av import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

# Side of what is compared as one value: noise averages out, a person does not. In a small picture
# people are smaller, too; a large one is not looked at any closer.
_CELL_PX, _LEAST_CELL_PX = 16, 8
_CELLS, _MOST_CELLS = 48, 120  # of a row
# Grey levels by which a cell changes where something moves: between key frames, between others.
MOVED = 7.0
MOVED_BETWEEN = 20.0
LOOK_S = 0.5  # from one look between key frames to the next

Cells = NDArray[np.float32]


def cells(picture: VideoFrame) -> Cells:
    """The mean grey levels of the picture's parts, about square ones."""
    least = min(_CELLS, picture.width // _LEAST_CELL_PX)
    across = max(1, least, min(picture.width // _CELL_PX, _MOST_CELLS))
    down = max(1, round(across * picture.height / picture.width))
    small = picture.reformat(across, down, "gray", interpolation=Interpolation.AREA, threads=1)
    return small.to_ndarray().astype(np.float32)


def moved(before: Cells, after: Cells, limit: float) -> bool:
    """Whether anything moved; all of the picture getting lighter or darker alike does not count."""
    if before.shape != after.shape:
        return True
    change = after - before
    return bool(np.abs(change - np.median(change)).max() > limit)


class Stillness:
    """Compares each key frame with the one before, and knows how long a scene has been still."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: the next key frame is the first."""
        self._key: Cells | None = None
        self._other: Cells | None = None
        self._looked_s = -math.inf
        self._since_s = math.inf
        self.has_moved = False  # as far as it was looked

    def see_key(self, time_s: float, picture: VideoFrame) -> bool:
        """Look at a key frame; whether something moved since the one before."""
        before, self._key = self._key, cells(picture)
        if before is None:
            self._since_s = time_s
            return False
        if not moved(before, self._key, MOVED):
            return False
        self._since_s, self.has_moved = time_s, True
        return True

    def see(self, time_s: float, picture: VideoFrame) -> None:
        """Look at any picture, if it is time to: for `has_moved` alone."""
        if self._looked_s <= time_s < self._looked_s + LOOK_S:
            return
        before, self._other = self._other, cells(picture)
        self._looked_s = time_s
        if before is not None and moved(before, self._other, MOVED_BETWEEN):
            self.has_moved = True

    def lasted_s(self, time_s: float) -> float:
        """Seconds that the scene has been still at a time; negative where nothing was seen yet."""
        return time_s - self._since_s
