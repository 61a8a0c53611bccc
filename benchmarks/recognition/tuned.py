"""Lets the networks of a row watch streams by the rules that har-evaluate --tune finds.

The row's recipe names several data sets. The rules for fold i are tuned on the streams of the other
folds, as watched by their own networks: these have seen fold i's clips, but not its films.
"""

import logging
from collections.abc import Sequence

from rich.console import Console

from benchmarks.recognition.fit_results import KEPT, FoldAlerts
from benchmarks.recognition.fits import Places
from benchmarks.recognition.networks import Networks
from benchmarks.recognition.regions import measure_regions
from benchmarks.recognition.series import Series, Streams
from benchmarks.recognition.watching import answers, judgement
from benchmarks.results import keep, now, read
from monitor import __version__
from monitor.config.options import ActivityOptions
from monitor.errors import DataError
from train.cli.evaluate import fewer_lines
from train.data.footage import find_footage
from train.evaluate.stream_results import StreamResult
from train.evaluate.tuning import Trials, cross_validate
from train.experiment.fold_streams import watch_folds
from train.report.stream_report import quiet_s

log = logging.getLogger(__name__)

METHOD = 1  # raised if the benchmark measures otherwise than before


def watch_tuned(all_series: Sequence[Series], places: Places, console: Console) -> None:
    """Measure what the networks of rows find in streams, unless it is kept already.

    Every fit of the rows must be done.
    """
    for series in all_series:
        if series.streams is None:
            continue
        networks = Networks(series, places, console, series.streams.clips)
        with fewer_lines(verbose=False):
            _watch(series, series.streams, networks, places, console)
            if series.wide is not None:
                measure_regions(series.wide, networks, places, console)


def _watch(
    series: Series, streams: Streams, networks: Networks, places: Places, console: Console
) -> None:
    """Watch the streams of all folds, if a fold has no result yet: rules need the other folds."""
    films = places.data / streams.footage
    footage = tuple(film.path for film in find_footage(films))
    bases = {fold: networks.basis(fold, footage, METHOD) for fold in networks.folds}
    file = places.results / series.file
    known = {one.fold: one for one in read(file, KEPT).values() if isinstance(one, FoldAlerts)}
    if all(
        fold in known
        and known[fold].basis.agrees(basis)
        and known[fold].per_day == streams.false_alarms_per_day
        for fold, basis in bases.items()
    ):
        return
    log.info("streams of %s", series.name)
    recipe = series.recipe_of("grouped", networks.seed)
    sources = tuple(
        source.model_copy(update={"path": places.data / source.path}) for source in series.sources
    )
    watched = watch_folds(
        recipe, sources, streams.clips, films, networks.scorer, places.cache, console
    )
    if not watched.own_footage:
        raise DataError(f"{films}: too few films to give each of {len(bases)} folds its own")
    metadata = watched.folds[0].metadata
    span_s = metadata.clip.span_s
    trials = Trials(ActivityOptions().rules(metadata), span_s)
    results = cross_validate(
        [fold.streams for fold in watched.folds], trials, streams.false_alarms_per_day
    )
    films_alone = {film.name for film in watched.footage}
    for fold in watched.folds:
        own = [one for one in results if one.watched in fold.streams]
        alone = [one for one in own if one.watched.plan.name in films_alone]
        quiet = quiet_s((one.watched.plan for one in own), metadata.alert_labels)
        keep(
            file,
            KEPT,
            FoldAlerts(
                basis=bases[fold.number],
                name=series.name,
                data=series.data,
                seed=networks.seed,
                fold=fold.number,
                per_day=streams.false_alarms_per_day,
                streams_s=_lengths(own),
                films_s=_lengths(alone),
                quiet_s={kind: round(seconds, 3) for kind, seconds in quiet.items()},
                judged=judgement(own, alone, span_s),
                clips=() if fold.scored is None else answers(fold.streams, fold.scored),
                date=now(),
                version=__version__,
            ),
        )


def _lengths(results: Sequence[StreamResult]) -> dict[str, float]:
    return {one.watched.plan.name: round(one.watched.plan.duration_s, 3) for one in results}
