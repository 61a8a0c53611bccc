"""From scores to activities: smoothing, hysteresis, minimum duration, hold and cooldown."""

import json
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from monitor.recognition.trace import ScoreTrace
from monitor.records import Activity, PictureBox, Prediction, Window
from monitor.states import EndReason

_IDS = uuid.UUID("a2f34d3f-96d1-4bff-94b8-3c4f6e0c7f0e")  # the space of names of activities


@dataclass(frozen=True)
class Rules:
    """When an activity starts and ends; the same for every camera."""

    thresholds: Mapping[str, float]  # label -> smoothed score that enters it; no others alert
    hysteresis: float  # an activity is left below threshold - hysteresis, or half the threshold
    smoothing_s: float  # time constant of the exponential smoothing; 0: none
    min_s: float  # seconds a score must stay at its threshold before the activity starts
    hold_s: float  # seconds below before it ends: shorter dips do not part one act in two
    cooldown_s: float  # seconds after an end in which the label does not start again


@dataclass
class _LabelState:
    """What is known of one label: waiting, entered but not yet long enough, or open."""

    smoothed: float = 0.0
    above_since_s: float | None = None  # end of the window in which the score reached its threshold
    start_s: float = 0.0  # start of that window
    carried_until_s: float = 0.0  # end of the last window that carried the activity
    peak: float = 0.0
    peak_s: float = 0.0  # end of the window with the highest score
    box: PictureBox | None = None  # where that was
    window: Window | None = None  # that window
    trace: ScoreTrace = field(default_factory=ScoreTrace)
    open: Activity | None = None
    cooldown_until_s: float = -math.inf

    def note_peak(self, score: float, prediction: Prediction, window: Window | None) -> None:
        if score > self.peak:
            self.peak, self.peak_s = score, prediction.end_s
            self.box, self.window = prediction.box, window

    def with_evidence(self, activity: Activity) -> Activity:
        """The activity with its peak, and with its scores so far."""
        return replace(
            activity,
            peak_score=self.peak,
            peak_s=self.peak_s,
            box=self.box,
            window=self.window,
            trace=self.trace.points,
        )


@dataclass
class ActivityTracker:
    """The activities of one camera, or of one region of it.

    An activity spans the windows that carried it, from the start of the first to the end of the
    last.
    `update`, `skip` and `close` return the activities that started (`end_s` is None) or ended.
    """

    camera: str
    rules: Rules
    region: str = ""
    live: bool = True
    source: str = ""  # what else tells its activities from others: the model, the start of watching
    smoothed_scores: dict[str, float] = field(default_factory=dict, init=False)  # of every label
    _labels: dict[str, _LabelState] = field(default_factory=dict, init=False)
    _now_s: float = field(default=-math.inf, init=False)

    def __post_init__(self) -> None:
        self._labels = {label: _LabelState() for label in self.rules.thresholds}

    @property
    def open(self) -> tuple[Activity, ...]:
        """The activities that are open, the longest first."""
        return tuple(
            sorted((s.open for s in self._labels.values() if s.open), key=lambda a: a.start_s)
        )

    def update(self, prediction: Prediction, window: Window | None = None) -> list[Activity]:
        """Take the scores of the next window; the window itself is kept if it is the peak."""
        self._smooth(prediction)
        changes = []
        for label, state in self._labels.items():
            change = self._update_label(label, state, prediction, window)
            if change is not None:
                changes.append(change)
        return changes

    def skip(self, now_s: float, arrived_s: float) -> list[Activity]:
        """Let time pass up to a window that was not classified: no score, but a hold goes on."""
        ended = []
        for state in self._labels.values():
            state.above_since_s = None
            if state.open is None:
                state.window = None
            elif now_s - state.carried_until_s >= self.rules.hold_s:
                state.open = replace(state.open, arrived_s=arrived_s, decided_s=now_s)
                ended.append(self._end(state, EndReason.NOT_CLASSIFIED))
                state.cooldown_until_s = now_s + self.rules.cooldown_s
        return ended

    def close(self, reason: EndReason) -> list[Activity]:
        """End what is open: no window follows. Scores begin anew, a cooldown goes on."""
        ended = []
        for label, state in self._labels.items():
            cooldown_until_s = state.cooldown_until_s
            if state.open:
                ended.append(self._end(state, reason))
                cooldown_until_s = self._now_s + self.rules.cooldown_s
            self._labels[label] = _LabelState(cooldown_until_s=cooldown_until_s)
        self.smoothed_scores = {}
        self._now_s = -math.inf
        return ended

    def _smooth(self, prediction: Prediction) -> None:
        passed_s = max(0.0, prediction.end_s - self._now_s)
        self._now_s = prediction.end_s
        tau_s = self.rules.smoothing_s
        weight = 1.0 if tau_s <= 0 else -math.expm1(-passed_s / tau_s)
        before = self.smoothed_scores
        self.smoothed_scores = {
            label: before.get(label, score) + weight * (score - before.get(label, score))
            for label, score in prediction.scores.items()
        }

    def _update_label(
        self, label: str, state: _LabelState, prediction: Prediction, window: Window | None
    ) -> Activity | None:
        rules, now_s = self.rules, prediction.end_s
        threshold = rules.thresholds[label]
        score = state.smoothed = self.smoothed_scores[label]
        state.trace.push(now_s, score, is_open=state.open is not None)
        if state.open is not None:
            state.note_peak(score, prediction, window)
            state.open = replace(
                state.open,
                score=score,
                peak_score=state.peak,
                box=state.box,
                arrived_s=prediction.arrived_s,
                decided_s=now_s,
            )
            if score >= max(threshold - rules.hysteresis, threshold / 2):
                state.carried_until_s = now_s
            elif now_s - state.carried_until_s >= rules.hold_s:
                ended = self._end(state, EndReason.SCORE_FELL)
                state.cooldown_until_s = now_s + rules.cooldown_s
                return ended
            return None
        if score < threshold or now_s < state.cooldown_until_s:
            state.above_since_s = state.window = None
            return None
        if state.above_since_s is None:
            state.above_since_s, state.start_s, state.peak = now_s, prediction.start_s, -math.inf
        state.note_peak(score, prediction, window)
        if now_s - state.above_since_s < rules.min_s:
            return None
        state.carried_until_s = now_s
        state.trace.begin()
        state.open = Activity(
            id=self._id(label, state.start_s),
            camera=self.camera,
            label=label,
            start_s=state.start_s,
            end_s=None,
            score=score,
            peak_score=state.peak,
            arrived_s=prediction.arrived_s,
            decided_s=now_s,
            region=self.region,
            live=self.live,
            threshold=threshold,
        )
        state.open = state.with_evidence(state.open)
        return state.open

    def _id(self, label: str, start_s: float) -> str:
        """The same for the same act, if a film is watched again."""
        name = (self.source, self.camera, self.region, label, f"{start_s:.3f}")
        return str(uuid.uuid5(_IDS, json.dumps(name)))

    @staticmethod
    def _end(state: _LabelState, reason: EndReason) -> Activity:
        assert state.open is not None
        ended = state.with_evidence(replace(state.open, end_s=state.carried_until_s, reason=reason))
        state.open = state.above_since_s = state.window = None
        return ended
