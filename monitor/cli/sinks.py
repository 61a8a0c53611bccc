"""Makes the sinks of the configuration."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitor.config.options import MonitorOptions
from monitor.config.outputs import (
    AlertLogOptions,
    ConsoleOptions,
    EvidenceOptions,
    SinkOptions,
    StoreOptions,
)
from monitor.errors import SinkError
from monitor.events.alert import AlertEvent
from monitor.events.alert_log import AlertLogSink, ShadowLogSink, shadow_log_path
from monitor.events.console import ConsoleSink
from monitor.events.recovery import orphans
from monitor.events.sink import Sink
from monitor.evidence.evidence_sink import EvidenceSink
from monitor.paths import STDOUT, describe_os_error
from monitor.store.sink import StoreSink

if TYPE_CHECKING:  # SQLAlchemy takes a third of a second
    from monitor.cli.shard import ShardLease

log = logging.getLogger(__name__)


def make_sinks(
    options: Sequence[SinkOptions],
    on_news: Callable[[], object] | None = None,
    lease: ShardLease | None = None,
) -> list[Sink]:
    """The sinks, in their order; SinkError if one cannot be opened.

    `on_news` is called when the store has something to notify; without it, nothing is. Under a
    lease, files grow and the store is written only while it is held.
    """
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
                    may_write = (lambda: True) if lease is None else lambda: lease.may_write
                    sinks.append(EvidenceSink(one, may_write=may_write))
                case StoreOptions():
                    fence = (lambda: None) if lease is None else lambda: lease.fence
                    left = tuple if lease is None else lease.left_logs
                    sinks.append(StoreSink(one.url, log_path, on_news, fence, left))
                case ConsoleOptions():
                    sinks.append(ConsoleSink())
    except SinkError:
        for sink in sinks:
            sink.close()
        raise
    return sinks


def shadow_log(options: MonitorOptions) -> ShadowLogSink | None:
    """The log of what models find that are tried out, beside the first alert log in a file.

    None if there is no such file, or neither is a model tried out nor was one before.
    """
    log = options.log_file
    if log is None or not (options.shadows or shadow_log_path(log.path).exists()):
        return None
    return ShadowLogSink(log.path, max_bytes=int(log.max_mib * 2**20), keep=log.keep)


def unfinished(sinks: Iterable[Sink]) -> list[AlertEvent]:
    """The ends of activities that a monitor that was killed left open in its alert logs.

    SinkError if a log cannot be read.
    """
    now = datetime.now(UTC)
    ended: dict[str, AlertEvent] = {}
    for sink in sinks:
        if not isinstance(sink, AlertLogSink | ShadowLogSink) or not sink.regular:
            continue
        try:
            left = orphans(sink.path)
        except OSError as error:
            raise SinkError(describe_os_error(sink.name, error)) from None
        if left:
            log.warning("%s: %d activities that were left open are ended", sink.path, len(left))
        ended |= {start.id: start.after_a_kill(now) for start in left}
    return list(ended.values())
