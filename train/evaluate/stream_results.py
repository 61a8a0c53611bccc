"""Results of watched streams: event matches under any rules, and the answers to single clips."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from monitor.events.alert import AlertEvent
from monitor.recognition.tracker import ActivityTracker, Rules
from monitor.records import Activity, Prediction
from monitor.states import EndReason
from train.evaluate.event_match import Alert, EventMatches, grace_s, match_events
from train.evaluate.playback import WatchedStream, WindowOutcome
from train.evaluate.streams import PlanSegment


@dataclass(frozen=True)
class StreamResult:
    """A watched stream, the rules for its alerts, and the resulting event matches."""

    watched: WatchedStream
    rules: Rules
    matches: EventMatches


@dataclass(frozen=True)
class ClipAnswer:
    """The model's answer to a clip inside a stream."""

    clip: PlanSegment
    label: str | None  # with the highest mean score; None if no window of the clip was classified


def match_stream(
    watched: WatchedStream,
    rules: Rules,
    span_s: float,
    activities: Iterable[Activity] | Iterable[AlertEvent] | None = None,
) -> StreamResult:
    """The event matches of a stream under `rules`; a window of the model spans `span_s` seconds.

    `activities` saves replaying the rules if their activities are known.
    """
    if activities is None:
        activities = replay(watched.windows, rules)
    alerts = [Alert(a.label, a.decided_s, a.score) for a in activities if a.end_s is None]
    events = watched.plan.events(rules.thresholds)
    return StreamResult(watched, rules, match_events(events, alerts, grace_s(span_s)))


def replay(windows: Iterable[WindowOutcome], rules: Rules) -> list[Activity]:
    """The activities that the monitor would find in a stream's windows under `rules`."""
    tracker = ActivityTracker("", rules)
    activities = []
    for window in windows:
        if isinstance(window, Prediction):
            activities += tracker.update(window)
        else:
            activities += tracker.skip(window.end_s, window.arrived_s)
    return activities + tracker.close(EndReason.FILE_ENDED)


def clip_answers(watched: WatchedStream) -> list[ClipAnswer]:
    """The model's answer to each clip of a stream: the label with the highest mean score.

    The mean is over the windows that show the clip for at least half of their time. If a clip is
    too short for that, it is over the windows that show most of it.
    """
    predictions = [window for window in watched.windows if isinstance(window, Prediction)]
    return [ClipAnswer(clip, _answer(clip, predictions)) for clip in watched.plan.clips]


def total_hours(streams: Iterable[WatchedStream]) -> float:
    """The total duration of the streams in hours."""
    return sum(watched.plan.duration_s for watched in streams) / 3600


def _answer(clip: PlanSegment, predictions: Sequence[Prediction]) -> str | None:
    shares = [_share(clip, prediction) for prediction in predictions]
    enough = min(0.5, max(shares, default=0.0))
    if enough <= 0:
        return None
    showing = [one for one, share in zip(predictions, shares, strict=True) if share >= enough]
    totals = {label: sum(one.scores[label] for one in showing) for label in showing[0].scores}
    return max(totals, key=lambda label: totals[label])


def _share(clip: PlanSegment, window: Prediction) -> float:
    """The share of a window that shows the clip, 0 to 1."""
    shown_s = min(clip.end_s, window.end_s) - max(clip.start_s, window.start_s)
    return max(0.0, shown_s / (window.end_s - window.start_s))
