"""How much moves in a clip: what decides, before any network runs, whether it is worth a look.

On windows of fight-surv the fights have 6.4 grey levels and more; on empty parts of a corridor and
a road 0.2 to 1.0.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Sum = TypeVar("Sum", np.float32, np.uint32)

_CELLS = 16  # parts across and down: a part is the mean of some pixels, and noise averages out
# Steps of a clip that are left out, those at which the whole picture changes most: a light that is
# switched on, a lost key frame or a shaken camera.
_JUMPS = 2


def block_sums(grey: NDArray[np.uint8], down: int, across: int, dtype: type[Sum]) -> NDArray[Sum]:
    """Sums over blocks of `down` x `across` pixels: (T, H, W) to (T, H // down, W // across)."""
    frames, rows, columns = grey.shape[0], grey.shape[1] // down, grey.shape[2] // across
    whole = grey[:, : rows * down, : columns * across]
    # Rows first: five times as fast as both at once.
    lines = whole.reshape(frames, rows, down, columns * across).sum(axis=2, dtype=dtype)
    return np.asarray(lines.reshape(frames, rows, columns, across).sum(axis=3, dtype=dtype))


def motion(clip: NDArray[np.uint8]) -> float:
    """Grey levels by which the fastest place changes from frame to frame, the mean over the clip.

    `clip` is (T, H, W, 3) RGB. Of each step the change that all of the picture shares is taken off.
    """
    frames, height, width = clip.shape[:3]
    down, across = max(1, height // _CELLS), max(1, width // _CELLS)
    green = clip[..., 1]  # the nearest to brightness
    parts = block_sums(green, down, across, np.float32) / (down * across)
    changes = np.diff(parts, axis=0).reshape(frames - 1, -1)
    changes -= np.median(changes, axis=1, keepdims=True)
    sizes = np.abs(changes, out=changes)
    order = np.argsort(sizes.mean(axis=1))
    kept = order[: max(1, len(order) - _JUMPS)]
    return float(sizes[kept].max(axis=1).mean())
