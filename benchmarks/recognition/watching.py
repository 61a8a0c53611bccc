"""Lets the networks of a row watch streams as the monitor would, with rules tuned without them.

This is strictly nested. The rules for fold i are tuned on streams of the other folds. Each other
fold j is watched by the network that saw neither i nor j. Tuning and testing also use different
footage.
"""

import itertools
import logging
from collections.abc import Sequence

from rich.console import Console

from benchmarks.recognition.events import LEAST_FOUND
from benchmarks.recognition.fit_results import (
    DIGITS,
    KEPT,
    Basis,
    Choosing,
    ClipAnswer,
    FalseAlarm,
    FoldEvents,
    Judgement,
    WatchedEvent,
)
from benchmarks.recognition.fits import Places
from benchmarks.recognition.networks import Networks
from benchmarks.recognition.regions import measure_regions
from benchmarks.recognition.series import Declared, Watch
from benchmarks.results import keep, now, read
from monitor import __version__
from monitor.config.options import ActivityOptions
from monitor.errors import DataError
from monitor.recognition.tracker import Rules
from train.cli.evaluate import fewer_lines
from train.data.footage import Footage, find_footage
from train.evaluate.event_match import event_metrics
from train.evaluate.playback import WatchedStream
from train.evaluate.scores import Scored
from train.evaluate.stream_results import StreamResult, clip_answers, match_stream, total_hours
from train.evaluate.streams import plan_footage, plan_streams
from train.evaluate.tuning import MIN_S, SMOOTHING_S, THRESHOLDS, Trials, search_rules
from train.experiment.stream_evaluation import watch
from train.report.stream_report import false_alarm

log = logging.getLogger(__name__)

METHOD = 1  # raised if the benchmark measures otherwise than before


def watch_live(declared: Declared, places: Places, console: Console) -> None:
    """Measure what a row's networks find in streams and in regions, unless it is kept already.

    Every fit of the row must be done. Nothing is measured if the plan names no row.
    """
    if declared.watch is None:
        return
    networks = Networks(declared.watch.series, places, console)
    with fewer_lines(verbose=False):
        watch_events(declared.watch, networks, places, console)
        measure_regions(declared.watch.wide, networks, places, console)


def watch_events(watched: Watch, networks: Networks, places: Places, console: Console) -> None:
    """Watch the folds that have no result yet; each is kept as soon as it is done."""
    footage = find_footage(places.data / watched.footage)
    if len(footage) < 2:
        raise DataError(
            f"{places.data / watched.footage}: {len(footage)} file; "
            "one to tune in and another to test in are needed"
        )
    file = places.results / watched.series.file
    known = {one.fold: one for one in read(file, KEPT).values() if isinstance(one, FoldEvents)}
    for place, fold in enumerate(networks.folds):
        basis = networks.basis(fold, tuple(film.path for film in footage), METHOD)
        if fold not in known or not known[fold].basis.agrees(basis):
            log.info("events of fold %d, %d of %d", fold, place + 1, len(networks.folds))
            keep(file, KEPT, _fold(networks, fold, place, footage, basis, console))


def parted(
    footage: Sequence[Footage], place: int
) -> tuple[tuple[Footage, ...], tuple[Footage, ...]]:
    """The footage in which the fold at `place` is tuned, and the film in which it is tested."""
    tested = footage[place % len(footage)]
    return tuple(film for film in footage if film is not tested), (tested,)


def fewest_alarms(streams: Sequence[WatchedStream], trials: Trials, share: float) -> Rules:
    """The rules with the fewest false alarms among those that find `share` of the events or more.

    All labels have one threshold. Of equal rules, those that find the most events count, then the
    soonest. If none finds so many, those that find the most count.
    """
    events = sum(len(one.plan.events(trials.base.thresholds)) for one in streams)

    def worth(tried: tuple[float, float, float]) -> tuple[float, ...]:
        of = event_metrics([trials.matches(one, *tried) for one in streams], total_hours(streams))
        late_s = sum(of.delays_s) / max(1, of.found)
        return (min(of.found, share * events), -of.false_alarms, of.found, -late_s)

    best = max(itertools.product(THRESHOLDS, SMOOTHING_S, MIN_S), key=worth)
    return trials.rules(*best)


