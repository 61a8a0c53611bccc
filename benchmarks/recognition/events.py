"""Figures of what the networks of each fold found in streams."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.recognition.fit_results import (
    Choosing,
    FitRecord,
    FoldAlerts,
    FoldEvents,
    Judgement,
    read_folds,
)
from benchmarks.recognition.series import Series
from train.evaluate.event_match import EventMetrics
from train.evaluate.intervals import Interval, poisson_mean

LEAST_FOUND = 0.5  # share of the events that `fewest false alarms` must find
_OUTSIDE = 0.05  # 95 % lie inside an interval


@dataclass(frozen=True)
class Alone:
    """Alarms in footage alone, by the networks of all folds."""

    alarms: int
    hours: float  # of all networks together

    @property
    def bounds(self) -> Interval:
        """The interval of the rate an hour, as if all hours were of other footage."""
        return poisson(self.alarms, self.hours)


@dataclass(frozen=True)
class Events:
    """All folds of a row together."""

    folds: tuple[FoldEvents, ...]

    @property
    def hours(self) -> float:
        """Hours of streams."""
        return sum(sum(fold.streams_s.values()) for fold in self.folds) / 3600

    @property
    def footage_s(self) -> dict[str, float]:
        """The films and their lengths."""
        return self.folds[0].footage_s

    def figures(self, choosing: Choosing) -> EventMetrics:
        """The figures over the events of all folds."""
        return event_figures([fold.judged[choosing] for fold in self.folds], self.hours)

    def shown(self, choosing: Choosing) -> Counter[str]:
        """What was shown at the false alarms: a label of clips, or footage."""
        return Counter(
            f"{alarm.shown_label} clips" if alarm.shown_label else alarm.shown
            for fold in self.folds
            for alarm in fold.judged[choosing].false_alarms
        )

    def alone(self, choosing: Choosing, *, unseen: bool) -> Alone:
        """Alarms in all of the footage, or only in what the rules were not tuned in."""
        alarms, seconds = 0, 0.0
        for fold in self.folds:
            films = [name for name in fold.footage_s if not (unseen and name in fold.tuned_in)]
            alarms += sum(alarm.stream in films for alarm in fold.judged[choosing].alone)
            seconds += sum(fold.footage_s[name] for name in films)
        return Alone(alarms, seconds / 3600)

    @property
    def clips(self) -> int:
        """Number of clips that were watched."""
        return sum(len(fold.clips) for fold in self.folds)

    @property
    def right_alone(self) -> float:
        """Share of the clips that are answered rightly by themselves."""
        return right_answers(self.folds)[0] / self.clips

    @property
    def right_in_stream(self) -> float:
        """Share of the clips that are answered rightly while a stream shows them."""
        return right_answers(self.folds)[1] / self.clips


def event_figures(judged: Sequence[Judgement], hours: float) -> EventMetrics:
    """The figures over the events of streams that last `hours` together."""
    events = [event for one in judged for event in one.events]
    found = [event for event in events if event.delays_s]
    return EventMetrics(
        events=len(events),
        found=len(found),
        false_alarms=sum(len(one.false_alarms) for one in judged),
        hours=hours,
        delays_s=tuple(sorted(event.delays_s[0] for event in found)),
        alerts=sum(len(event.delays_s) for event in found),
        after_end_s=tuple(
            sorted(event.delays_s[0] - (event.end_s - event.start_s) for event in found)
        ),
    )


def right_answers(folds: Sequence[FoldEvents | FoldAlerts]) -> tuple[int, int]:
    """How many clips are answered rightly: by themselves, and while a stream shows them."""
    clips = [clip for fold in folds for clip in fold.clips]
    return (
        sum(clip.alone == clip.label for clip in clips),
        sum(clip.in_stream == clip.label for clip in clips),
    )


def poisson(count: int, hours: float) -> Interval:
    """The 95 % interval of a rate an hour: Garwood's.

    If nothing was counted, it runs from 0 to 3 / hours: all of the 5 % lies above it.
    """
    if not count:
        return Interval(0.0, poisson_mean(0, _OUTSIDE) / hours)
    low, high = poisson_mean(count - 1, 1 - _OUTSIDE / 2), poisson_mean(count, _OUTSIDE / 2)
    return Interval(low / hours, high / hours)


def read_events(series: Series, grouped: Sequence[FitRecord], results: Path) -> Events | None:
    """What all folds of the grouped fits found in streams; None if a fold is missing."""
    folds = read_folds(FoldEvents, series, grouped, results)
    return Events(folds) if folds else None
