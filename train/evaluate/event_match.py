"""Which alerts match which events, and the metrics of it: recall, delay, false alarms."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from train.evaluate.intervals import poisson_mean

# An alert may come this many seconds after an event's last frame, plus the span of a window. A
# window holds a part of the event until a whole span after it. With the monitor's defaults,
# smoothing and the minimum duration then take half a second each. It is the same for all rules, so
# that slower rules get no more time.
LATE_S = 1.0
_ALPHA = 0.05  # of the one-sided upper bound


@dataclass(frozen=True)
class Event:
    """An act that is known to be in a stream; times in seconds of the stream."""

    label: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Alert:
    """An alert, at the time it was decided."""

    label: str
    decided_s: float
    score: float


@dataclass(frozen=True)
class EventMatches:
    """The events of a stream with the alerts that match them, and the alerts that match none."""

    events: tuple[tuple[Event, tuple[Alert, ...]], ...]  # each with its alerts, earliest first
    false_alarms: tuple[Alert, ...]


@dataclass(frozen=True)
class EventMetrics:
    """Counts and rates of some streams; None for what they cannot measure."""

    events: int
    found: int
    false_alarms: int
    hours: float  # of the streams
    delays_s: tuple[float, ...]  # from an event's first frame to its first alert, ascending
    alerts: int  # that match an event; more than `found` if an event raised several
    after_end_s: tuple[float, ...] = ()  # as delays_s, but from the event's last frame

    @property
    def precision(self) -> float | None:
        """Share of true alerts; several alerts for one event count once."""
        return _share(self.found, self.found + self.false_alarms)

    @property
    def recall(self) -> float | None:
        """Share of the events that were found."""
        return _share(self.found, self.events)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None without events."""
        if not self.events:
            return None
        return 2 * self.found / (self.found + self.false_alarms + self.events)

    @property
    def false_per_hour(self) -> float:
        """False alarms per hour."""
        return self.false_alarms / self.hours

    @property
    def false_per_hour_high(self) -> float:
        """The upper 95 % bound of the true rate; 3 / hours if there were no false alarms."""
        return poisson_mean(self.false_alarms, _ALPHA) / self.hours

    @property
    def fragments(self) -> float | None:
        """Alerts per event that was found."""
        return _share(self.alerts, self.found)

    def delay_s(self, share: float) -> float | None:
        """The quantile `share` of the delays: 0.5 for the median."""
        return _quantile(self.delays_s, share)

    def late_s(self, share: float) -> float | None:
        """The quantile `share` of the times from an event's end to its first alert.

        It is negative if the alert came before the end.
        """
        return _quantile(self.after_end_s, share)


def grace_s(span_s: float) -> float:
    """Seconds after an event in which an alert still matches it; a window spans `span_s`."""
    return span_s + LATE_S


def match_events(events: Sequence[Event], alerts: Sequence[Alert], grace_s: float) -> EventMatches:
    """Match each alert to an event of its label, decided during it or in the grace period after.

    If several events fit, it matches the first that has no alert yet, or else the last.
    """
    found: list[tuple[Event, list[Alert]]] = [
        (event, []) for event in sorted(events, key=lambda event: event.start_s)
    ]
    false = []
    for alert in sorted(alerts, key=lambda alert: alert.decided_s):
        near = [
            its_alerts
            for event, its_alerts in found
            if event.label == alert.label
            and event.start_s <= alert.decided_s <= event.end_s + grace_s
        ]
        if near:
            next((alerts for alerts in near if not alerts), near[-1]).append(alert)
        else:
            false.append(alert)
    return EventMatches(
        tuple((event, tuple(its_alerts)) for event, its_alerts in found), tuple(false)
    )


def event_metrics(
    streams: Sequence[EventMatches], hours: float, label: str | None = None
) -> EventMetrics:
    """The metrics of streams that last `hours` together; of one label, or of all."""
    found = [
        (event, alerts)
        for matches in streams
        for event, alerts in matches.events
        if label in (None, event.label)
    ]
    return EventMetrics(
        events=len(found),
        found=sum(bool(alerts) for _, alerts in found),
        false_alarms=sum(
            label in (None, a.label) for matches in streams for a in matches.false_alarms
        ),
        hours=hours,
        delays_s=tuple(
            sorted(alerts[0].decided_s - event.start_s for event, alerts in found if alerts)
        ),
        alerts=sum(len(alerts) for _, alerts in found),
        after_end_s=tuple(
            sorted(alerts[0].decided_s - event.end_s for event, alerts in found if alerts)
        ),
    )


def _quantile(ascending: Sequence[float], share: float) -> float | None:
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)] if ascending else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