def _fold(
    networks: Networks,
    fold: int,
    place: int,
    footage: Sequence[Footage],
    basis: Basis,
    console: Console,
) -> FoldEvents:
    tuned_in, tested_in = parted(footage, place)
    held = networks.held(fold)
    tuning: list[WatchedStream] = []
    for other in networks.folds:
        if other != fold:
            plans = plan_streams(networks.held(other).clip_inserts, tuned_in)
            title = f"fold {other} without {fold}"
            tuning += watch(networks.scorer(fold, other), plans, title, console)
    scorer = networks.scorer(fold)
    tested = watch(scorer, plan_streams(held.clip_inserts, tested_in), f"fold {fold}", console)
    alone = watch(scorer, plan_footage(footage), f"footage, fold {fold}", console)
    untuned = ActivityOptions().rules(scorer.metadata)
    trials = Trials(untuned, scorer.metadata.clip.span_s)
    chosen: dict[Choosing, Rules] = {
        "untuned": untuned,
        "highest F1": search_rules(tuning, trials).rules,
        "fewest false alarms": fewest_alarms(tuning, trials, LEAST_FOUND),
    }
    scored = held.score(scorer.predict, scorer.metadata, networks.series.recipe.stride)
    span_s = scorer.metadata.clip.span_s
    return FoldEvents(
        basis=basis,
        name=networks.series.name,
        data=networks.series.data,
        seed=networks.seed,
        fold=fold,
        tuned_in=tuple(film.name for film in tuned_in),
        tested_in=tuple(film.name for film in tested_in),
        footage_s={film.name: round(film.duration_s, 3) for film in footage},
        streams_s={one.plan.name: round(one.plan.duration_s, 3) for one in tested},
        judged={
            choosing: judgement(
                [match_stream(one, rules, span_s) for one in tested],
                [match_stream(one, rules, span_s) for one in alone],
                span_s,
            )
            for choosing, rules in chosen.items()
        },
        clips=answers(tested, scored),
        date=now(),
        version=__version__,
    )


def judgement(
    tested: Sequence[StreamResult], alone: Sequence[StreamResult], span_s: float
) -> Judgement:
    """What was found in streams, and in footage alone, with the rules of all of them."""
    rules = tested[0].rules
    return Judgement(
        thresholds=dict(rules.thresholds),
        smoothing_s=rules.smoothing_s,
        min_s=rules.min_s,
        events=tuple(
            WatchedEvent(
                stream=one.watched.plan.name,
                label=event.label,
                start_s=round(event.start_s, 3),
                end_s=round(event.end_s, 3),
                delays_s=tuple(round(alert.decided_s - event.start_s, 3) for alert in alerts),
            )
            for one in tested
            for event, alerts in one.matches.events
        ),
        false_alarms=_false_alarms(tested, span_s),
        alone=_false_alarms(alone, span_s),
    )


def answers(streams: Sequence[WatchedStream], scored: Scored) -> tuple[ClipAnswer, ...]:
    """The answers to the clips that the streams show, and to the same clips by themselves."""
    by_itself = {
        path: scored.labels[index]
        for path, index in zip(scored.clips, scored.predicted, strict=True)
    }
    return tuple(
        ClipAnswer(
            path=answer.clip.name,
            label=answer.clip.label or "",
            alone=by_itself[answer.clip.name],
            in_stream=answer.label,
        )
        for one in streams
        for answer in clip_answers(one)
    )


def _false_alarms(judged: Sequence[StreamResult], span_s: float) -> tuple[FalseAlarm, ...]:
    alarms = [
        false_alarm(one.watched.plan, alert, span_s / 2)
        for one in judged
        for alert in one.matches.false_alarms
    ]
    return tuple(
        FalseAlarm(
            stream=alarm.stream,
            label=alarm.alert.label,
            time_s=round(alarm.alert.decided_s, 3),
            score=round(alarm.alert.score, DIGITS),
            shown=alarm.shown.name,
            shown_label=alarm.shown.label,
            shown_s=round(alarm.shown_s, 3),
        )
        for alarm in alarms
    )
