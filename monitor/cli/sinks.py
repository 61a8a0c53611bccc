"""Makes the sinks of the configuration."""

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from monitor.config.outputs import (
    AlertLogOptions,
    ConsoleOptions,
    EvidenceOptions,
    SinkOptions,
    StoreOptions,
)
from monitor.errors import SinkError
from monitor.events.alert import AlertEvent
from monitor.events.alert_log import AlertLogSink
from monitor.events.console import ConsoleSink
from monitor.events.recovery import orphans
from monitor.events.sink import Sink
from monitor.evidence.evidence_sink import EvidenceSink
from monitor.paths import STDOUT
from monitor.store.sink import StoreSink

log = logging.getLogger(__name__)


def make_sinks(options: Sequence[SinkOptions]) -> list[Sink]:
    """The sinks, in their order; SinkError if one cannot be opened."""
    sinks: list[Sink] = []
    logs = (one.path for one in options if isinstance(one, AlertLogOptions))
    log_path = next((path for path in logs if path != STDOUT), None)
    try:
        for one in options:
            match one:
                case AlertLogOptions():
                    max_bytes = int(one.max_mib * 2**20)
                    sinks.append(AlertLogSink(one.path, max_bytes=max_bytes, keep=one.keep))
                case EvidenceOptions():
                    sinks.append(EvidenceSink(one))
                case StoreOptions():
                    sinks.append(StoreSink(one.url, log_path))
                case ConsoleOptions():
                    sinks.append(ConsoleSink())
    except SinkError:
        for sink in sinks:
            sink.close()
        raise
    return sinks


def unfinished(sinks: Iterable[Sink]) -> list[AlertEvent]:
    """The ends of activities that a monitor that was killed left open in its alert logs.

    SinkError if a log cannot be read.
    """
    now = datetime.now(UTC)
    ended: dict[str, AlertEvent] = {}
    for sink in sinks:
        if not isinstance(sink, AlertLogSink) or not sink.regular:
            continue
        try:
            left = orphans(sink.path)
        except OSError as error:
            raise sink.error(error) from None
        if left:
            log.warning("%s: %d activities that were left open are ended", sink.path, len(left))
        ended |= {start.id: start.after_a_kill(now) for start in left}
    return list(ended.values())
