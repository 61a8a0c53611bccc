"""Which rules apply to an event."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo

from monitor.config.notifications import RuleOptions, SpanOptions
from monitor.events.alert import AlertEvent


def applying(
    rules: Iterable[RuleOptions], alert: AlertEvent, zone: ZoneInfo | None
) -> Iterator[tuple[RuleOptions, list[str]]]:
    """Each rule that applies to an alert, and its targets that no rule before it has told."""
    told: set[str] = set()
    for rule in rules:
        if _applies(rule, alert, zone):
            fresh = [name for name in dict.fromkeys(rule.to) if name not in told]
            told.update(fresh)
            yield rule, fresh


def _applies(rule: RuleOptions, alert: AlertEvent, zone: ZoneInfo | None) -> bool:
    local = alert.time.astimezone(zone)

    def within(spans: Iterable[SpanOptions]) -> bool:
        return any(span.covers(local) for span in spans)

    return (
        (not rule.cameras or alert.camera in rule.cameras)
        and (not rule.labels or alert.label in rule.labels)
        and (not rule.regions or alert.region in rule.regions)
        and (not rule.schedule or within(rule.schedule))
        and not within(rule.quiet)
    )


def key(rule: RuleOptions) -> str:
    """What tells a rule from others in the outbox; the same wherever it stands."""
    return hashlib.sha256(rule.model_dump_json().encode()).hexdigest()[:16]
