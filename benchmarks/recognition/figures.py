"""Figures of the recognition tables, computed from the results alone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.recognition.fit_results import KEPT, ClipScores, FitRecord, Network
from benchmarks.recognition.nested import Nested, nested
from benchmarks.recognition.series import Series, SplitKind
from benchmarks.results import read
from train.evaluate.calibration import with_temperature
from train.evaluate.metrics import measure
from train.evaluate.scores import concatenate


@dataclass(frozen=True)
class Figures:
    """The figures of one split of a series, with a value for each seed that has all folds.

    Accuracy and AUC are means over the folds. The calibration error is over the clips of all folds
    together, because one fold has too few.
    """

    records: tuple[FitRecord, ...]
    seeds: tuple[int, ...]
    accuracy: tuple[float, ...]
    auc: tuple[float, ...]  # empty if no fold has clips of several labels
    calibration_error: tuple[float, ...]

    @property
    def folds(self) -> tuple[int, ...]:
        """The tested folds, rising."""
        return tuple(sorted({e.fold for e in self.records if e.fold is not None}))

    def of(self, fold: int) -> tuple[FitRecord, ...]:
        """The fits that were tested on a fold, one for each seed."""
        return tuple(e for e in self.records if e.fold == fold)


@dataclass(frozen=True)
class Line:
    """One series and what is known of it."""

    series: Series
    network: Network | None
    grouped: Figures
    random: Figures
    nested: Nested

    @property
    def calibrated_error(self) -> tuple[float, ...]:
        """The calibration error of the grouped fits, each at the temperature of its fold.

        Empty if there are no nested fits to fit the temperatures on.
        """
        if not self.grouped.seeds or set(self.nested.folds) != set(self.grouped.folds):
            return ()
        temperatures = {fold: self.nested.temperature(fold) for fold in self.nested.folds}
        return tuple(
            measure(
                concatenate(
                    [
                        with_temperature(e.scored, temperatures[e.fold])
                        for e in self.grouped.records
                        if e.seed == seed and e.fold is not None
                    ]
                )
            ).calibration.error
            for seed in self.grouped.seeds
        )

    @property
    def records(self) -> tuple[FitRecord, ...]:
        """All fits of the series."""
        return self.grouped.records + self.random.records + self.nested.records

    @property
    def missing(self) -> tuple[int, ...]:
        """Seeds for which a split lacks fits."""
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
    """One data set and the lines of all series on it."""

    name: str
    lines: tuple[Line, ...]

    @cached_property
    def records(self) -> tuple[FitRecord, ...]:
        """The fits of all lines."""
        return tuple(e for line in self.lines for e in line.records)

    @cached_property
    def tested(self) -> tuple[FitRecord, ...]:
        """The folds of a line and seed that has all of them: every test clip."""
        for line in self.lines:
            if line.grouped.seeds:
                first = line.grouped.seeds[0]
                return tuple(e for e in line.grouped.records if e.seed == first)
        return ()

    @property
    def clips(self) -> int:
        """Number of test clips."""
        return sum(len(e.clips) for e in self.tested)

    @property
    def groups(self) -> int:
        """Number of their groups."""
        return len({clip.group for e in self.tested for clip in e.clips})

    @property
    def most_frequent(self) -> tuple[str, float]:
        """The label that most test clips have, and the share that has it."""
        labels = Counter(clip.label for e in self.tested for clip in e.clips)
        label, count = labels.most_common(1)[0]
        return label, count / labels.total()

    @property
    def origins(self) -> list[str]:
        """Each hash of the data, with the version of har-monitor."""
        return sorted({f"`{e.data_sha256}` {e.version}" for e in self.records})


@dataclass(frozen=True)
class Choice:
    """The rows chosen fold by fold, and their means over the folds that they were chosen for."""

    folds: dict[str, tuple[int, ...]]  # name of a row -> folds that it was chosen for
    accuracy: float
    auc: float | None  # None if no fold has clips of several labels


def read_line(series: Series, results: Path) -> Line:
    """A series and its results, without results of another recipe or older data."""
    kept = read(results / series.file, KEPT).values()
    network = next((one for one in kept if isinstance(one, Network)), None)
    found = [
        one
        for one in kept
        if isinstance(one, FitRecord)
        and one.split in series.splits
        and one.seed in series.seeds
        and one.is_of(series.recipe_of(one.split, one.seed))
    ]
    if found:
        newest = max(found, key=lambda record: record.date)
        found = [record for record in found if record.data_sha256 == newest.data_sha256]
    return Line(
        series=series,
        network=network if network is not None and network.is_of(series.recipe) else None,
        grouped=_figures(found, "grouped"),
        random=_figures(found, "random"),
        nested=nested(_whole(found, "nested", series.seeds_of("nested")[0])),
    )


def by_dataset(line: Line) -> dict[str, Figures]:
    """The grouped figures of a row that was fitted on several data sets, for each of them."""
    parts: dict[str, list[FitRecord]] = {}
    for record in line.grouped.records:
        clips: dict[str, list[ClipScores]] = {}
        for clip in record.clips:
            clips.setdefault(clip.path.partition("/")[0], []).append(clip)
        for name, own in clips.items():
            part = record.model_copy(update={"clips": tuple(own)})
            parts.setdefault(name, []).append(part)
    return {
        name: _figures(
            [
                part.model_copy(update={"folds": sum(one.seed == part.seed for one in own)})
                for part in own
            ],
            "grouped",
        )
        for name, own in sorted(parts.items())
    }


def choose(lines: Sequence[Line]) -> Choice | None:
    """For each fold the line with the best nested AUC; None if there are fewer than two lines.

    A chosen line is tested on the fold that it was chosen for: the mean over its seeds there.
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


def _figures(found: Sequence[FitRecord], kind: SplitKind) -> Figures:
    records: list[FitRecord] = []
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
        records += folds
        seeds.append(seed)
        accuracy.append(float(np.mean([one.accuracy for one in metrics])))
        auc += [float(np.mean(areas))] if areas else []
        calibration_error.append(pooled.calibration.error)
    return Figures(
        tuple(records), tuple(seeds), tuple(accuracy), tuple(auc), tuple(calibration_error)
    )


def _whole(found: Sequence[FitRecord], kind: SplitKind, seed: int) -> list[FitRecord]:
    """The fits of a split and seed; none of them if one is missing."""
    fits = [e for e in found if (e.split, e.seed) == (kind, seed)]
    return fits if fits and len(fits) >= fits[0].folds else []
