"""Two views of a clip that is larger than the network: the whole, and the part that moves most.

Whoever is far from the camera is small in the whole picture. The part in which most moves shows
them twice as large, at no cost of pixels: a clip of 128 x 128 is seen as 64 x 64 averaged, and as
64 x 64 cut out.
"""

import numpy as np
from numpy.typing import NDArray

from monitor.records import PictureBox

FACTOR = 2  # size of a clip, by the size of a view


def views(clip: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], PictureBox]:
    """(T, H, W, 3) RGB to (2, T, H / 2, W / 2, 3): the whole, and the part that moves most.

    And where that part lies.
    """
    whole = halved(clip)
    top, left = moving_part(whole)
    height, width = whole.shape[1:3]
    part = clip[:, top : top + height, left : left + width]
    down, across = top / height / FACTOR, left / width / FACTOR
    box = (across, down, across + 1 / FACTOR, down + 1 / FACTOR)
    return np.stack((whole, part)), box


def halved(clip: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(T, H, W, 3) to (T, H / 2, W / 2, 3): each pixel the mean of four, rounded."""
    frames, height, width, _ = clip.shape
    lines = np.add(clip[:, 0::2], clip[:, 1::2], dtype=np.uint16)
    pairs = lines.reshape(frames, height // 2, width // 2, 6)
    sums = pairs[..., :3] + pairs[..., 3:]
    sums += 2
    sums >>= 2
    return sums.astype(np.uint8)


def moving_part(whole: NDArray[np.uint8]) -> tuple[int, int]:
    """Top and left of the part of the clip, half as wide and high, in which most moves.

    `whole` is the halved clip (T, H, W, 3); the place is in pixels of the clip, always even.
    Movement is the sum of the changes from frame to frame, less what half of the places have.
    """
    green = whole[..., 1].astype(np.int16)  # the nearest to brightness
    changes = np.abs(np.diff(green, axis=0)).sum(axis=0, dtype=np.int64)
    changes = np.maximum(changes - int(np.median(changes)), 0)
    height, width = changes.shape[0] // FACTOR, changes.shape[1] // FACTOR
    sums = np.zeros((changes.shape[0] + 1, changes.shape[1] + 1), np.int64)  # of all above and left
    np.cumsum(np.cumsum(changes, axis=0), axis=1, out=sums[1:, 1:])
    inside = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width]
    inside += sums[:-height, :-width]
    top, left = divmod(int(inside.argmax()), inside.shape[1])
    return FACTOR * top, FACTOR * left
