"""How much of what moves in a window are persons."""

import math
import time
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from av import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from benchmarks.verification.detector import SIZE, Person, PersonDetector
from monitor.records import PictureBox
from monitor.windows.clip import scale_frame

# Which pictures the square round the motion is cut out of: pictures that were kept small, as a
# monitor would keep them, or pictures in full.
Pictures = Literal["small", "full"]
PICTURES: tuple[Pictures, Pictures] = ("small", "full")

BACK_S = (0.1, 0.6, 1.1, 1.6)  # seconds before a window's end at which a picture is looked at
_CELLS = 128  # of the motion, across and down
_NEAR_S = 0.26  # motion that counts as that of a picture
_FPS = 10.0  # at which motion is measured
_EDGE = 0.05  # share of the motion on either side that may lie outside the square
_ROOM = 1.3  # side of the square, in that of the motion
_LEAST_SIDE = 1 / 3  # of the square, in the picture's shorter side

Map = NDArray[np.float32]  # (CELLS, CELLS)


class Found(NamedTuple):
    """What was found in a window, by the pictures that were looked at."""

    share: dict[Pictures, float]  # of the motion inside persons, times their score
    score: dict[Pictures, float]  # the highest of a person; both are means over the pictures
    cpu_ms: float  # of looking at the small pictures


def look(detector: PersonDetector, frames: Sequence[tuple[float, VideoFrame]]) -> Found:
    """Look for persons in the frames of a window, each with its time."""
    end_s = frames[-1][0]
    times_s, changes = _changes(frames)
    whole = changes.mean(axis=0)
    pictures = [min(frames, key=lambda one: abs(one[0] - end_s + s))[1] for s in BACK_S]
    near = [np.abs(times_s - end_s + s) <= _NEAR_S for s in BACK_S]
    maps = [changes[these].mean(axis=0) if these.any() else whole for these in near]
    square = square_round(whole, pictures[0].width / pictures[0].height)
    full = [_rgb(picture) for picture in pictures]
    small = [_rgb(picture, SIZE) for picture in pictures]
    since = time.process_time()
    wholes = [detector.find(picture) for picture in small]
    persons: dict[Pictures, list[list[Person]]] = {
        "small": _with_square(detector, wholes, small, square)
    }
    cpu_ms = (time.process_time() - since) * 1000
    persons["full"] = _with_square(detector, wholes, full, square)
    return Found(
        {name: _mean(map(share, maps, found)) for name, found in persons.items()},
        {name: _mean(map(_highest, found)) for name, found in persons.items()},
        cpu_ms,
    )


def share(motion: Map, persons: Sequence[Person]) -> float:
    """The share of the motion inside persons, each part times the highest score there."""
    scores = np.zeros((_CELLS, _CELLS), np.float32)
    for (left, top, right, bottom), score in sorted(persons, key=lambda person: person.score):
        rows = slice(max(0, int(top * _CELLS)), max(0, int(np.ceil(bottom * _CELLS))))
        columns = slice(max(0, int(left * _CELLS)), max(0, int(np.ceil(right * _CELLS))))
        scores[rows, columns] = score
    moved = float(motion.sum())
    return float((motion * scores).sum()) / moved if moved else 0.0


def square_round(motion: Map, aspect: float) -> PictureBox | None:
    """The square, in pixels, round most of the motion in a picture; None if nothing moves.

    `aspect` is the width of the picture by its height.
    """
    clear = np.where(motion < motion.max() / 10, 0, motion)
    if not clear.any():
        return None
    left, right = _range(clear.sum(axis=0))
    top, bottom = _range(clear.sum(axis=1))
    most = min(1.0, aspect)  # in heights of the picture
    side = max((right - left) * aspect, bottom - top) * _ROOM
    side = min(max(side, _LEAST_SIDE * most), most)
    across = min(max((left + right) / 2 * aspect, side / 2), aspect - side / 2)
    down = min(max((top + bottom) / 2, side / 2), 1 - side / 2)
    return (
        (across - side / 2) / aspect,
        down - side / 2,
        (across + side / 2) / aspect,
        down + side / 2,
    )


def _changes(
    frames: Sequence[tuple[float, VideoFrame]],
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The times between sampled frames, and what changes there beyond what half the cells do."""
    times_s: list[float] = []
    greens: list[NDArray[np.float32]] = []
    for time_s, picture in frames:
        if not times_s or time_s >= times_s[0] + len(times_s) / _FPS - 0.02:
            times_s.append(time_s)
            greens.append(scale_frame(picture, _CELLS)[..., 1].astype(np.float32))
    changes = np.abs(np.diff(np.stack(greens), axis=0))
    changes -= np.median(changes, axis=(1, 2), keepdims=True)
    return (np.array(times_s[1:]) + times_s[:-1]) / 2, np.maximum(changes, 0)


def _rgb(picture: VideoFrame, longest: float = math.inf) -> NDArray[np.uint8]:
    """The picture as (H, W, 3) RGB, no side longer than this."""
    shrunk = min(1.0, longest / max(picture.width, picture.height))
    scaled = picture.reformat(
        round(picture.width * shrunk),
        round(picture.height * shrunk),
        "rgb24",
        interpolation=Interpolation.AREA,
        threads=1,
    )
    pixels: NDArray[np.uint8] = scaled.to_ndarray()  # type: ignore[assignment]  # rgb24 is uint8
    return pixels


def _with_square(
    detector: PersonDetector,
    wholes: Sequence[list[Person]],
    pictures: Sequence[NDArray[np.uint8]],
    square: PictureBox | None,
) -> list[list[Person]]:
    if square is None:
        return list(wholes)
    parts = (detector.find(picture, square) for picture in pictures)
    return [whole + part for whole, part in zip(wholes, parts, strict=True)]


def _range(sums: NDArray[np.float32]) -> tuple[float, float]:
    shares = np.cumsum(sums) / sums.sum()
    first, last = np.searchsorted(shares, (_EDGE, 1 - _EDGE))
    return first / len(sums), (last + 1) / len(sums)


def _highest(persons: Sequence[Person]) -> float:
    return max((person.score for person in persons), default=0.0)


def _mean(values: Iterable[float]) -> float:
    return round(float(np.mean(list(values))), 4)
