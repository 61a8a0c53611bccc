"""The figures of the recognition tables, computed from the evidence alone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.recognition.evidence import KEPT, Evidence, Network
from benchmarks.recognition.nested import Nested, nested
from benchmarks.recognition.series import Series, SplitKind
from benchmarks.results import read
from train.evaluate.calibration import with_temperature
from train.evaluate.metrics import measure
from train.evaluate.scores import concatenate


@dataclass(frozen=True)
class Figures:
    """What one split of a series measured; a value for each seed all of whose folds are there.

    Accuracy and AUC are means over the folds. The calibration error is that of the clips of all
    folds together, for those of one are too few.
    """

    evidence: tuple[Evidence, ...]
    seeds: tuple[int, ...]
    accuracy: tuple[float, ...]
    auc: tuple[float, ...]  # empty if no fold has clips of several labels
    calibration_error: tuple[float, ...]

    @property
    def folds(self) -> tuple[int, ...]:
        """Those that were tested, rising."""
        return tuple(sorted({e.fold for e in self.evidence if e.fold is not None}))

    def of(self, fold: int) -> tuple[Evidence, ...]:
        """The fits that were tested on a fold, one for each seed."""
        return tuple(e for e in self.evidence if e.fold == fold)


@dataclass(frozen=True)
class Line:
    """One series with what is known of it."""

    series: Series
    network: Network | None
    grouped: Figures
    random: Figures
    nested: Nested

    @property
    def calibrated_error(self) -> tuple[float, ...]:
        """The calibration error of the grouped fits, each at the temperature of its fold.

        Empty if no nested fits say what the temperatures are.
        """
        if not self.grouped.seeds or set(self.nested.folds) != set(self.grouped.folds):
            return ()
        temperatures = {fold: self.nested.temperature(fold) for fold in self.nested.folds}
        return tuple(
            measure(
                concatenate(
                    [
                        with_temperature(e.scored, temperatures[e.fold])
                        for e in self.grouped.evidence
                        if e.seed == seed and e.fold is not None
                    ]
                )
            ).calibration.error
            for seed in self.grouped.seeds
        )

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """All of it."""
        return self.grouped.evidence + self.random.evidence + self.nested.evidence

    @property
    def missing(self) -> tuple[int, ...]:
        """Seeds that some split has not been fitted with."""
        done = {
            "grouped": self.grouped.seeds,
            "random": self.random.seeds,
            "nested": self.nested.seeds,
        }
        lacking = {
            seed
            for kind in self.series.splits
            for seed in set(self.series.seeds_of(kind)) - set(done[kind])
        }
        return tuple(sorted(lacking))


@dataclass(frozen=True)
class DataSet:
    """One data set and the lines of those that were tested on it."""

    name: str
    lines: tuple[Line, ...]

    @cached_property
    def evidence(self) -> tuple[Evidence, ...]:
        """Of all lines."""
        return tuple(e for line in self.lines for e in line.evidence)

    @cached_property
    def tested(self) -> tuple[Evidence, ...]:
        """The folds of some line and seed that has all of them: every clip that is tested on."""
        for line in self.lines:
            if line.grouped.seeds:
                first = line.grouped.seeds[0]
                return tuple(e for e in line.grouped.evidence if e.seed == first)
        return ()

    @property
    def clips(self) -> int:
        """How many are tested on."""
        return sum(len(e.clips) for e in self.tested)

    @property
    def groups(self) -> int:
        """Of how many groups they are."""
        return len({clip.group for e in self.tested for clip in e.clips})

    @property
    def most_frequent(self) -> tuple[str, float]:
        """The label that most of them have, and the share that has it."""
        labels = Counter(clip.label for e in self.tested for clip in e.clips)
        label, count = labels.most_common(1)[0]
        return label, count / labels.total()

    @property
    def origins(self) -> list[str]:
        """Which contents, and which versions of har-monitor, the evidence is of."""
        return sorted({f"`{e.data_sha256}` {e.version}" for e in self.evidence})


@dataclass(frozen=True)
class Choice:
    """Rows chosen fold by fold, and the chosen ones' means over the folds they were chosen for."""

    folds: dict[str, tuple[int, ...]]  # name of a row -> folds that it was chosen for
    accuracy: float
    auc: float | None  # None if no fold has clips of several labels


def read_line(series: Series, results: Path) -> Line:
    """A series with its evidence under `results`; that of another recipe or older data is not."""
    kept = read(results / series.file, KEPT).values()
    network = next((one for one in kept if isinstance(one, Network)), None)
    found = [
        one
        for one in kept
        if isinstance(one, Evidence)
        and one.split in series.splits
        and one.seed in series.seeds
        and one.is_of(series.config(one.split, one.seed))
    ]
    if found:
        newest = max(found, key=lambda evidence: evidence.date)
        found = [evidence for evidence in found if evidence.data_sha256 == newest.data_sha256]
    return Line(
        series=series,
        network=network if network is not None and network.is_of(series.recipe) else None,
        grouped=_figures(found, "grouped"),
        random=_figures(found, "random"),
        nested=nested(_whole(found, "nested", series.seeds_of("nested")[0])),
    )


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


def _figures(found: Sequence[Evidence], kind: SplitKind) -> Figures:
    evidence: list[Evidence] = []
    seeds: list[int] = []
    accuracy: list[float] = []
    auc: list[float] = []
    calibration_error: list[float] = []
    for seed in sorted({e.seed for e in found}):
        folds = _whole(found, kind, seed)
        if not folds:
            continue
        metrics = [measure(e.scored) for e in folds]
        areas = [one.macro_auc for one in metrics if one.macro_auc is not None]
        pooled = measure(concatenate([e.scored for e in folds]))
        evidence += folds
        seeds.append(seed)
        accuracy.append(float(np.mean([one.accuracy for one in metrics])))
        auc += [float(np.mean(areas))] if areas else []
        calibration_error.append(pooled.calibration.error)
    return Figures(
        tuple(evidence), tuple(seeds), tuple(accuracy), tuple(auc), tuple(calibration_error)
    )


def _whole(found: Sequence[Evidence], kind: SplitKind, seed: int) -> list[Evidence]:
    """The fits of a split and seed; none of them where one is missing."""
    fits = [e for e in found if (e.split, e.seed) == (kind, seed)]
    return fits if fits and len(fits) >= fits[0].folds else []
