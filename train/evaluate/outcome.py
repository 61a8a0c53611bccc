"""What came of watched streams: events found under any rules, and the clips' own answers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from monitor.events.alert import AlertEvent
from monitor.recognition.tracker import ActivityTracker, Rules
from monitor.records import Activity, Prediction
from monitor.states import EndReason
from train.evaluate.event_match import Alert, Matched, grace_s, match
from train.evaluate.playback import WatchedStream, WindowOutcome
from train.evaluate.streams import Segment


@dataclass(frozen=True)
class Judged:
    """A watched stream, the rules for its alerts, and what they found."""

    watched: WatchedStream
    rules: Rules
    matched: Matched


@dataclass(frozen=True)
class Answer:
    """What the model answered to a clip while a stream showed it."""

    clip: Segment
    label: str | None  # of the highest mean score; None if no window of it was classified


def judge(
    watched: WatchedStream,
    rules: Rules,
    span_s: float,
    activities: Iterable[Activity] | Iterable[AlertEvent] | None = None,
) -> Judged:
    """What `rules` find in a stream; a window of the model spans `span_s` seconds.

    `activities` are those that the rules made of it, where they are known.
    """
    made = replay(watched.windows, rules) if activities is None else activities
    alerts = [Alert(a.label, a.decided_s, a.score) for a in made if a.end_s is None]
    events = watched.plan.events(rules.thresholds)
    return Judged(watched, rules, match(events, alerts, grace_s(span_s)))


def replay(windows: Iterable[WindowOutcome], rules: Rules) -> list[Activity]:
    """The activities that the monitor would make of a stream's windows under `rules`."""
    tracker = ActivityTracker("", rules)
    activities = []
    for window in windows:
        if isinstance(window, Prediction):
            activities += tracker.update(window)
        else:
            activities += tracker.skip(window.end_s, window.arrived_s)
    return activities + tracker.close(EndReason.FILE_ENDED)


def answers(watched: WatchedStream) -> list[Answer]:
    """What the model answered to each clip of a stream: the label of the highest mean score.

    The mean runs over the windows of which at least half shows the clip; where none does, for a
    short clip, over those that show most of it.
    """
    predictions = [window for window in watched.windows if isinstance(window, Prediction)]
    return [Answer(clip, _answer(clip, predictions)) for clip in watched.plan.clips]


def hours(streams: Iterable[WatchedStream]) -> float:
    """How long the streams last together."""
    return sum(watched.plan.duration_s for watched in streams) / 3600


def _answer(clip: Segment, predictions: Sequence[Prediction]) -> str | None:
    shares = [_share(clip, prediction) for prediction in predictions]
    enough = min(0.5, max(shares, default=0.0))
    if enough <= 0:
        return None
    showing = [one for one, share in zip(predictions, shares, strict=True) if share >= enough]
    totals = {label: sum(one.scores[label] for one in showing) for label in showing[0].scores}
    return max(totals, key=lambda label: totals[label])


def _share(clip: Segment, window: Prediction) -> float:
    """How much of a window shows the clip, 0 to 1."""
    shown_s = min(clip.end_s, window.end_s) - max(clip.start_s, window.start_s)
    return max(0.0, shown_s / (window.end_s - window.start_s))
