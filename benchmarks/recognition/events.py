"""What the networks of each fold found in streams, as it is kept, and the figures made of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.recognition.evidence import Evidence, Facts
from benchmarks.recognition.folds import FoldFacts, read_folds
from benchmarks.recognition.intervals import poisson
from benchmarks.recognition.series import Series
from train.evaluate.event_match import EventMetrics
from train.evaluate.intervals import Interval

# How rules are chosen: not at all, for the highest event F1, or for the fewest false alarms that
# come with half of the events or more.
Choosing = Literal["untuned", "highest F1", "fewest false alarms"]
CHOOSING: tuple[Choosing, ...] = ("untuned", "highest F1", "fewest false alarms")
LEAST_FOUND = 0.5  # share of the events, for the last of them


class WatchedEvent(Facts):
    """An event of a stream and the alerts for it."""

    stream: str
    label: str
    start_s: float
    end_s: float
    delays_s: tuple[float, ...]  # of its alerts, from its first picture; none: it was not found


class FalseAlarm(Facts):
    """An alert for nothing, and what the middle of the window that decided it showed."""

    stream: str
    label: str
    time_s: float
    score: float
    shown: str  # clip or footage
    shown_label: str | None  # None: footage
    shown_s: float  # in the file


class Judgement(Facts):
    """What some rules found."""

    thresholds: dict[str, float]
    smoothing_s: float
    min_s: float
    events: tuple[WatchedEvent, ...]
    false_alarms: tuple[FalseAlarm, ...]
    alone: tuple[FalseAlarm, ...]  # in the whole footage by itself


class ClipAnswer(Facts):
    """The highest score of a clip by itself, and while a stream showed it."""

    path: str
    label: str
    alone: str
    in_stream: str | None  # None if no window of it was classified


class FoldEvents(FoldFacts):
    """The streams of a fold, watched by the network that did not see it."""

    tuned_in: tuple[str, ...]  # footage
    tested_in: tuple[str, ...]  # other footage
    footage_s: dict[str, float]  # how long each is
    streams_s: dict[str, float]  # how long each is
    judged: dict[Choosing, Judgement]
    clips: tuple[ClipAnswer, ...]


@dataclass(frozen=True)
class Alone:
    """Alarms in footage by itself, by the networks of all folds."""

    alarms: int
    hours: float  # of every network's own watching

    @property
    def bounds(self) -> Interval:
        """Within what the rate an hour lies, were all hours of other footage."""
        return poisson(self.alarms, self.hours)


@dataclass(frozen=True)
class Events:
    """All folds of a row together."""

    folds: tuple[FoldEvents, ...]

    @property
    def hours(self) -> float:
        """Of streams."""
        return sum(sum(fold.streams_s.values()) for fold in self.folds) / 3600

    @property
    def footage_s(self) -> dict[str, float]:
        """What footage there is."""
        return self.folds[0].footage_s

    def figures(self, choosing: Choosing) -> EventMetrics:
        """Of the events of all folds."""
        judged = [fold.judged[choosing] for fold in self.folds]
        events = [event for one in judged for event in one.events]
        return EventMetrics(
            events=len(events),
            found=sum(bool(event.delays_s) for event in events),
            false_alarms=sum(len(one.false_alarms) for one in judged),
            hours=self.hours,
            delays_s=tuple(sorted(event.delays_s[0] for event in events if event.delays_s)),
            alerts=sum(len(event.delays_s) for event in events),
        )

    def shown(self, choosing: Choosing) -> Counter[str]:
        """What the false alarms were raised at: a label of clips, or footage."""
        return Counter(
            f"{alarm.shown_label} clips" if alarm.shown_label else alarm.shown
            for fold in self.folds
            for alarm in fold.judged[choosing].false_alarms
        )

    def alone(self, choosing: Choosing, *, unseen: bool) -> Alone:
        """Of the footage by itself: of all of it, or of what the rules were not tuned in."""
        alarms, seconds = 0, 0.0
        for fold in self.folds:
            films = [name for name in fold.footage_s if not (unseen and name in fold.tuned_in)]
            alarms += sum(alarm.stream in films for alarm in fold.judged[choosing].alone)
            seconds += sum(fold.footage_s[name] for name in films)
        return Alone(alarms, seconds / 3600)

    @property
    def clips(self) -> int:
        """How many were watched."""
        return sum(len(fold.clips) for fold in self.folds)

    @property
    def right_alone(self) -> float:
        """The share of the clips that are answered rightly by themselves."""
        return sum(clip.alone == clip.label for f in self.folds for clip in f.clips) / self.clips

    @property
    def right_in_stream(self) -> float:
        """The share that are answered rightly while a stream shows them."""
        right = sum(clip.in_stream == clip.label for f in self.folds for clip in f.clips)
        return right / self.clips


def events_file(series: Series, fold: int) -> Path:
    """Where the evidence of a fold lies, relative to the results."""
    return series.folder / f"events-fold{fold}.json"


def read_events(series: Series, grouped: Sequence[Evidence], results: Path) -> Events | None:
    """The evidence of all folds that the grouped fits were tested on; None while one is missing."""
    folds = read_folds(FoldEvents, events_file, series, grouped, results)
    return Events(folds) if folds else None
