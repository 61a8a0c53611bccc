"""The alerts of a scan handed to the sinks; what one did not take, the next run gives it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from monitor.config.outputs import AlertLogOptions, EvidenceOptions, StoreOptions
from monitor.errors import SinkError
from monitor.events.alert import AlertEvent
from monitor.events.alert_log import AlertLogSink
from monitor.events.log_file import rotated
from monitor.events.recovery import read_records
from monitor.events.sink import Sink, WindowSink
from monitor.evidence.evidence_sink import EvidenceSink
from monitor.paths import describe_os_error
from monitor.records import Window
from monitor.scan.job import Film
from monitor.scan.parts import Part
from monitor.store.database import name, place
from monitor.store.sink import StoreSink

log = logging.getLogger(__name__)

FindWindow = Callable[[AlertEvent], Window | None]


class Delivery:
    """Gives the alerts of a file to every sink that does not have them.

    Each alert has its id for good, so a sink that was given it before takes it once. A sink that
    fails is said once, and is given the alerts by the next run.
    """

    def __init__(
        self,
        log_options: AlertLogOptions | None,
        store: StoreOptions | None,
        evidence: EvidenceOptions | None,
    ) -> None:
        """SinkError if one cannot be opened."""
        self._sinks: dict[str, Sink] = {}  # by what tells it from others
        self._logged: set[tuple[str, str]] = set()  # id and event of what is in the log
        self._failed: dict[str, str] = {}
        self._evidence: EvidenceSink | None = None
        log_path = None
        try:
            if log_options is not None:
                sink = AlertLogSink(
                    log_options.path,
                    max_bytes=int(log_options.max_mib * 2**20),
                    keep=log_options.keep,
                )
                self._sinks[f"log {os.path.abspath(log_options.path)}"] = sink
                if sink.regular:
                    log_path = log_options.path
                    self._logged = _logged(sink, log_options.keep)
            if store is not None:
                self._sinks[f"store {name(place(store.url))}"] = StoreSink(store.url, log_path)
            if evidence is not None:
                self._evidence = EvidenceSink(evidence)
                self._sinks[f"evidence {os.path.abspath(evidence.folder)}"] = self._evidence
        except SinkError:
            self.close()
            raise

    @property
    def failures(self) -> Mapping[str, str]:
        """The sinks that failed, and why."""
        return self._failed

    def give(self, film: Film, alerts: Sequence[AlertEvent], part: Part, find: FindWindow) -> None:
        """Give the alerts of a file to those that do not have them; `find` finds their windows."""
        told = part.told if alerts else list(self._sinks)
        missing = [one for one in self._sinks if one not in told and one not in self._failed]
        for one in missing:
            if self._give(one, film, alerts, find):
                told.append(one)
                part.note_told(told)

    def _give(self, named: str, film: Film, alerts: Sequence[AlertEvent], find: FindWindow) -> bool:
        sink = self._sinks[named]
        if sink is self._evidence:
            self._evidence.tap(film.camera)
        try:
            for alert in alerts:
                if isinstance(sink, AlertLogSink) and not self._is_new(alert):
                    continue
                if isinstance(sink, WindowSink):
                    sink.write_window(alert, find(alert))
                else:
                    sink.write(alert)
        except SinkError as error:
            log.error("%s: its alerts come with the next run of the same command", error)
            self._failed[named] = str(error)
            return False
        return True

    def _is_new(self, alert: AlertEvent) -> bool:
        key = alert.id, alert.event
        fresh = key not in self._logged
        self._logged.add(key)
        return fresh

    def close(self) -> None:
        """Close the sinks; twice is fine."""
        for sink in self._sinks.values():
            sink.close()


def _logged(sink: AlertLogSink, keep: int) -> set[tuple[str, str]]:
    """What a log, and those that were rotated, hold already; SinkError if one cannot be read."""
    places: list[Path] = [sink.path, *(rotated(sink.path, n) for n in range(1, keep + 1))]
    try:
        return {
            (str(record.get("id")), str(record.get("event")))
            for path in places
            if path.is_file()
            for record in read_records(path)
        }
    except OSError as error:
        raise SinkError(describe_os_error(sink.name, error)) from None
