"""The folds of an experiment fitted by the nodes of a Ray cluster, with the same results.

A node reads the decoded clips where this machine keeps them, and gives back what it has fitted.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from export.backend import start_tensorflow
from export.keras_file import MODEL_NAME
from monitor.atomic import make_folder, replacing
from monitor.cluster.ray_nodes import Trial
from monitor.cluster.ray_pool import TaskPool
from monitor.cluster.ray_session import joined_for_tasks
from monitor.errors import ConfigError, MonitorError
from monitor.paths import describe_os_error
from monitor.pipeline.monitor import cores
from train.data.background import BackgroundClips
from train.data.cache import FrameFile
from train.data.clips import Dataset
from train.data.decoding import DecodedClips
from train.experiment.experiment import Experiment
from train.experiment.results import FitResult
from train.experiment.training import FoldFit, fit_split
from train.recipe.options import Recipe

log = logging.getLogger(__name__)

# TensorFlow shares sums out among its threads: with another number their last bits differ.
_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
_PACKAGES = ("keras", "numpy", "scikit-learn", "scipy", "tensorflow")  # that figures depend on
_TRIES = 2  # of a fit whose process died
_LOOK_S = 1.0


@dataclass(frozen=True)
class FoldData:
    """What the fits of all folds have in common."""

    dataset: Dataset
    decoded_clips: DecodedClips
    recipe: Recipe
    background_clips: BackgroundClips
    threads: int
    packages: dict[str, str]  # versions by name


@dataclass(frozen=True)
class FittedFold:
    """What a node gives back."""

    result: FitResult
    model: bytes | None  # the file; None of a baseline


def fit_by_tasks(
    address: str, experiment: Experiment, out: Path, fits: Sequence[FoldFit]
) -> Iterator[tuple[FoldFit, FitResult]]:
    """Fit all folds at a time, as far as there are CPUs; those that were finished before are not.

    MonitorError if no node can, or one fit fails; what others have given by then is kept.
    """
    waiting: list[FoldFit] = []
    for fit in fits:
        finished = experiment.load_finished(fit.split, fit.folder(out), fit.title)
        if finished is None:
            waiting.append(fit)
        else:
            yield fit, finished
    if not waiting:
        return
    data = FoldData(
        experiment.dataset,
        experiment.decoded_clips,
        experiment.recipe,
        experiment.background_clips,
        _threads(),
        _versions(),
    )
    trial = Trial(can_fit, lambda: _frame_files(experiment))
    with (
        joined_for_tasks(address),
        closing(TaskPool[FoldFit](trial, data, cpus=data.threads, fresh=True)) as pool,
    ):
        log.info("folds are fitted by %s, each on %d", pool.described, data.threads)
        for fit in waiting:
            pool.start(fit, fit_fold, fit)
        for fit, fitted in _fitted(pool):
            _keep(experiment, fit.folder(out), fitted)
            yield fit, fitted.result


def _fitted(pool: TaskPool[FoldFit]) -> Iterator[tuple[FoldFit, FittedFold]]:
    tries: dict[int, int] = {}
    while pool.busy:
        for outcome in pool.outcomes(_LOOK_S):
            fit = outcome.key
            tries[fit.number] = tries.get(fit.number, 0) + 1
            if outcome.crashed and tries[fit.number] < _TRIES:
                log.warning("%s: %s: it is tried once more", fit.title, outcome.failure)
                pool.start(fit, fit_fold, fit)
            elif outcome.failure:
                raise MonitorError(f"{fit.title}: {outcome.failure}")
            else:
                yield fit, outcome.value


def _keep(experiment: Experiment, folder: Path, fitted: FittedFold) -> None:
    """Save what a node has fitted, as if it had been fitted here."""
    make_folder(folder)
    if fitted.model is not None:
        experiment.discard_finished(folder)
        with replacing(folder / MODEL_NAME) as temporary:
            temporary.write_bytes(fitted.model)
    experiment.save_finished(folder, fitted.result)


def fit_fold(fit: FoldFit, data: FoldData) -> FittedFold:
    """Fit and test a fold, in a process that has not started TensorFlow."""
    for name in _THREADS:
        os.environ[name] = str(data.threads)
    experiment = Experiment(
        data.dataset,
        data.decoded_clips,
        data.recipe,
        Console(quiet=True),
        background_clips=data.background_clips,
    )
    if not experiment.is_baseline:
        start_tensorflow()
    with TemporaryDirectory(prefix="har-train-") as name:
        folder = Path(name)
        result = fit_split(experiment, fit.split, folder, fit.title, fit.how)
        saved = folder / MODEL_NAME
        return FittedFold(result, saved.read_bytes() if saved.exists() else None)


def can_fit(files: Iterable[Path], data: FoldData) -> None:
    """MonitorError if a node has other packages than this machine, or cannot read its clips."""
    for name, found in _versions().items():
        if found != data.packages[name]:
            raise MonitorError(f"it has {name} {found}; {data.packages[name]} is needed")
    for path in files:
        try:
            path.open("rb").close()
        except OSError as error:
            fault = describe_os_error(str(path), error)
            raise MonitorError(f"{fault}; --cache must be a folder that all nodes share") from None


def _threads() -> int:
    """How many threads a fit has on this machine."""
    given = os.environ.get(_THREADS[0], "0")
    if not given.isdecimal():
        raise ConfigError(f"{_THREADS[0]}={given}: a number is needed")
    return int(given) or cores()


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _frame_files(experiment: Experiment) -> list[Path]:
    """The files of the cache that hold the frames of all clips."""
    decoded = [
        *map(experiment.decoded_clips.load, experiment.decoded_clips.clips),
        *experiment.background_clips.slices,
    ]
    stored = dict.fromkeys(one.stored for one in decoded if isinstance(one.stored, FrameFile))
    return [one.path for one in stored]
