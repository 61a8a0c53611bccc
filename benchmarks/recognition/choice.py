"""Which row would be chosen for each fold, by clips that are not of it, and how that one fares."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.recognition.figures import Line
from train.evaluate.metrics import measure


@dataclass(frozen=True)
class Choice:
    """Rows chosen fold by fold, and the chosen ones' means over the folds they were chosen for."""

    folds: dict[str, tuple[int, ...]]  # name of a row -> folds that it was chosen for
    accuracy: float
    auc: float | None  # None if no fold has clips of several labels


def choose(lines: Sequence[Line]) -> Choice | None:
    """For each fold the line with the best nested AUC; None if there are not two to choose from.

    A chosen line is tested on the fold it was chosen for: the mean over its seeds there.
    """
    able = [line for line in lines if line.nested.parts and line.grouped.seeds]
    if len(able) < 2:
        return None
    chosen: dict[str, tuple[int, ...]] = {}
    accuracy: list[float] = []
    auc: list[float] = []
    for fold in able[0].nested.folds:
        best = max(able, key=lambda line: line.nested.auc_for(fold) or 0.0)
        name = best.series.name
        chosen[name] = (*chosen.get(name, ()), fold)
        measured = [measure(e.scored) for e in best.grouped.of(fold)]
        accuracy.append(float(np.mean([one.accuracy for one in measured])))
        areas = [one.macro_auc for one in measured if one.macro_auc is not None]
        auc += [float(np.mean(areas))] if areas else []
    return Choice(chosen, float(np.mean(accuracy)), float(np.mean(auc)) if auc else None)
