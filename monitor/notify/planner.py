"""Plans notifications of what happened, by the rules."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

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
_MINUTE_MS = 60_000


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
            if not self._outbox.take(connection, seq, text) or alert is None:
                return
            at_ms = min(milliseconds(alert.time), now_ms)  # the clock may have been set back
            case = _Case(self._outbox, self._options, connection, alert, at_ms)
            if alert.event == "end" and not fresh:
                case.plan_end()
            elif not arming_of(connection, alert.camera).silent(at_ms):
                case.plan_event()


@dataclass(frozen=True)
class _Case:
    """An alert, and the transaction in which it is planned."""

    outbox: Outbox
    options: NotifyOptions
    connection: Connection
    alert: AlertEvent
    at_ms: int  # when it was raised

    def plan_end(self) -> None:
        """Tell those who were told of its start, and want to know."""
        told = self.outbox.told(self.connection, self.alert.id)
        for target in self.options.targets:
            wanted = target.ends if isinstance(target, AppriseOptions) else True
            if target.name in told and wanted:
                self._add(target.name, NotificationKind.END)

    def plan_event(self) -> None:
        """Tell whom the rules say, of a start, or of an end whose start nobody knows."""
        is_start = self.alert.event == "start"
        kind = NotificationKind.START if is_start else NotificationKind.END
        for rule, targets in applying(self.options.all_rules, self.alert, self.options.clock):
            sent = [name for name in targets if not self._hold_back(rule, name, kind)]
            for name in sent:
                self._add(name, kind, rule=key(rule), snapshot=rule.snapshot)
            if rule.escalate_min is not None and sent:
                due_ms = self.at_ms + round(rule.escalate_min * _MINUTE_MS)
                for name in dict.fromkeys(rule.escalate_to):
                    self._add(name, NotificationKind.ESCALATION, rule=key(rule), due_ms=due_ms)

    def _hold_back(self, rule: RuleOptions, target: str, kind: NotificationKind) -> bool:
        """Leave one event too many to a summary; whether it is one."""
        if rule.at_most is None:
            return False
        span_ms = round(rule.at_most.minutes * _MINUTE_MS)
        # What seems to come later is of a clock that was set back since.
        span = self.at_ms - span_ms, self.at_ms
        recent = self.outbox.recent(self.connection, key(rule), target, span)
        if len(recent) < rule.at_most.count:
            return False
        self._add(target, kind, rule=key(rule), state=RowState.HELD)
        latest_ms = self.at_ms + span_ms
        if not self.outbox.has_summary(self.connection, key(rule), target, latest_ms):
            due_ms = recent[-rule.at_most.count] + span_ms
            self._add(target, NotificationKind.SUMMARY, rule=key(rule), due_ms=due_ms)
        return True

    def _add(self, target: str, kind: NotificationKind, **more: Any) -> None:
        self.outbox.add(self.connection, target, kind, self.alert, at_ms=self.at_ms, **more)
