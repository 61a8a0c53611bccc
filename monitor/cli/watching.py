"""What watches: a monitor in this process, or several in processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.cli.sinks import make_sinks, shadow_log
from monitor.config.options import MonitorOptions
from monitor.config.outputs import EvidenceOptions
from monitor.errors import ConfigError
from monitor.evidence.evidence_sink import EvidenceSink
from monitor.pipeline.monitor import Beat, Monitor, cores
from monitor.processes.placement import process_count

if TYPE_CHECKING:
    from monitor.cli.shard import ShardLease
    from monitor.display.view import View
    from monitor.events.sink import Sink
    from monitor.processes.processes import Processes
    from monitor.web.pictures import Pictures, Send


@dataclass(frozen=True)
class Watching:
    """What watches, and what others need of it."""

    monitor: Monitor | Processes
    sinks: Sequence[Sink]  # of this process
    logs_shadows: bool  # whether there is a log for them
    pictures: Callable[[Send], Pictures]  # for the page
    evidence_bytes: Callable[[], int | None] | None  # None: no evidence is kept


def make_watching(
    options: MonitorOptions,
    view: View | None,
    on_beat: Beat,
    on_news: Callable[[], object] | None,  # see make_sinks
    lease: ShardLease | None,  # under which is watched
) -> Watching:
    """By one process or several; MonitorError if it cannot be."""
    count = _count(options, view)
    kept = options.sinks
    if count > 1:  # a process keeps the evidence of its cameras, whose packets it has
        kept = tuple(one for one in kept if not isinstance(one, EvidenceOptions))
    sinks = make_sinks(kept, on_news, lease)
    shadows = shadow_log(options)
    if shadows is not None:
        sinks.append(shadows)
    given = sinks if lease is None else lease.over(sinks)
    if count > 1:
        from monitor.processes.processes import Processes

        grant = None if lease is None else lambda: lease.grant
        processes = Processes(options, count, given, on_beat, grant)
        used = None if options.evidence is None else lambda: processes.evidence_bytes
        return Watching(processes, sinks, shadows is not None, processes.pictures, used)
    evidence = next((sink for sink in sinks if isinstance(sink, EvidenceSink)), None)
    monitor = Monitor(
        options,
        sinks=given,
        view=view,
        tap=(lambda camera: None) if evidence is None else evidence.tap,
        on_beat=on_beat,
    )

    def pictures(send: Send) -> Pictures:
        from monitor.web.pictures import LivePictures

        assert evidence is not None  # see MonitorOptions.with_needed_sinks
        return LivePictures(monitor.hub, evidence.ring, send)

    used = None if evidence is None else lambda: evidence.used_bytes
    return Watching(monitor, sinks, shadows is not None, pictures, used)


def processes(options: MonitorOptions) -> int:
    """How many are to watch, if nothing is shown or saved."""
    return process_count(options.workers, len(options.cameras), cores())


def _count(options: MonitorOptions, view: View | None) -> int:
    """How many are to watch; ConfigError if so many cannot be drawn."""
    if view is None:
        return processes(options)
    if isinstance(options.workers, int) and options.workers > 1:
        raise ConfigError(
            f"workers: {options.workers} processes cannot draw: --headless without save_video, "
            "or workers: 1, is needed"
        )
    return 1
