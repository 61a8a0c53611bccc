"""Plans notifications of what happened, by the rules."""

from __future__ import annotations

import logging

from pydantic import ValidationError
from sqlalchemy.engine import Connection

from monitor.config.notifications import AppriseOptions, NotifyOptions, RuleOptions
from monitor.events.alert import AlertEvent
from monitor.notify.arming import arming_of
from monitor.notify.notification import NotificationKind
from monitor.notify.outbox import Outbox, RowState
from monitor.notify.rules import applying, key
from monitor.store.event import milliseconds

log = logging.getLogger(__name__)

_TOGETHER = 100  # alerts that are read at once
MINUTE_MS = 60_000


class Planner:
    """Makes rows of the outbox of the news, an alert in each transaction; of one thread."""

    def __init__(self, outbox: Outbox, options: NotifyOptions) -> None:
        self._outbox = outbox
        self._options = options

    def plan(self, now_ms: int) -> int:
        """Plan all that is new; how many alerts that were. StoreError if the store fails."""
        count = 0
        while some := self._outbox.news(_TOGETHER):
            for seq, text, fresh in some:
                self._plan(seq, text, fresh, now_ms)
            count += len(some)
        return count

    def _plan(self, seq: int, text: str, fresh: bool, now_ms: int) -> None:
        try:
            alert = AlertEvent.model_validate_json(text)
        except ValidationError:  # of another version
            log.error("notify: an alert cannot be read, and nobody is told of it: %.200s", text)
            alert = None
        with self._outbox.store.transaction() as connection:
            if not self._outbox.take(connection, seq) or alert is None:
                return
            if alert.event == "end" and not fresh:
                self._plan_end(connection, alert, now_ms)
            elif not arming_of(connection, alert.camera).silent(milliseconds(alert.time)):
                self._plan_event(connection, alert, now_ms)

    def _plan_end(self, connection: Connection, alert: AlertEvent, now_ms: int) -> None:
        """Tell those who were told of its start, and want to know."""
        told = self._outbox.told(connection, alert.id)
        for target in self._options.targets:
            wanted = target.ends if isinstance(target, AppriseOptions) else True
            if target.name in told and wanted:
                self._outbox.add(connection, target.name, NotificationKind.END, alert, at_ms=now_ms)

    def _plan_event(self, connection: Connection, alert: AlertEvent, now_ms: int) -> None:
        kind = NotificationKind.START if alert.event == "start" else NotificationKind.END
        for rule, targets in applying(self._options.all_rules, alert, self._options.clock):
            sent = [
                target
                for target in targets
                if self._within_limit(connection, rule, target, kind, alert, now_ms)
            ]
            for target in sent:
                self._outbox.add(
                    connection,
                    target,
                    kind,
                    alert,
                    at_ms=now_ms,
                    rule=key(rule),
                    snapshot=rule.snapshot,
                )
            if rule.escalate_min is not None and sent:
                self._escalate(connection, rule, rule.escalate_min, alert, now_ms)

    def _within_limit(
        self,
        connection: Connection,
        rule: RuleOptions,
        target: str,
        kind: NotificationKind,
        alert: AlertEvent,
        now_ms: int,
    ) -> bool:
        """Whether a target may be told of one more event; else it is held back for a summary."""
        if rule.at_most is None:
            return True
        span_ms = round(rule.at_most.minutes * MINUTE_MS)
        recent = self._outbox.recent(connection, key(rule), target, now_ms - span_ms)
        if len(recent) < rule.at_most.count:
            return True
        self._outbox.add(
            connection, target, kind, alert, at_ms=now_ms, rule=key(rule), state=RowState.HELD
        )
        if not self._outbox.has_summary(connection, key(rule), target):
            self._outbox.add(
                connection,
                target,
                NotificationKind.SUMMARY,
                alert,
                at_ms=now_ms,
                rule=key(rule),
                due_ms=recent[-rule.at_most.count] + span_ms,
            )
        return False

    def _escalate(
        self,
        connection: Connection,
        rule: RuleOptions,
        after_min: float,
        alert: AlertEvent,
        now_ms: int,
    ) -> None:
        for target in dict.fromkeys(rule.escalate_to):
            self._outbox.add(
                connection,
                target,
                NotificationKind.ESCALATION,
                alert,
                at_ms=now_ms,
                rule=key(rule),
                due_ms=now_ms + round(after_min * MINUTE_MS),
            )
