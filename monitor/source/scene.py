"""Whether anything moves in a scene: pictures compared as small grey ones.

Limits were set on real footage at 1080p and 720p, H.264 and H.265, with sensor noise. Between two
pictures of an empty corridor half a second or two apart, the largest change is 2.6 levels, and 7.3
without the loop filter, whose lack adds up from one key frame to the next; in every fourth fight of
fight-surv it is 41 or more at all times.
"""

import math

import numpy as np
from av import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

WIDTH, HEIGHT = 160, 88  # of the grey pictures
_CELL = 4  # pixels of a side: of 1080p, 48x48 are one value, and noise averages out
# Grey levels by which a cell changes where something moves: between key frames, between others.
MOVED = 5.0
MOVED_BETWEEN = 10.0
LOOK_S = 0.5  # from one look at a scene to the next

Cells = NDArray[np.float32]


def cells(picture: VideoFrame) -> Cells:
    """The mean grey levels of the picture's parts, (HEIGHT / 4, WIDTH / 4)."""
    small = picture.reformat(
        WIDTH, HEIGHT, "gray", interpolation=Interpolation.AREA, threads=1
    ).to_ndarray()
    parts = small.reshape(HEIGHT // _CELL, _CELL, WIDTH // _CELL, _CELL)
    return np.asarray(parts.mean((1, 3), dtype=np.float32))


def moved(before: Cells, after: Cells, limit: float) -> bool:
    """Whether anything moved; all of the picture getting lighter or darker alike does not count."""
    change = after - before
    return bool(np.abs(change - np.median(change)).max() > limit)


class Stillness:
    """Looks at a scene every `LOOK_S` seconds, and knows for how long it has been still."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: the next picture is the first."""
        self._cells: Cells | None = None
        self._looked_s = -math.inf
        self._since_s = math.inf
        self.has_moved = False

    def see(self, time_s: float, picture: VideoFrame) -> None:
        """Look at a picture if it is time to."""
        if self._looked_s <= time_s < self._looked_s + LOOK_S:
            return
        now = cells(picture)
        if self._cells is None:
            self._since_s = time_s
        elif time_s < self._looked_s or moved(self._cells, now, MOVED_BETWEEN):
            self._since_s, self.has_moved = time_s, True
        self._cells, self._looked_s = now, time_s

    def lasted_s(self, time_s: float) -> float:
        """Seconds that the scene has been still at a time; negative where nothing was seen yet."""
        return time_s - self._since_s
