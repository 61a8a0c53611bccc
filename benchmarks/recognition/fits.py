"""Makes the fits that the results lack, one after the other."""

import hashlib
import itertools
import json
import logging
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.recognition.fit_results import (
    DIGITS,
    KEPT,
    ClipScores,
    FitRecord,
    Kept,
    Network,
    fit_key,
)
from benchmarks.recognition.series import Series, SplitKind
from benchmarks.results import keep, now, read
from export.keras_file import MODEL_NAME, load_model
from monitor import __version__
from monitor.errors import ConfigError
from train.data.clips import Dataset
from train.data.decoding import DecodedClips, decode_clips
from train.data.mixed import load_data
from train.data.split import Split, fold_split, folds_of, random_split
from train.experiment.experiment import CHECKPOINT, Experiment
from train.experiment.training import check_names, fit_split
from train.progress import duration_text

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Places:
    """The folders of the benchmark."""

    data: Path  # folder of data sets
    results: Path
    runs: Path  # models and unfinished fits
    cache: Path  # decoded clips


@dataclass(frozen=True)
class PlannedFit:
    """One fit of a series."""

    series: Series
    kind: SplitKind
    seed: int
    fold: int | None  # None for a random split
    second: int | None  # of a nested fit: the other fold that is held back
    folds: int  # number of fits of this split and seed
    split: Split
    run: Experiment

    @property
    def key(self) -> str:
        """Its key among the results of the series."""
        return fit_key(self.kind, self.seed, self.fold, self.second)

    @property
    def folder(self) -> Path:
        """Its folder among the runs."""
        return self.series.folder / self.key

    @property
    def title(self) -> str:
        """Its title, for the screen and for the model's metadata."""
        title = f"{self.series.name} on {self.series.data}, {self.kind} split, seed {self.seed}"
        folds = [str(fold) for fold in (self.fold, self.second) if fold is not None]
        return f"{title}, fold {' and '.join(folds)}" if folds else title

    @property
    def data_sha256(self) -> str:
        """The hash of every usable clip: path, label and content."""
        return self.run.decoded_clips.sha256(self.run.decoded_clips.clips)

    @property
    def split_sha256(self) -> str:
        """The hash of which clips, of which groups, are in which part of the split."""
        parts = (self.split.train, self.split.validation, self.split.test)
        named = [[(clip.path, clip.group) for clip in part] for part in parts]
        return hashlib.sha256(json.dumps(named).encode()).hexdigest()

    def is_done(self, record: Kept | None) -> bool:
        """Whether `record` is of this very recipe, data and split."""
        return (
            isinstance(record, FitRecord)
            and record.is_of(self.run.recipe)
            and record.data_sha256 == self.data_sha256
            and record.split_sha256 == self.split_sha256
            and record.folds == self.folds
        )


def do_fits(all_series: Sequence[Series], places: Places, console: Console) -> None:
    """Fit what has no result yet, or only a result of another recipe or other data.

    What is done is kept, so a command that was stopped goes on. Every series is fitted with its
    first seed before any is fitted with its second, so that the table soon has all its lines.
    """
    fits = sorted(
        all_fits(all_series, places, console), key=lambda fit: fit.series.seeds.index(fit.seed)
    )
    kept = {series.file: read(places.results / series.file, KEPT) for series in all_series}
    found = {fit.folder: kept[fit.series.file].get(fit.key) for fit in fits}
    done = {fit.folder for fit in fits if fit.is_done(found[fit.folder])}
    todo = [fit for fit in fits if fit.folder not in done]
    took_s: defaultdict[Path, list[float]] = defaultdict(list)

    def note_time(fit: PlannedFit, record: Kept | None) -> None:
        if isinstance(record, FitRecord) and record.fit_s is not None:
            took_s[fit.series.folder].append(record.fit_s)

    for fit in fits:
        note_time(fit, found[fit.folder])
    if any(not fit.run.is_baseline for fit in todo):
        from export.backend import start_tensorflow

        start_tensorflow()
    _measure_missing([fit for fit in fits if fit.folder in done], places)
    for place, fit in enumerate(todo):
        number = len(fits) - len(todo) + place + 1
        left = left_text([other.series.folder for other in todo[place:]], took_s)
        log.info("fit %d of %d, %s: %s", number, len(fits), left, fit.title)
        record = _do(fit, places)
        _measure_network(fit, places)
        keep(places.results / fit.series.file, KEPT, record)
        note_time(fit, record)


def left_text(todo: Sequence[Path], took_s: Mapping[Path, Sequence[float]]) -> str:
    """The time that the fits of the folders `todo` will take, judged by fits of the same series.

    A series without a fit yet counts as the mean of the others.
    """
    means = {folder: sum(times) / len(times) for folder, times in took_s.items()}
    if not means:
        return "time left not known yet"
    other = sum(means.values()) / len(means)
    return f"about {duration_text(sum(means.get(folder, other) for folder in todo))} left"


