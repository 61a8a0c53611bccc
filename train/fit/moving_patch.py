"""Augmentation with moving patches: rigid things that cross the picture, as cars do.

Clips of two seconds show few of them, but a camera sees many. A patch of a frame of any training
clip, with a soft outline, moves through the window in one direction. It grows and becomes faster,
or shrinks and becomes slower, like a thing that approaches or leaves. The label stays the same,
because a thing that crosses is no activity.
"""

import math

import numpy as np
from numpy.typing import NDArray

MAX_PATCHES = 4  # per window
WIDTH = (0.06, 0.9)  # share of the picture; uniform on a logarithmic scale
HEIGHT = (0.05, 0.8)
CROSSING_S = (0.6, 9.0)  # from one side of the picture to the other
# Enlargement of a patch. A patch as sharp as its source would flicker when it moves by parts of a
# pixel, which no camera shows.
MAGNIFIED = (1.2, 2.5)
GROWTH = 0.35  # standard deviation of log(size) after a second
SIZES = (0.5, 2.0)  # limits of the growth
ASLANT = 0.35  # standard deviation of the direction from horizontal, radians
ANY_WAY_SHARE = 0.25  # share of patches with any direction
_LOBES = range(1, 5)  # of an outline


def paste_moving_patches(
    window: NDArray[np.uint8],
    pictures: list[NDArray[np.uint8]],
    fps: float,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """The window (T, H, W, 3) with a patch of each of `pictures` (H, W, 3) crossing it."""
    pixels = np.ascontiguousarray(window.transpose(0, 3, 1, 2)).astype(np.float32)
    for picture in pictures:
        _paste(pixels, _patch(picture, rng), fps, rng)
    crossed: NDArray[np.uint8] = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(crossed.transpose(0, 2, 3, 1))


def _patch(
    picture: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.float32], float]:
    """A patch (4, h, w), colours times opacity and opacity, and its enlargement."""
    height, width = picture.shape[:2]
    wide = math.exp(rng.uniform(*np.log(WIDTH)))
    high = float(np.clip(wide * width / height * math.exp(rng.uniform(-0.9, 0.5)), *HEIGHT))
    larger = rng.uniform(*MAGNIFIED)
    h = int(np.clip(high * height / larger, min(4, height), height))
    w = int(np.clip(wide * width / larger, min(4, width), width))
    top, left = rng.integers(height - h + 1), rng.integers(width - w + 1)
    colours = picture[top : top + h, left : left + w].astype(np.float32)
    if rng.random() < 0.5:
        colours = colours[:, ::-1]
    mean = colours.mean(axis=(0, 1))
    colours = (colours - mean) * rng.uniform(0.7, 1.6) + mean * rng.uniform(0.5, 1.3)
    colours = np.clip(colours + rng.uniform(-30, 30), 0, 255)
    opacity = _outline(h, w, rng)[:, :, np.newaxis]
    piece = np.concatenate([colours * opacity, opacity], axis=2).astype(np.float32)
    return np.ascontiguousarray(piece.transpose(2, 0, 1)), larger


def _outline(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Opacity (height, width): a shape between an ellipse and a box with a wavy, soft border."""
    y = ((np.arange(height) + 0.5) / height * 2 - 1)[:, np.newaxis]
    x = ((np.arange(width) + 0.5) / width * 2 - 1)[np.newaxis]
    corners = rng.uniform(2, 6)
    away = np.abs(y) ** corners + np.abs(x) ** corners
    angle = np.arctan2(y, x)
    waves = [rng.normal(0, 0.12) * np.cos(k * angle + rng.uniform(0, math.tau)) for k in _LOBES]
    return np.clip((1 + sum(waves) - away) * rng.uniform(2, 6), 0, 1)


def _paste(
    pixels: NDArray[np.float32],
    piece: tuple[NDArray[np.float32], float],
    fps: float,
    rng: np.random.Generator,
) -> None:
    """Blend a patch into `pixels` (T, 3, H, W), at its place in each frame."""
    frames, _, height, width = pixels.shape
    shown, larger = piece
    h, w = shown.shape[1:]
    angle = rng.normal(0, ASLANT) + (math.pi if rng.random() < 0.5 else 0)
    if rng.random() < ANY_WAY_SHARE:
        angle = rng.uniform(0, math.tau)
    steps = fps * math.exp(rng.uniform(*np.log(CROSSING_S)))
    step = np.array([math.sin(angle), math.cos(angle)]) * (width + w * larger) / steps
    middle = np.array([rng.uniform(0.2, 0.95) * height, (0.5 + rng.normal(0, 0.15)) * width])
    growth = rng.normal(0, GROWTH) / fps
    passes = rng.uniform(-0.15, 1.15) * (frames - 1)  # the frame in which it is at the middle
    after = np.arange(frames) - passes
    size = np.clip(np.exp(growth * after), *SIZES)
    down, right = middle[:, np.newaxis] + step[:, np.newaxis] * size * after
    rows = _placement(height, h, down, larger * size)
    columns = _placement(width, w, right, larger * size)
    laid = rows[:, np.newaxis] @ shown @ columns[:, np.newaxis].swapaxes(2, 3)
    pixels *= 1 - laid[:, 3:]
    pixels += laid[:, :3]


def _placement(
    size: int, piece: int, middles: NDArray[np.float64], scales: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Matrices (T, size, piece) that place `piece` pixels, scaled by `scales`, at `middles`."""
    places = np.arange(size) + 0.5 - middles[:, np.newaxis]
    at = places / scales[:, np.newaxis] + piece / 2 - 0.5
    away = np.abs(at[:, :, np.newaxis] - np.arange(piece))
    matrices: NDArray[np.float32] = np.maximum(0, 1 - away).astype(np.float32)
    return matrices
