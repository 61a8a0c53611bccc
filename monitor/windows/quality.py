"""Whether the pictures of a clip show anything that a model could name.

The limits were set on 1,590 windows of real footage: fights, falls, streets, corridors and actions
filmed in the dark. Of the last, 5 in 386 are called black: their frames are, or for the eye might
as well be. The others are not called anything; pictures that were blackened, blurred or frozen are.
"""

import numpy as np
from numpy.typing import NDArray

from monitor.states import SkipReason
from monitor.windows.motion import block_sums

# Grey levels between the darkest and the brightest part of a picture, in _CELLS parts across. A
# covered lens has 3 under the noise that cameras add in the dark, the others of the darkest real
# windows 5 and more, all windows by day 31.
_LEAST_CONTRAST = 5
_CELLS = 16
# Mean grey level that parts black pictures from blank ones: night is up to 52, day from 59.
_DARK = 56
# A picture that is sent again and again changes with its key frames, by up to 16 levels where it is
# compressed hard, and hardly between them. One real window has as few changes, of 47 levels; in the
# quietest streets and corridors three frames of four change something.
_STILL_LEVELS = 20
_STILL_SHARE = 0.5
# The largest step between neighbours on a way of _FAR pixels, by the step from its start to its
# end: 1 at a sharp edge, 1/4 on a ramp, more in noise. Real windows have 0.65 at least; blurred by
# a gaussian of 3 % of the picture's width, all by day lie below this limit.
_LEAST_SHARPNESS = 0.43
_FAR = 4
# Names and clocks that cameras write into their pictures stay sharp, mostly in the outer eighths.
_OUTER = 8
# Blur lasts: every fifth frame is enough.
_EVERY = 5
# Pixels of a side that the limits were set on; larger pictures have less detail in a pixel.
_SIDE = 64


def picture_fault(clip: NDArray[np.uint8], whole_picture: bool) -> SkipReason | None:
    """What is wrong with a clip, (T, H, W, 3) RGB; None if nothing is.

    One black or blank frame spoils a whole picture's clip: what follows it looks like a movement. A
    clip is "still" where its picture does not change: a camera that repeats one, or one that sees
    nothing move. A region may be a bare wall until somebody comes, and may be so small that its
    edges are soft: there all frames must be blank, and blur is not looked for.
    """
    outer = clip.shape[1] // _OUTER
    green = clip[:, outer : clip.shape[1] - outer, :, 1]  # the nearest to brightness
    parts = _averaged(green, max(1, clip.shape[2] // _CELLS))
    contrasts = parts.max(axis=(1, 2)) - parts.min(axis=(1, 2))
    judged = contrasts.argmin() if whole_picture else contrasts.argmax()
    if contrasts[judged] < _LEAST_CONTRAST:
        return SkipReason.BLACK if parts[judged].mean() < _DARK else SkipReason.BLANK
    if _is_still(clip):
        return SkipReason.STILL
    some = _averaged(green[::_EVERY], -(-clip.shape[2] // _SIDE))
    if whole_picture and _sharpness(some) < _LEAST_SHARPNESS:
        return SkipReason.BLURRED
    return None


def _averaged(grey: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """The frames (T, H, W) with squares of `step` pixels made one."""
    if step == 1:
        return grey
    return np.asarray(block_sums(grey, step, step, np.uint32) // step**2, np.uint8)


def _is_still(clip: NDArray[np.uint8]) -> bool:
    changed = (clip[1:] != clip[:-1]).reshape(len(clip) - 1, -1).any(axis=1)
    if changed.mean() > _STILL_SHARE:
        return False
    after, before = clip[1:][changed], clip[:-1][changed]
    change = np.maximum(after, before) - np.minimum(after, before)
    return bool((change < _STILL_LEVELS).all())


def _sharpness(grey: NDArray[np.uint8]) -> float:
    edges = ways = 0.0
    levels = grey.astype(np.int16)
    for lines in (levels, levels.swapaxes(1, 2)):
        steps = np.abs(lines[:, 1:] - lines[:, :-1])
        way = np.abs(lines[:, _FAR:] - lines[:, :-_FAR])
        largest = steps[:, : way.shape[1]]
        for further in range(1, _FAR):
            largest = np.maximum(largest, steps[:, further : further + way.shape[1]])
        edges += largest.mean()
        ways += way.mean()
    return edges / ways if ways else 1.0
