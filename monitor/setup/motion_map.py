"""Where in a camera's picture things move."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from monitor.decode.stillness import (
    LOOK_S,
    MOVED_BETWEEN,
    Moved,
    TimestampOverlay,
    cells,
    moved,
)
from monitor.records import PictureBox

if TYPE_CHECKING:
    from av import VideoFrame

    from monitor.decode.stillness import Cells

_ENOUGH = 50  # looks, which take 25 s: what moves in less tells little of the place
_LEAST_LOOKS = 2  # in which a cell has moved: once may be noise
# A smaller part would cut off who stands at its edge.
_LEAST_SIDE = 0.25
# Of the picture: above that a region shows the model hardly more than the whole does.
_MOST_AREA = 0.5


class MotionMap:
    """Collects which parts of the picture move, twice a second."""

    def __init__(self) -> None:
        self._before: Cells | None = None
        self._looked_s = -math.inf
        self._overlay = TimestampOverlay()
        self._moved: list[Moved] = []

    def see(self, time_s: float, picture: VideoFrame) -> None:
        """Look at a picture, if it is time to."""
        if time_s < self._looked_s + LOOK_S:
            return
        self._looked_s = time_s
        before, self._before = self._before, cells(picture)
        if before is None:
            return
        if before.shape != self._before.shape:  # the camera was set to another size
            self._moved.clear()
            return
        changed = moved(before, self._before, MOVED_BETWEEN)
        self._overlay.learn(changed, moved(before, self._before, MOVED_BETWEEN / 2))
        self._moved.append(changed)

    @property
    def box(self) -> PictureBox | None:
        """The smallest box round all that moved, with a margin.

        None if that is most of the picture, if nothing moved, or if it was not seen for long.
        """
        if len(self._moved) < _ENOUGH:
            return None
        counts = sum(self._overlay.taken_out(one).astype(int) for one in self._moved)
        rows, columns = np.nonzero(np.asarray(counts) >= _LEAST_LOOKS)
        if not len(rows):
            return None
        down, across = self._moved[0].shape
        left, right = _widened((min(columns) - 1) / across, (max(columns) + 2) / across)
        top, bottom = _widened((min(rows) - 1) / down, (max(rows) + 2) / down)
        small = (right - left) * (bottom - top) <= _MOST_AREA
        return (left, top, right, bottom) if small else None


def _widened(low: float, high: float) -> tuple[float, float]:
    """A side of the box within the picture, of at least `_LEAST_SIDE`, in whole hundredths."""
    lacking = max(0.0, _LEAST_SIDE - (high - low)) / 2
    low, high = low - lacking, high + lacking
    low, high = low - max(0.0, high - 1), high - min(0.0, low)
    return math.floor(100 * max(0.0, low)) / 100, math.ceil(100 * min(1.0, high)) / 100
