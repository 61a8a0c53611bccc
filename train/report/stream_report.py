"""The report on watched streams, as values and as the content of metrics.json."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from monitor import __version__
from monitor.recognition.metadata import ModelMetadata
from train.evaluate.event_match import Alert, EventMetrics, event_metrics, grace_s
from train.evaluate.intervals import wilson
from train.evaluate.scores import Scored
from train.evaluate.stream_results import StreamResult, clip_answers, total_hours
from train.evaluate.streams import PlanSegment, StreamPlan

SCHEMA = 1


@dataclass(frozen=True)
class FalseAlarm:
    """A false alarm, and what its window showed in the middle."""

    stream: str
    alert: Alert
    shown: PlanSegment
    shown_s: float  # in the file


@dataclass(frozen=True)
class Accuracy:
    """The number of clips answered right: each alone, and inside its stream."""

    clips: int
    alone: int
    in_stream: int


@dataclass(frozen=True)
class StreamReport:
    """Results of streams, and how they were measured."""

    title: str
    how: str  # how it was measured, in words
    warning: str | None  # why the metrics may be too good, in a few words
    metadata: ModelMetadata
    results: Sequence[StreamResult]
    accuracy: Accuracy | None  # None without clips
    sweep: Sequence[tuple[float, EventMetrics]]  # by threshold
    settings: Mapping[str, object]  # JSON values
    notes: Sequence[str] = ()
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @cached_property
    def total(self) -> EventMetrics:
        """The metrics of all labels together."""
        return self._figures(None)

    @cached_property
    def by_label(self) -> dict[str, EventMetrics]:
        """The metrics of each label that alerts."""
        return {label: self._figures(label) for label in self.metadata.alert_labels}

    @cached_property
    def false_alarms(self) -> list[FalseAlarm]:
        """All false alarms, stream by stream."""
        half_s = self.metadata.clip.span_s / 2
        return [
            false_alarm(one.watched.plan, alert, half_s)
            for one in self.results
            for alert in one.matches.false_alarms
        ]

    @cached_property
    def by_footage(self) -> dict[str, EventMetrics]:
        """The false alarms in each kind of footage and in clips of each background label."""
        plans = [one.watched.plan for one in self.results]
        false = Counter(_kind(alarm.shown) for alarm in self.false_alarms)
        return {
            kind: EventMetrics(0, 0, false[kind], seconds / 3600, (), 0)
            for kind, seconds in quiet_s(plans, self.metadata.alert_labels).items()
        }

    def _figures(self, label: str | None) -> EventMetrics:
        matches = [one.matches for one in self.results]
        return event_metrics(matches, total_hours(one.watched for one in self.results), label)


def quiet_s(plans: Iterable[StreamPlan], alert_labels: Collection[str]) -> dict[str, float]:
    """The seconds of each kind of footage, and of clips of each label that does not alert."""
    found: defaultdict[str, float] = defaultdict(float)
    for plan in plans:
        for segment in plan.segments:
            if segment.label not in alert_labels:
                found[_kind(segment)] += segment.end_s - segment.start_s
    return dict(sorted(found.items()))


def clip_accuracy(scored: Sequence[Scored], results: Sequence[StreamResult]) -> Accuracy:
    """How many of the clips in `scored`, all of which the streams show, were answered right."""
    found = [answer for one in results for answer in clip_answers(one.watched)]
    return Accuracy(
        clips=len(found),
        alone=sum(int((part.truth == part.predicted).sum()) for part in scored),
        in_stream=sum(answer.label == answer.clip.label for answer in found),
    )


def describe(of: EventMetrics) -> str:
    """The metrics in a line."""
    false = (
        f"{of.false_alarms} false alarms in {of.hours:.2f} h: {of.false_per_hour:.3g} an hour, "
        f"below {of.false_per_hour_high:.3g} with 95 % certainty"
    )
    if of.f1 is None or of.recall is None:
        return false
    late_s = of.delay_s(0.5)
    delay = "" if late_s is None else f", half of them within {late_s:.1f} s"
    return f"event F1 {of.f1:.3f}, {of.found} of {of.events} events found{delay}; {false}"


def stream_json(report: StreamReport) -> dict[str, Any]:
    """The content of metrics.json; None for what the streams could not measure."""
    return {
        "schema": SCHEMA,
        "title": report.title,
        "created": report.created,
        "how": report.how,
        "warning": report.warning,
        "labels": list(report.metadata.alert_labels),
        "grace_s": grace_s(report.metadata.clip.span_s),
        "events": _figures(report.total),
        "footage": {kind: _rates(of) for kind, of in report.by_footage.items()},
        "per_label": {label: _figures(of) for label, of in report.by_label.items()},
        "clips": None if report.accuracy is None else asdict(report.accuracy),
        "sweep": [{"threshold": at, **_figures(of)} for at, of in report.sweep],
        "false_alarms": [
            {
                "stream": false.stream,
                "label": false.alert.label,
                "time_s": round(false.alert.decided_s, 3),
                "score": round(false.alert.score, 4),
                "shown": false.shown.name,
                "shown_label": false.shown.label,
                "shown_s": round(false.shown_s, 3),
            }
            for false in report.false_alarms
        ],
        "streams": [_stream(one) for one in report.results],
        "model": report.metadata.model_dump(mode="json"),
        "settings": dict(report.settings),
        "notes": list(report.notes),
        "version": __version__,
    }


def _figures(of: EventMetrics) -> dict[str, Any]:
    interval = wilson(of.found, of.events) if of.events else None
    return {
        "events": of.events,
        "found": of.found,
        "precision": of.precision,
        "recall": of.recall,
        "recall_wilson_95": None if interval is None else [interval.low, interval.high],
        "f1": of.f1,
        **_rates(of),
        "delay_p50_s": of.delay_s(0.5),
        "delay_p95_s": of.delay_s(0.95),
        "after_end_p50_s": of.late_s(0.5),
        "after_end_p95_s": of.late_s(0.95),
        "fragments": of.fragments,
    }


def _rates(of: EventMetrics) -> dict[str, Any]:
    return {
        "hours": of.hours,
        "false_alarms": of.false_alarms,
        "false_alarms_per_hour": of.false_per_hour,
        "false_alarms_per_hour_high_95": of.false_per_hour_high,
    }


def _kind(segment: PlanSegment) -> str:
    """What a part of a stream shows in which nothing is to be found."""
    if segment.label is not None:
        return f"clips of {segment.label}"
    return segment.kind or "footage"


def _stream(one: StreamResult) -> dict[str, Any]:
    rules = one.rules
    return {
        "name": one.watched.plan.name,
        "duration_s": one.watched.plan.duration_s,
        "rules": asdict(rules) | {"thresholds": dict(rules.thresholds)},
        "pieces": [
            [segment.name, segment.label, segment.offset_s, segment.start_s, segment.end_s]
            for segment in one.watched.plan.segments
        ],
        "alerts": [
            [alert.label, alert.decided_s, alert.score, event.start_s]
            for event, alerts in one.matches.events
            for alert in alerts
        ],
    }


def false_alarm(plan: StreamPlan, alert: Alert, half_s: float) -> FalseAlarm:
    """A false alarm with the segment it was raised in; a window spans twice `half_s`."""
    middle_s = alert.decided_s - half_s
    shown = plan.segment_at(middle_s)
    return FalseAlarm(plan.name, alert, shown, shown.offset_s + middle_s - shown.start_s)
