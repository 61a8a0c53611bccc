"""What is said by networks that two folds were held back from: figures to choose by, temperatures.

A network that saw neither fold i nor fold j answers for fold i with its answers to the clips of
fold j. So fold i's own clips have no part in what is chosen for fold i.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.recognition.fit_results import FitRecord
from train.evaluate.calibration import fit_temperature
from train.evaluate.metrics import Metrics, measure
from train.evaluate.scores import Scored


@dataclass(frozen=True)
class Nested:
    """The nested fits of a series with its first seed; empty until all of them are there."""

    records: tuple[FitRecord, ...]
    # (i, j) -> the clips of fold j, by the network that saw neither fold i nor fold j.
    parts: Mapping[tuple[int, int], Scored]
    measured: Mapping[tuple[int, int], Metrics]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed, if there are fits."""
        return tuple({e.seed for e in self.records})

    @property
    def folds(self) -> tuple[int, ...]:
        """All folds, rising."""
        return tuple(sorted({fold for fold, _ in self.parts}))

    @property
    def accuracy(self) -> tuple[float, ...]:
        """The mean over all ordered pairs of folds; empty if there is nothing."""
        return _mean(one.accuracy for one in self.measured.values())

    @property
    def auc(self) -> tuple[float, ...]:
        """The mean AUC over all ordered pairs of folds; empty if there is nothing."""
        return _mean(one.macro_auc for one in self.measured.values())

    def auc_for(self, fold: int) -> float | None:
        """What to choose by for this fold: the mean over the other folds, without its own clips."""
        areas = _mean(one.macro_auc for (held, _), one in self.measured.items() if held == fold)
        return areas[0] if areas else None

    def parts_for(self, fold: int) -> list[Scored]:
        """The clips of the other folds, by networks that saw neither them nor this fold."""
        return [part for (held, _), part in self.parts.items() if held == fold]

    def temperature(self, fold: int) -> float:
        """The temperature of this fold's networks, fitted on clips of the other folds."""
        return fit_temperature(self.parts_for(fold))


def nested(records: Sequence[FitRecord]) -> Nested:
    """The nested fits of one seed; fits on data without named folds have no parts."""
    parts = {}
    for one in records:
        assert one.fold is not None
        assert one.second is not None
        for held, tested in ((one.fold, one.second), (one.second, one.fold)):
            clips = tuple(clip for clip in one.clips if clip.fold == tested)
            if clips:
                parts[held, tested] = one.model_copy(update={"clips": clips}).scored
    return Nested(tuple(records), parts, {pair: measure(part) for pair, part in parts.items()})


def _mean(values: Iterable[float | None]) -> tuple[float, ...]:
    known = [value for value in values if value is not None]
    return (float(np.mean(known)),) if known else ()
