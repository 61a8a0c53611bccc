"""How many events were found, how late, and how many alerts were false."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from train.evaluate.intervals import poisson_mean

# Seconds that an alert may come after an event's last picture, beside the span of a window. A
# window holds a part of the event until a whole span after it. Smoothing and the minimum duration
# then need half a second each with the monitor's defaults. It is the same for all rules: a slower
# one must not buy itself more time.
LATE_S = 1.0
_UNSURE = 0.05  # of the upper bound


@dataclass(frozen=True)
class Event:
    """Something that is to be found in a stream; times in seconds of the stream."""

    label: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Alert:
    """An alert that was raised, at the moment it was decided."""

    label: str
    decided_s: float
    score: float


@dataclass(frozen=True)
class Matched:
    """The events of a stream with the alerts that found them, and the alerts that found none."""

    events: tuple[tuple[Event, tuple[Alert, ...]], ...]  # each with its alerts, earliest first
    false: tuple[Alert, ...]


@dataclass(frozen=True)
class Figures:
    """What a user of the alerts would say of them. None stands for what nothing could measure."""

    events: int
    found: int
    false_alarms: int
    hours: float  # of stream
    delays_s: tuple[float, ...]  # from an event's first picture to its first alert, rising
    alerts: int  # that found an event: more than `found` where one act became several

    @property
    def precision(self) -> float | None:
        """Share of what was alerted that happened: an event counts once."""
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
        """False alarms an hour of stream."""
        return self.false_alarms / self.hours

    @property
    def false_per_hour_high(self) -> float:
        """What the true rate is below, with 95 % certainty: 3 / hours where there were none."""
        return poisson_mean(self.false_alarms, _UNSURE) / self.hours

    @property
    def fragments(self) -> float | None:
        """Alerts for each event that was found."""
        return _share(self.alerts, self.found)

    def delay_s(self, share: float) -> float | None:
        """The delay that this share of the found events did not exceed."""
        if not self.delays_s:
            return None
        return self.delays_s[max(0, math.ceil(share * len(self.delays_s)) - 1)]


def grace_s(span_s: float) -> float:
    """Seconds after an event in which an alert still counts for it; a window spans `span_s`."""
    return span_s + LATE_S


def match(events: Sequence[Event], alerts: Sequence[Alert], grace_s: float) -> Matched:
    """Give each alert to the event of its label that it was decided in, or within the grace after.

    Of several such events it finds the first that has no alert yet, else it belongs to the last.
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
    return Matched(tuple((event, tuple(its_alerts)) for event, its_alerts in found), tuple(false))


def figures(streams: Sequence[Matched], hours: float, label: str | None = None) -> Figures:
    """The figures of some streams that last `hours` together; of one label, or of all."""
    found = [
        (event, alerts)
        for matched in streams
        for event, alerts in matched.events
        if label in (None, event.label)
    ]
    return Figures(
        events=len(found),
        found=sum(bool(alerts) for _, alerts in found),
        false_alarms=sum(label in (None, a.label) for matched in streams for a in matched.false),
        hours=hours,
        delays_s=tuple(
            sorted(alerts[0].decided_s - event.start_s for event, alerts in found if alerts)
        ),
        alerts=sum(len(alerts) for _, alerts in found),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