def all_fits(
    all_series: Sequence[Series], places: Places, console: Console
) -> Iterator[PlannedFit]:
    """Every fit that the series consist of, done or not."""
    ready: dict[str, tuple[Dataset, DecodedClips]] = {}
    for series in all_series:
        recipe = series.recipe
        sources = [
            source.model_copy(update={"path": places.data / source.path})
            for source in series.sources
        ]
        named = [source.model_dump(mode="json", exclude={"weight"}) for source in sources]
        key = json.dumps([named, recipe.labels, asdict(recipe.spec), recipe.sampling])
        if key not in ready:
            dataset = load_data(sources, recipe.labels, recipe.spec.span_s)
            ready[key] = (
                dataset,
                decode_clips(dataset, recipe.spec, recipe.sampling, places.cache, console),
            )
        try:
            check_names(recipe, ready[key][0])
        except ConfigError as error:
            raise ConfigError(f"row {series.name} on {series.data}: {error}") from None
        for kind in series.splits:
            for seed in series.seeds_of(kind):
                run = Experiment(*ready[key], series.recipe_of(kind, seed), console)
                yield from _fits_of(series, kind, seed, run)


def _fits_of(series: Series, kind: SplitKind, seed: int, run: Experiment) -> Iterator[PlannedFit]:
    clips, config = run.decoded_clips.clips, run.recipe
    if kind == "random":
        split = random_split(clips, config)
        yield PlannedFit(series, kind, seed, None, None, 1, split, run)
        return
    folds = folds_of(clips, config)
    if kind == "nested":
        pairs = list(itertools.combinations(folds, 2))
        for fold, second in pairs:
            split = fold_split(clips, (*folds[fold], *folds[second]), config)
            yield PlannedFit(series, kind, seed, fold, second, len(pairs), split, run)
        return
    for fold, test in folds.items():
        split = fold_split(clips, test, config)
        yield PlannedFit(series, kind, seed, fold, None, len(folds), split, run)


def _do(fit: PlannedFit, places: Places) -> FitRecord:
    """The record of a fit that is made now, or was made before its record was kept."""
    run, folder = fit.run, places.runs / fit.folder
    folder.mkdir(parents=True, exist_ok=True)
    fit_s = None
    result = run.load_finished(fit.split, folder, fit.title)
    if result is None:
        anew = not (folder / CHECKPOINT).exists()
        began_s = time.monotonic()
        result = fit_split(run, fit.split, folder, fit.title, f"benchmark: {fit.title}")
        fit_s = round(time.monotonic() - began_s, 1) if anew else None
    scored = result.scored
    assert scored is not None
    clips = {clip.path: clip for clip in fit.split.test}
    return FitRecord(
        name=fit.series.name,
        data=fit.series.data,
        split=fit.kind,
        seed=fit.seed,
        fold=fit.fold,
        second=fit.second,
        folds=fit.folds,
        recipe=run.recipe.model_dump(mode="json"),
        data_sha256=fit.data_sha256,
        split_sha256=fit.split_sha256,
        date=now(),
        fit_s=fit_s,
        version=__version__,
        labels=scored.labels,
        clips=tuple(
            ClipScores(
                path=path,
                label=clips[path].label,
                group=clips[path].group,
                fold=clips[path].fold,
                scores=tuple(round(float(score), DIGITS) for score in scores),
            )
            for path, scores in zip(scored.clips, scored.scores, strict=True)
        ),
    )


def _measure_missing(done: Sequence[PlannedFit], places: Places) -> None:
    """Measure the networks that were not measured yet, if a fit's model is still there."""
    for fit in done:
        if fit.run.is_baseline or _known_network(fit, places) is not None:
            continue
        if fit.run.load_finished(fit.split, places.runs / fit.folder, fit.title) is not None:
            from export.backend import start_tensorflow

            start_tensorflow()
            _measure_network(fit, places)


def _measure_network(fit: PlannedFit, places: Places) -> None:
    """Note the size and speed of the network of a finished fit, unless they are known.

    Changed code can make another network of the same recipe, with other parameters. Then they are
    measured again.
    """
    if fit.run.is_baseline:
        return
    path = places.runs / fit.folder / MODEL_NAME
    parameters = load_model(path)[0].count_params()
    known = _known_network(fit, places)
    if known is not None and known.parameters == parameters:
        return
    from export.backend import quiet
    from export.export import export_model

    with tempfile.TemporaryDirectory() as folder, quiet():
        exported = export_model(path, Path(folder) / "network.onnx")
    config = fit.run.recipe
    facts = Network(
        arch=config.arch,
        clip=config.clip.model_dump(mode="json"),
        parameters=parameters,
        window_ms=round(exported.window_ms, 2),
        date=now(),
        version=__version__,
    )
    keep(places.results / fit.series.file, KEPT, facts)


def _known_network(fit: PlannedFit, places: Places) -> Network | None:
    """What is known of the network of the series, if it is of this recipe."""
    for known in read(places.results / fit.series.file, KEPT).values():
        if isinstance(known, Network) and known.is_of(fit.run.recipe):
            return known
    return None
