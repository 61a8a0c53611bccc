"""Clips laid small into wide footage: their places and their figures."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.recognition.fit_results import (
    FitRecord,
    FoldInsets,
    View,
    read_folds,
)
from benchmarks.recognition.series import Series
from monitor.windows.region import Region
from train.evaluate.metrics import measure

SEED = 1
HEIGHT = 1 / 3  # of an inset, as a share of the picture's
ROOM = 1.3  # width and height of the region, in those of the inset
_DRAWN = 2  # digits of a fraction, as a user would write it


@dataclass(frozen=True)
class Inset:
    """The place of a clip in a wide film and in its picture, pixels."""

    film: int  # index
    offset_s: float
    left: int
    top: int
    width: int
    height: int
    region: tuple[float, float, float, float]  # around it, in fractions of the picture


@dataclass(frozen=True)
class Insets:
    """All folds of a row together."""

    folds: tuple[FoldInsets, ...]

    @property
    def clips(self) -> int:
        """Number of clips."""
        return sum(len(fold.clips) for fold in self.folds)

    @property
    def films(self) -> list[str]:
        """The films into which the clips were laid."""
        return sorted({clip.film for fold in self.folds for clip in fold.clips})

    def accuracy(self, view: View) -> float:
        """The mean over the folds."""
        return float(np.mean([measure(fold.scored(view)).accuracy for fold in self.folds]))

    def auc(self, view: View) -> float | None:
        """The mean over the folds; None if none has clips of several labels."""
        areas = [measure(fold.scored(view)).macro_auc for fold in self.folds]
        known = [area for area in areas if area is not None]
        return float(np.mean(known)) if known else None


def place(
    name: str,
    clip: tuple[int, int],
    films: Sequence[tuple[tuple[int, int], float]],
    duration_s: float,
) -> Inset:
    """A random place for a clip; each film has a size and a length.

    The same clip always has the same place, whichever others there are.
    """
    random = np.random.default_rng((SEED, zlib.crc32(name.encode())))
    film = int(random.integers(len(films)))
    (width, height), film_s = films[film]
    inset_height = round(height * HEIGHT)
    inset_width = min(width, round(inset_height * clip[0] / clip[1]))
    left = int(random.integers(width - inset_width + 1))
    top = int(random.integers(height - inset_height + 1))
    offset_s = round(float(random.uniform(0, max(0.0, film_s - duration_s))), 3)
    across = _around(left / width, inset_width / width)
    down = _around(top / height, inset_height / height)
    region = (across[0], down[0], across[1], down[1])
    return Inset(film, offset_s, left, top, inset_width, inset_height, region)


def drawn(inset: Inset) -> Region:
    """The region around an inset."""
    return Region.box("inset", *inset.region)


def read_insets(series: Series, grouped: Sequence[FitRecord], results: Path) -> Insets | None:
    """What all folds of the grouped fits scored in regions; None if a fold is missing."""
    folds = read_folds(FoldInsets, series, grouped, results)
    return Insets(folds) if folds else None


def _around(start: float, length: float) -> tuple[float, float]:
    """A range ROOM times as long around the same middle, within the picture."""
    more = length * (ROOM - 1) / 2
    low, high = max(0.0, start - more), min(1.0, start + length + more)
    return round(low, _DRAWN), round(high, _DRAWN)
