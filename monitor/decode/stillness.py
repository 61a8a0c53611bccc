"""Whether anything moves in a scene: pictures compared as small grey ones.

Limits were set on real footage: an empty corridor at 1080p, 720p and 360p, with sensor noise, H.264
and H.265 at constant rate and quality, into which fights were laid whose people are 40 pixels tall.
Between two key frames of the corridor a cell changes by 6.5 grey levels at most; in the fights by
8 to 159, the median over each. Other pictures tell less: where the loop filter is left out they
stray from key frame to key frame, by 3 to 20 levels in daylight and by 100 in the noise of a night.
"""

import math
from collections import deque

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
# Clocks that cameras write into their pictures lie mostly in the outer eighths. Where a cell there
# changes in most of so many looks, while the rest of the picture does not, it belongs to one.
_OUTER = 8
_CLOCK_LOOKS, _CLOCK_SHARE = 15, 0.7

Cells = NDArray[np.float32]
Moved = NDArray[np.bool_]  # of cells


def cells(picture: VideoFrame) -> Cells:
    """The mean grey levels of the picture's parts, about square ones."""
    least = min(_CELLS, picture.width // _LEAST_CELL_PX)
    across = max(1, least, min(picture.width // _CELL_PX, _MOST_CELLS))
    down = max(1, round(across * picture.height / picture.width))
    small = picture.reformat(across, down, "gray", interpolation=Interpolation.AREA, threads=1)
    return small.to_ndarray().astype(np.float32)


def moved(before: Cells, after: Cells, limit: float) -> Moved:
    """In which cells something moved; all of the picture getting lighter alike does not count."""
    if before.shape != after.shape:
        return np.ones(after.shape, np.bool_)
    change = after - before
    return np.asarray(np.abs(change - np.median(change)) > limit)


class TimestampOverlay:
    """Finds the lines of a picture, at its top and bottom, in which a camera writes the time."""

    def __init__(self) -> None:
        self._looks: deque[Moved] = deque(maxlen=_CLOCK_LOOKS)

    def learn(self, changed: Moved, faintly: Moved) -> None:
        """Take note of what changed, were it faintly, unless something did so elsewhere, too."""
        if self._looks and self._looks[0].shape != changed.shape:
            self._looks.clear()
        outer = -(-len(changed) // _OUTER)
        if not changed[outer:-outer].any():
            self._looks.append(faintly)

    def taken_out(self, changed: Moved) -> Moved:
        """What changed, without the lines of a clock: letters to the left change less often."""
        if len(self._looks) < _CLOCK_LOOKS or self._looks[0].shape != changed.shape:
            return changed
        lines = (np.mean(self._looks, axis=0) >= _CLOCK_SHARE).any(axis=1)
        # Its letters may reach into the cells above and below.
        above, below = np.append(lines[1:], False), np.append(False, lines[:-1])
        return np.asarray(changed & ~(lines | above | below)[:, np.newaxis])


class Stillness:
    """Compares each key frame with the one before, and knows how long a scene has been still.

    Two key frames may look alike while much moves between them: pictures in between are looked at
    too, as far as they are shown to it.
    """

    def __init__(self) -> None:
        self._clock = TimestampOverlay()
        self._still: Cells | None = None  # the newest key frame up to which nothing moved
        self.reset()

    def reset(self) -> None:
        """Begin anew: the next key frame is the first."""
        self._key: Cells | None = None
        self._key_s = -math.inf
        self._other: Cells | None = None
        self._peeked_s = -math.inf
        self._since_s = math.inf
        self._moved_between_s = -math.inf  # when something moved between two key frames
        self._as_before = False  # whether the key frames since then are as before it
        self.any_motion = False  # as far as it was looked

    def see_key(self, time_s: float, picture: VideoFrame) -> bool:
        """Look at a key frame; whether something moved since the one before."""
        before, self._key = self._key, cells(picture)
        before_s, self._key_s = self._key_s, time_s
        if before is None:
            self._since_s = time_s
            return False
        changed = moved(before, self._key, MOVED)
        self._clock.learn(changed, moved(before, self._key, MOVED / 2))
        stirs = bool(self._clock.taken_out(changed).any())
        stirred_between = self._moved_between_s > before_s
        if stirs:
            self._since_s, self.any_motion = time_s, True
        elif not stirred_between:
            self._still = self._key
        self._as_before = (stirred_between or (self._as_before and not stirs)) and self._is_still()
        return stirs

    def see(self, time_s: float, picture: VideoFrame) -> None:
        """Look at any picture, if it is time to."""
        if self._peeked_s <= time_s < self._peeked_s + LOOK_S:
            return
        before, self._other = self._other, cells(picture)
        self._peeked_s = time_s
        if before is not None:
            changed = moved(before, self._other, MOVED_BETWEEN)
            if self._clock.taken_out(changed).any():
                self._moved_between_s, self.any_motion = time_s, True

    def lasted_s(self, time_s: float) -> float:
        """Seconds that the scene has been still at a time; negative where nothing was seen yet."""
        return time_s - self._since_s

    def moved_between(self, seconds: float, time_s: float) -> bool:
        """Whether anything moved between key frames in the seconds before a time."""
        return self._moved_between_s >= time_s - seconds

    def is_as_before(self, seconds: float, time_s: float) -> bool:
        """Whether it looks as it did before something moved, and that was so many seconds ago.

        What moved was seen to move between key frames: only then is it known since when it does
        not.
        """
        return self._as_before and not self.moved_between(seconds, time_s)

    def _is_still(self) -> bool:
        if self._still is None or self._key is None:
            return False
        return not self._clock.taken_out(moved(self._still, self._key, MOVED)).any()
