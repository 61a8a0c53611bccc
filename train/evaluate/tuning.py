"""The search for rules: thresholds and timing that suit a model, on streams it was not fitted on.

Every set of rules is tried on the same predictions with the monitor's own tracker, so that what is
found here is what the monitor will do.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from monitor.errors import DataError
from monitor.recognition.tracker import Rules
from train.evaluate.event_match import Figures, Matched, figures
from train.evaluate.outcome import Judged, hours, judge
from train.evaluate.playback import WatchedStream

# What is searched. Hysteresis is not: from 0 to 0.3 it changed the cross-tuned F1 of the shipped
# model by 0.01 at most. Thresholds are nearer to each other at the top, where false alarms are few.
THRESHOLDS = (*(step / 20 for step in range(2, 18)), 0.88, 0.9, 0.92, 0.94, 0.96, 0.98, 0.99)
SMOOTHING_S = (0.0, 0.5, 1.0, 2.0)
MIN_S = (0.0, 0.5, 1.0)


@dataclass(frozen=True)
class Tuned:
    """Rules that were chosen, and what they did on the streams they were chosen on."""

    rules: Rules
    figures: Figures  # too good: had other rules done better here, they would have been chosen
    reached: bool  # whether false alarms are as few as was wanted


class Trials:
    """What rules with one threshold for all labels found in streams, each tried once.

    `base` are the rest of the rules; a window spans `span_s` seconds.
    """

    def __init__(self, base: Rules, span_s: float) -> None:
        self.base = base
        self.span_s = span_s
        self._known: dict[tuple[WatchedStream, float, float, float], Matched] = {}

    def matched(
        self, watched: WatchedStream, threshold: float, smoothing_s: float, min_s: float
    ) -> Matched:
        """A stream's events with the alerts under these rules."""
        key = (watched, threshold, smoothing_s, min_s)
        if key not in self._known:
            rules = self.rules(threshold, smoothing_s, min_s)
            self._known[key] = judge(watched, rules, self.span_s).matched
        return self._known[key]

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
    """Thresholds for some labels, and what they gave together."""

    thresholds: dict[str, float]
    found: int
    false_alarms: int
    delay_s: float  # the sum over the found events

    def __add__(self, other: "_Choice") -> "_Choice":
        return _Choice(
            self.thresholds | other.thresholds,
            self.found + other.found,
            self.false_alarms + other.false_alarms,
            self.delay_s + other.delay_s,
        )


def tune(streams: Sequence[WatchedStream], trials: Trials, per_day: float | None = None) -> Tuned:
    """The rules with the highest event F1 among those with at most `per_day` false alarms a day.

    Where several are equal, those with the shortest delay; where none has so few false alarms,
    those with the fewest. Rules that find nothing are none: DataError if all are like that, or
    where the streams hold no event.
    """
    labels = tuple(trials.base.thresholds)
    events = sum(len(watched.plan.events(labels)) for watched in streams)
    if not events:
        raise DataError(f"nothing to tune on: no clip of {', '.join(labels)} is in any stream")
    most = math.inf if per_day is None else per_day * hours(streams) / 24

    def worth(choice: _Choice) -> tuple[bool, float, float, float]:
        return (
            choice.found > 0,
            0.0 if choice.false_alarms <= most else -float(choice.false_alarms),
            2 * choice.found / (choice.found + choice.false_alarms + events),
            -choice.delay_s / max(1, choice.found),
        )

    timings = itertools.product(SMOOTHING_S, MIN_S)
    best, smoothing_s, min_s = max(
        ((choice, *timing) for timing in timings for choice in _choices(streams, trials, *timing)),
        key=lambda found: worth(found[0]),
    )
    if not best.found:
        raise DataError(f"no rules find any of {events} events: this model cannot be tuned")
    rules = replace(trials.base, thresholds=best.thresholds, smoothing_s=smoothing_s, min_s=min_s)
    judged = [judge(watched, rules, trials.span_s).matched for watched in streams]
    return Tuned(rules, figures(judged, hours(streams)), best.false_alarms <= most)


def cross_tune(
    folds: Sequence[Sequence[WatchedStream]], trials: Trials, per_day: float | None = None
) -> list[Judged]:
    """Every stream judged by rules that were tuned without its fold; needs two folds or more."""
    judged = []
    for fold in folds:
        others = [watched for other in folds if other is not fold for watched in other]
        rules = tune(others, trials, per_day).rules
        judged += [judge(watched, rules, trials.span_s) for watched in fold]
    return judged


def sweep(
    streams: Sequence[WatchedStream], base: Rules, span_s: float
) -> list[tuple[float, Figures]]:
    """What each threshold gives, the same for all labels, with the other rules as they are."""
    trials = Trials(base, span_s)
    return [
        (
            threshold,
            figures(
                [trials.matched(w, threshold, base.smoothing_s, base.min_s) for w in streams],
                hours(streams),
            ),
        )
        for threshold in THRESHOLDS
    ]


def _choices(
    streams: Sequence[WatchedStream], trials: Trials, smoothing_s: float, min_s: float
) -> Iterable[_Choice]:
    """For every number of false alarms that can be had, the thresholds that find the most.

    Labels do not touch each other in the tracker: what a threshold gives for one of them holds
    whatever the others' are, and the best of all labels together is put together label by label.
    """
    tried = {
        threshold: [trials.matched(one, threshold, smoothing_s, min_s) for one in streams]
        for threshold in THRESHOLDS
    }
    front = {0: _Choice({}, 0, 0, 0.0)}
    for label in trials.base.thresholds:
        options = [_choice(label, threshold, matched) for threshold, matched in tried.items()]
        joined = [choice + option for choice in front.values() for option in options]
        # The best comes last, and stays.
        joined.sort(key=lambda choice: (choice.found, -choice.delay_s))
        front = {choice.false_alarms: choice for choice in joined}
    return front.values()


def _choice(label: str, threshold: float, matched: Sequence[Matched]) -> _Choice:
    of_label = figures(matched, 1.0, label)
    return _Choice(
        {label: threshold}, of_label.found, of_label.false_alarms, sum(of_label.delays_s)
    )
