"""Augmentation: random variations of training windows, against overfitting on few clips."""

import math

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
_PASTED_MIN = 1.15  # times smaller, at least
_PREFERENCE = 6  # exponent: parts of the picture with more motion are preferred
_STILL = 1e-9  # lower limit, so that all parts are equal if nothing moves


def random_window(
    decoded: DecodedClip,
    spec: ClipSpec,
    speeds: tuple[float, float],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """A window (T, H, W, 3) from anywhere in the clip, its speed from slowest to fastest."""
    speed = float(rng.uniform(*speeds))
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
    if options.gamma:
        exponent = math.exp(rng.uniform(-options.gamma, options.gamma))
        np.clip(pixels, 0, 255, out=pixels)
        pixels = np.power(pixels / np.float32(255), np.float32(exponent)) * np.float32(255)
    if options.noise:
        deviation = options.noise * rng.random() ** 2  # cameras with little noise are many
        pixels += np.float32(deviation) * rng.standard_normal(pixels.shape, np.float32)
    if options.negative_share and rng.random() < options.negative_share:
        pixels = np.float32(255) - pixels
    varied = _to_bytes(pixels).reshape(len(window), 3, height, width)
    return np.ascontiguousarray(varied.transpose(0, 2, 3, 1))


def paste_smaller(
    window: NDArray[np.uint8],
    scene: NDArray[np.uint8],
    times_max: float,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """The window `scene` (T, H, W, 3) with `window`, made smaller, at a random place in it.

    So an act of people who are far away is in a picture in which others move.
    """
    size = window.shape[1]
    small = max(1, round(size / math.exp(rng.uniform(math.log(_PASTED_MIN), math.log(times_max)))))
    shrink = _shrink(size, small)
    pixels = shrink @ window.transpose(0, 3, 1, 2).astype(np.float32) @ shrink.T
    top, left = rng.integers(size - small + 1, size=2)
    pasted = scene.copy()
    pasted[:, top : top + small, left : left + small] = _to_bytes(pixels).transpose(0, 2, 3, 1)
    return pasted


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


def _shrink(size: int, small: int) -> NDArray[np.float32]:
    """The (small, size) matrix that averages `size` pixels over the area of each of `small`."""
    edges = np.arange(small + 1) * (size / small)
    pixel = np.arange(size)
    covered = np.minimum(edges[1:, np.newaxis], pixel + 1) - np.maximum(
        edges[:-1, np.newaxis], pixel
    )
    matrix: NDArray[np.float32] = (np.maximum(covered, 0) * (small / size)).astype(np.float32)
    return matrix


def _to_bytes(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    np.rint(pixels, out=pixels)
    np.clip(pixels, 0, 255, out=pixels)
    return pixels.astype(np.uint8)
