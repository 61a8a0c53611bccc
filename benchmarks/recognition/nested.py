"""What networks that two folds were held back from say: figures to choose by, and temperatures.

A network that saw neither fold i nor fold j answers for fold i by its answers to the clips of fold
j: whatever is chosen for fold i by these, its own clips had no part in.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.recognition.evidence import Evidence
from train.evaluate.calibration import fit_temperature
from train.evaluate.metrics import Metrics, measure
from train.evaluate.scores import Scored


@dataclass(frozen=True)
class Nested:
    """The nested fits of a series with its first seed; empty until all of them are there."""

    evidence: tuple[Evidence, ...]
    # (i, j) -> the clips of fold j, by the network that saw neither fold i nor fold j.
    parts: Mapping[tuple[int, int], Scored]
    measured: Mapping[tuple[int, int], Metrics]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed, where there is anything."""
        return tuple({e.seed for e in self.evidence})

    @property
    def folds(self) -> tuple[int, ...]:
        """All of them, rising."""
        return tuple(sorted({fold for fold, _ in self.parts}))

    @property
    def accuracy(self) -> tuple[float, ...]:
        """The mean over all ordered pairs of folds; empty if there is nothing."""
        return _mean(one.accuracy for one in self.measured.values())

    @property
    def auc(self) -> tuple[float, ...]:
        """The same of the area under the curve."""
        return _mean(one.macro_auc for one in self.measured.values())

    def auc_for(self, fold: int) -> float | None:
        """What to choose by for this fold: the mean over the others, its clips left aside."""
        areas = _mean(one.macro_auc for (held, _), one in self.measured.items() if held == fold)
        return areas[0] if areas else None

    def parts_for(self, fold: int) -> list[Scored]:
        """The clips of the other folds, by networks that saw neither them nor this fold's."""
        return [part for (held, _), part in self.parts.items() if held == fold]

    def temperature(self, fold: int) -> float:
        """For this fold's networks, from clips that are not of this fold."""
        return fit_temperature(self.parts_for(fold))


def nested(evidence: Sequence[Evidence]) -> Nested:
    """The nested fits of one seed; those of data that names no folds say nothing of single ones."""
    parts = {}
    for one in evidence:
        assert one.fold is not None
        assert one.second is not None
        for held, tested in ((one.fold, one.second), (one.second, one.fold)):
            clips = tuple(clip for clip in one.clips if clip.fold == tested)
            if clips:
                parts[held, tested] = one.model_copy(update={"clips": clips}).scored
    return Nested(tuple(evidence), parts, {pair: measure(part) for pair, part in parts.items()})


def _mean(values: Iterable[float | None]) -> tuple[float, ...]:
    known = [value for value in values if value is not None]
    return (float(np.mean(known)),) if known else ()
