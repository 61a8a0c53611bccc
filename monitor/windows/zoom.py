"""Two views of a clip that is larger than the network: the whole, and the part that moves most.

Whoever is far from the camera is small in the whole picture. The part in which most moves shows
them 1.6 times as large: of a clip of 128 x 128 the network sees the whole as 64 x 64, and 80 x 80
of it as 64 x 64. Both are area averages, as frames are scaled.
"""

import numpy as np
from numpy.typing import NDArray

from monitor.records import PictureBox

FACTOR = 2  # size of a clip, by the size of a view
PART = 5 / 8  # of the width and the height of a clip
STEP = 4  # a view's size is a multiple of it: five pixels of the part become four
# Fifths of each of five pixels, and of the one after it, that make one of the four.
_SHARE, _REST = np.array(((4, 3, 2, 1, 0), (1, 2, 3, 4, 0)), np.uint16)


def views(clip: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], PictureBox]:
    """(T, H, W, 3) RGB to (2, T, H / 2, W / 2, 3): the whole, and the part that moves most.

    And where that part lies.
    """
    whole = halved(clip)
    top, left = moving_part(whole)
    height, width = clip.shape[1:3]
    bottom, right = top + round(PART * height), left + round(PART * width)
    part = _five_to_four(clip[:, top:bottom, left:right])
    return np.stack((whole, part)), (left / width, top / height, right / width, bottom / height)


def whole_view(pictures: NDArray[np.uint8], zoom: int) -> NDArray[np.uint8]:
    """Pictures (..., H, W, 3) of a model's clips as its network sees them whole."""
    return pictures if zoom == 1 else halved(pictures)


def halved(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(..., H, W, 3) to (..., H / 2, W / 2, 3): each pixel the mean of four, rounded."""
    *each, height, width, _ = pictures.shape
    lines = np.add(pictures[..., 0::2, :, :], pictures[..., 1::2, :, :], dtype=np.uint16)
    lines = lines.reshape(*each, height // 2, width * 3)
    # Of each pixel and the next one, then of every second: NumPy is slow on three values at a time.
    sums = lines[..., :-3] + lines[..., 3:]
    sums += 2
    sums >>= 2
    means = np.empty(lines.shape, np.uint8)
    means[..., :-3] = sums
    pixels = np.ascontiguousarray(means.view("V3")[..., ::2])
    return pixels.view(np.uint8).reshape(*each, height // 2, width // 2, 3)


def moving_part(whole: NDArray[np.uint8]) -> tuple[int, int]:
    """Top and left of the part of the clip in which most moves.

    `whole` is the halved clip (T, H, W, 3); the place is in pixels of the clip, always even.
    Movement is the sum of the changes from frame to frame, less what half of the places have.
    """
    green = whole[..., 1].astype(np.int16)  # the nearest to brightness
    changes = np.abs(np.diff(green, axis=0)).sum(axis=0, dtype=np.int64)
    changes = np.maximum(changes - int(np.median(changes)), 0)
    height, width = round(PART * changes.shape[0]), round(PART * changes.shape[1])
    sums = np.zeros((changes.shape[0] + 1, changes.shape[1] + 1), np.int64)  # of all above and left
    np.cumsum(np.cumsum(changes, axis=0), axis=1, out=sums[1:, 1:])
    inside = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width]
    inside += sums[:-height, :-width]
    top, left = divmod(int(inside.argmax()), inside.shape[1])
    return FACTOR * top, FACTOR * left


def _five_to_four(part: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Four pixels of each five, in both directions: (T, H, W, 3) to (T, 4 / 5 H, 4 / 5 W, 3)."""
    frames, height, width, _ = part.shape
    rows = part.astype(np.uint16).reshape(frames, height // 5, 5, width * 3)
    lines = rows[:, :, :4] * _SHARE[:4, np.newaxis] + rows[:, :, 1:] * _REST[:4, np.newaxis]
    lines = lines.reshape(frames, height // 5 * 4, width * 3)
    # The same of every pixel and the next one; the fifth of each five is left out.
    share, rest = (np.tile(np.repeat(weights, 3), width // 5)[:-3] for weights in (_SHARE, _REST))
    sums = lines[..., :-3] * share
    sums += lines[..., 3:] * rest
    sums += 12
    sums //= 25
    means = np.empty(lines.shape, np.uint8)
    means[..., :-3] = sums
    fives = means.reshape(frames, height // 5 * 4, width // 5, 5, 3)
    return fives[..., :4, :].reshape(frames, height // 5 * 4, -1, 3)
