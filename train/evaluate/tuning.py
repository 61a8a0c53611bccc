"""The search for rules: thresholds and timing for a model, on streams it was not fitted on.

Each set of rules is tried on the same predictions with the monitor's own tracker, so that the
monitor will behave as found here.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from monitor.errors import DataError
from monitor.recognition.tracker import Rules
from train.evaluate.event_match import EventMatches, EventMetrics, event_metrics
from train.evaluate.playback import WatchedStream
from train.evaluate.stream_results import StreamResult, match_stream, total_hours

# The search grid. Hysteresis is fixed: from 0 to 0.3 it changed the cross-validated F1 of the
# shipped model by 0.01 at most. Thresholds are denser at the top, because false alarms are rare
# there.
THRESHOLDS = (*(step / 20 for step in range(2, 18)), 0.88, 0.9, 0.92, 0.94, 0.96, 0.98, 0.99)
SMOOTHING_S = (0.0, 0.5, 1.0, 2.0)
MIN_S = (0.0, 0.5, 1.0)


@dataclass(frozen=True)
class TunedRules:
    """The chosen rules, with their metrics on the streams they were chosen on."""

    rules: Rules
    metrics: EventMetrics  # optimistic: the rules were chosen to be good on these streams
    within_limit: bool  # whether false alarms are as rare as required


class Trials:
    """Event matches of streams under rules with one threshold for all labels; each is tried once.

    `base` holds the other rules; a window spans `span_s` seconds.
    """

    def __init__(self, base: Rules, span_s: float) -> None:
        self.base = base
        self.span_s = span_s
        self._cache: dict[tuple[WatchedStream, float, float, float], EventMatches] = {}

    def matches(
        self, watched: WatchedStream, threshold: float, smoothing_s: float, min_s: float
    ) -> EventMatches:
        """The event matches of a stream under these rules."""
        key = (watched, threshold, smoothing_s, min_s)
        if key not in self._cache:
            rules = self.rules(threshold, smoothing_s, min_s)
            self._cache[key] = match_stream(watched, rules, self.span_s).matches
        return self._cache[key]

    def rules(self, threshold: float, smoothing_s: float, min_s: float) -> Rules:
        """These rules, with one threshold for all labels."""
        return replace(
            self.base,
            thresholds=dict.fromkeys(self.base.thresholds, threshold),
            smoothing_s=smoothing_s,
            min_s=min_s,
        )


@dataclass(frozen=True)
class _Choice:
    """Thresholds for some labels, with their joint result."""

    thresholds: dict[str, float]
    found: int
    false_alarms: int
    delay_s: float  # sum over the found events

    def __add__(self, other: "_Choice") -> "_Choice":
        return _Choice(
            self.thresholds | other.thresholds,
            self.found + other.found,
            self.false_alarms + other.false_alarms,
            self.delay_s + other.delay_s,
        )


def search_rules(
    streams: Sequence[WatchedStream], trials: Trials, per_day: float | None = None
) -> TunedRules:
    """The rules with the highest event F1 among those with at most `per_day` false alarms a day.

    A tie is decided by the shortest delay. If no rules have so few false alarms, those with the
    fewest are chosen. DataError if no rules find an event, or if the streams hold none.
    """
    labels = tuple(trials.base.thresholds)
    events = sum(len(watched.plan.events(labels)) for watched in streams)
    if not events:
        raise DataError(f"nothing to tune on: no clip of {', '.join(labels)} is in any stream")
    allowed = math.inf if per_day is None else per_day * total_hours(streams) / 24

    def rank(choice: _Choice) -> tuple[bool, float, float, float]:
        return (
            choice.found > 0,
            0.0 if choice.false_alarms <= allowed else -float(choice.false_alarms),
            2 * choice.found / (choice.found + choice.false_alarms + events),
            -choice.delay_s / max(1, choice.found),
        )

    timings = itertools.product(SMOOTHING_S, MIN_S)
    best, smoothing_s, min_s = max(
        ((choice, *timing) for timing in timings for choice in _choices(streams, trials, *timing)),
        key=lambda found: rank(found[0]),
    )
    if not best.found:
        raise DataError(f"no rules find any of {events} events: this model cannot be tuned")
    rules = replace(trials.base, thresholds=best.thresholds, smoothing_s=smoothing_s, min_s=min_s)
    matches = [match_stream(watched, rules, trials.span_s).matches for watched in streams]
    return TunedRules(
        rules, event_metrics(matches, total_hours(streams)), best.false_alarms <= allowed
    )


def cross_validate(
    folds: Sequence[Sequence[WatchedStream]], trials: Trials, per_day: float | None = None
) -> list[StreamResult]:
    """The result of each stream under rules that were tuned on the other folds; needs two folds."""
    results = []
    for fold in folds:
        others = [watched for other in folds if other is not fold for watched in other]
        rules = search_rules(others, trials, per_day).rules
        results += [match_stream(watched, rules, trials.span_s) for watched in fold]
    return results


def threshold_sweep(
    streams: Sequence[WatchedStream], base: Rules, span_s: float
) -> list[tuple[float, EventMetrics]]:
    """The metrics of each threshold, the same for all labels, with the other rules unchanged."""
    trials = Trials(base, span_s)
    return [
        (
            threshold,
            event_metrics(
                [trials.matches(w, threshold, base.smoothing_s, base.min_s) for w in streams],
                total_hours(streams),
            ),
        )
        for threshold in THRESHOLDS
    ]


def _choices(
    streams: Sequence[WatchedStream], trials: Trials, smoothing_s: float, min_s: float
) -> Iterable[_Choice]:
    """For each possible number of false alarms, the thresholds that find the most events.

    The tracker treats labels independently, so that the best thresholds can be combined label by
    label.
    """
    tried = {
        threshold: [trials.matches(one, threshold, smoothing_s, min_s) for one in streams]
        for threshold in THRESHOLDS
    }
    front = {0: _Choice({}, 0, 0, 0.0)}
    for label in trials.base.thresholds:
        options = [_choice(label, threshold, matches) for threshold, matches in tried.items()]
        joined = [choice + option for choice in front.values() for option in options]
        # The best choice comes last, and stays in the dictionary.
        joined.sort(key=lambda choice: (choice.found, -choice.delay_s))
        front = {choice.false_alarms: choice for choice in joined}
    return front.values()


def _choice(label: str, threshold: float, matches: Sequence[EventMatches]) -> _Choice:
    of_label = event_metrics(matches, 1.0, label)
    return _Choice(
        {label: threshold}, of_label.found, of_label.false_alarms, sum(of_label.delays_s)
    )
