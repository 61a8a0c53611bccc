"""What alert logs say that the event store never got: a process was killed between the two.

Or the store was gone until it ended. The next process beside the log has the store take it in.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from monitor.events.alert import AlertEvent
from monitor.events.alert_log import shadow_log_path
from monitor.events.recovery import newest_alerts
from monitor.paths import describe_os_error
from monitor.store.event import milliseconds
from monitor.store.store import EventStore
from monitor.store.tables import events

log = logging.getLogger(__name__)

NEWEST_BYTES = 1 << 20  # of each log; a thousand lines
LATELY = timedelta(days=7)  # what is older does not count
_TOGETHER = 500  # ids of one query


def take_missed(
    store: EventStore, log_path: Path, before: datetime, *, notified: bool, left: bool = False
) -> int:
    """Have the store take what a log and its log of shadows say from before; how many lines.

    Of each of both all or nothing; twice is fine. Of a log that is `left` nobody else will end the
    activities that are open: those that are taken are ended, too. A log that cannot be read is
    said, and passed over: nothing is lost by that. StoreError if the store fails.
    """
    count = 0
    for path in (log_path, shadow_log_path(log_path)):
        missed = _missed(store, _lately(path, before))
        if missed and left:
            ended = {alert.id for alert in missed if alert.event == "end"}
            opened = [alert for alert in missed if alert.id not in ended]
            missed += [alert.after_a_kill(before) for alert in opened]
        if missed:
            # Old ones, too: whoever notifies gives up what is too old.
            count += store.take_missed(missed, notified=notified)
    if count:
        log.warning("%s: %d lines that the event store had not got are taken in", log_path, count)
    return count


def _lately(path: Path, before: datetime) -> list[AlertEvent]:
    """The newest lines of a log, and of the one that was rotated last, as far as they count."""
    since = before - LATELY
    try:
        found = list(newest_alerts(path, NEWEST_BYTES, since.timestamp()))
    except OSError as error:
        text = "%s; what the event store has not got of it is not taken in"
        log.warning(text, describe_os_error(str(path), error))
        return []
    return [alert for alert in found if since < alert.time < before]


def _missed(store: EventStore, alerts: Sequence[AlertEvent]) -> list[AlertEvent]:
    """Those that the store does not have.

    Not what is so old that it was pruned. Of a log without shards only what follows a line that it
    has: else it may be another store's, which notified of it.
    """
    pruned_ms = store.pruned_ms
    open_by_id = _known(store, list({alert.id for alert in alerts}))
    missed = []
    ours = False
    for alert in alerts:
        is_open = open_by_id.get(alert.id)
        ours = ours or is_open is not None or alert.epoch is not None
        new = is_open is None and milliseconds(alert.start_time or alert.time) >= pruned_ms
        if ours and (new or (is_open and alert.event == "end")):
            missed.append(alert)
    return missed


def _known(store: EventStore, ids: Sequence[str]) -> dict[str, bool]:
    """Of the events that the store has, by their ids, whether they are open."""
    known: dict[str, bool] = {}
    with store.reading() as connection:
        for first in range(0, len(ids), _TOGETHER):
            some = ids[first : first + _TOGETHER]
            query = sa.select(events.c.id, events.c.reason).where(events.c.id.in_(some))
            known |= {row.id: row.reason is None for row in connection.execute(query)}
    return known
