"""Augmentation: random variations of training windows, against overfitting on few clips."""

import numpy as np
from numpy.typing import NDArray

from monitor.windows.clip import ClipSpec
from train.data.cache import DecodedClip
from train.data.windows import MAX_GAP_S, window_from
from train.recipe.options import AugmentOptions

# Red, green and blue in perceived brightness, ITU-R BT.601.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_MEAN = np.full(3, 1 / 3, np.float32)
_MID = 127.5
_ROUNDED_S = 1e-6  # rounding error of a time
_PREFERENCE = 6  # exponent: parts of the picture with more motion are preferred
_STILL = 1e-9  # lower limit, so that all parts are equal if nothing moves


def random_window(
    decoded: DecodedClip, spec: ClipSpec, speed_min: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """A window (T, H, W, 3) from anywhere in the clip, its motion slowed to `speed_min` to 1."""
    speed = float(rng.uniform(speed_min, 1.0))
    room_s = decoded.duration_s - (spec.frames - 1) / spec.fps * speed
    start = int(np.searchsorted(decoded.times_s, rng.uniform(0, room_s))) if room_s > 0 else 0
    return window_from(decoded, spec, start, speed)


def resample_rate(
    decoded: DecodedClip, spec: ClipSpec, share: float, rng: np.random.Generator
) -> DecodedClip:
    """For a `share` of the draws, the clip at the frame rate of another camera; else unchanged.

    The rate is once to twice the model's rate. Each frame is the newest one at its time: no frame
    is invented, but a clip that is slower than that rate has frames repeated. A clip with a gap
    that no window may span is unchanged, because repeated frames would hide the gap. So is a clip
    that is too short for two frames.
    """
    if not share or rng.random() >= share:
        return decoded
    step_s = 1 / rng.uniform(spec.fps, 2 * spec.fps)
    times_s = np.arange(rng.uniform(0, step_s), decoded.duration_s + _ROUNDED_S, step_s)
    if len(times_s) < 2 or np.diff(decoded.times_s).max() > MAX_GAP_S:
        return decoded
    newest = np.searchsorted(decoded.times_s, times_s + _ROUNDED_S, side="right") - 1
    return DecodedClip(np.asarray(decoded.frames)[newest], times_s - times_s[0])


def augment_window(
    window: NDArray[np.uint8], options: AugmentOptions, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The window (T, H, W, 3), cropped, mirrored and recoloured, in every frame the same way."""
    height, width = window.shape[1:3]
    # Nothing is drawn for an option that is off, so that batches stay as they were without it.
    if options.zoom_share and rng.random() < options.zoom_share:
        side, down, right = _moving_part(window, options.zoom_min, rng)
    else:
        side = rng.uniform(options.crop_min, 1.0)
        down, right = rng.uniform(0, 1), rng.uniform(0, 1)
    rows = _resample(height, side, down)
    columns = _resample(width, side, right)
    if rng.random() < options.flip_share:
        columns = columns[::-1]
    # Bilinear by matrix products, one colour at a time: with the three colours last they are slow.
    pixels = np.ascontiguousarray(window.transpose(0, 3, 1, 2)).astype(np.float32)
    pixels = rows @ (pixels.reshape(-1, width) @ columns.T).reshape(-1, height, width)
    if rng.random() < options.gray_share:
        grey = _LUMA @ pixels.reshape(len(window), 3, -1)
        pixels = np.repeat(grey[:, np.newaxis], 3, axis=1)
    gain = 1 + rng.uniform(-options.contrast, options.contrast)
    shift = 255 * rng.uniform(-options.brightness, options.brightness)
    pixels *= np.float32(gain)
    pixels += np.float32(_MID * (1 - gain) + shift)
    varied = _to_bytes(pixels).reshape(len(window), 3, height, width)
    return np.ascontiguousarray(varied.transpose(0, 2, 3, 1))


def mixup(
    clips: NDArray[np.uint8],
    targets: NDArray[np.float32],
    options: AugmentOptions,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A batch (N, T, H, W, 3) with targets (N, labels), sometimes blended with itself, shuffled.

    Source: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization".
    """
    if rng.random() >= options.mixup_share:
        return clips, targets
    share = np.float32(rng.beta(options.mixup_alpha, options.mixup_alpha))
    other = rng.permutation(len(clips))
    mixed = share * clips.astype(np.float32)
    mixed += (1 - share) * clips[other]
    return _to_bytes(mixed), share * targets + (1 - share) * targets[other]


def _moving_part(
    window: NDArray[np.uint8], side_min: float, rng: np.random.Generator
) -> tuple[float, float, float]:
    """A random part of the picture: its side, and its place down and right, 0..1.

    A part with more motion is more probable, so that the act is rarely cut off.
    """
    grey = window.astype(np.float32) @ _MEAN
    moves = np.abs(np.diff(grey, axis=0)).mean(axis=0)
    height, width = moves.shape
    side = rng.uniform(side_min, 1.0)
    high, wide = max(1, int(height * side)), max(1, int(width * side))
    sums = np.pad(moves.astype(np.float64), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    inside = sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]
    chances = (inside / max(float(inside.max()), _STILL)) ** _PREFERENCE + _STILL
    drawn = int(rng.choice(chances.size, p=(chances / chances.sum()).ravel()))
    down, right = divmod(drawn, chances.shape[1])
    return side, down / max(1, height - high), right / max(1, width - wide)


def _resample(size: int, side: float, place: float) -> NDArray[np.float32]:
    """The (size, size) matrix that stretches a part of `side`, at `place` 0..1, to full size."""
    start = (1 - side) * size * place
    at = start + (np.arange(size) + 0.5) * side - 0.5
    at = np.clip(at, 0, size - 1)
    low = np.minimum(at.astype(np.int64), size - 2)
    weight = (at - low).astype(np.float32)
    matrix = np.zeros((size, size), np.float32)
    matrix[np.arange(size), low] = 1 - weight
    matrix[np.arange(size), low + 1] = weight
    return matrix


def _to_bytes(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    np.rint(pixels, out=pixels)
    np.clip(pixels, 0, 255, out=pixels)
    return pixels.astype(np.uint8)
