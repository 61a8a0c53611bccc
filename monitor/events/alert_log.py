"""The alert log: one JSON object a line, appended and flushed as it happens."""

import json
import logging
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.errors import SinkError
from monitor.events.log_file import LogFile
from monitor.events.recovery import SCHEMA, Record, orphans
from monitor.records import Activity
from monitor.states import EndReason

log = logging.getLogger(__name__)

OUTBOX = 10_000  # lines kept in memory while the log cannot be written
CLOSING_MS = 500  # that a pipe's reader has, at the end, to make room for each waiting line
DIED: EndReason = EndReason.MONITOR_DIED


class AlertLogSink:
    """Appends each activity's start and end to a log file, or to standard output for the path `-`.

    Writing never waits: while it fails (a full disk, a pipe that nobody reads), lines are kept in
    memory and written, in order, as soon as it works again. What a monitor that was killed had left
    open is ended when the next one begins. SinkError if the file cannot be opened at the start,
    and from `close` where alerts were lost.
    """

    name = "alert log"

    def __init__(
        self,
        path: Path,
        *,
        model: str,
        window_s: float,
        max_bytes: int,
        keep: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self.lost = 0  # lines that found the outbox full
        self._model = model
        self._window_s = window_s
        self._now = now
        self._clock = clock
        self._outbox: deque[bytes] = deque()
        self._failing = False
        self._closed = False
        try:
            self._file = LogFile(path, max_bytes, keep)
            left = orphans(path) if self._file.regular else []
        except OSError as error:
            raise SinkError(f"alert log {path}: {(error.strerror or str(error)).lower()}") from None
        for start in left:
            self._outbox.append(_line(self._ended(start)))
        if left:
            log.warning("%s: %d activities that were left open are ended", path, len(left))
        self.flush()

    @property
    def waiting(self) -> int:
        """Lines in memory that could not be written yet."""
        return len(self._outbox)

    def write(self, activity: Activity) -> None:
        """Append the start or the end of an activity."""
        if len(self._outbox) >= OUTBOX:
            self._outbox.popleft()
            self.lost += 1
        self._outbox.append(_line(self._record(activity)))
        self.flush()

    def flush(self) -> None:
        """Write what waits, as far as that works now."""
        self._flush(0)

    def close(self) -> None:
        """Write what still waits and close the file; SinkError if that fails. Twice is fine."""
        if self._closed:
            return
        self._flush(CLOSING_MS)
        self._closed = True
        self._file.close()
        if unwritten := self.waiting + self.lost:
            raise SinkError(f"alert log {self.path}: {unwritten} lines could not be written")

    def _record(self, activity: Activity) -> Record:
        now = self._now()
        passed_s = self._clock() - activity.arrived_s  # since the frame that decided it
        decided = now - timedelta(seconds=passed_s)

        def world(time_s: float | None) -> str | None:
            """When that was in the world; a file's seconds tell nothing of it."""
            if time_s is None or not activity.live:
                return None
            return _utc(decided - timedelta(seconds=activity.decided_s - time_s))

        return {
            "schema": SCHEMA,
            "id": activity.id,
            "event": "start" if activity.end_s is None else "end",
            "camera": activity.camera,
            "region": activity.region or None,
            "label": activity.label,
            "score": round(activity.score, 4),
            "peak_score": round(activity.peak_score, 4),
            "time": _utc(now),
            "start_time": world(activity.start_s),
            "end_time": world(activity.end_s),
            "start_s": round(activity.start_s, 3),
            "end_s": None if activity.end_s is None else round(activity.end_s, 3),
            "reason": activity.reason,
            "window_s": self._window_s,
            "model": self._model,
            "latency_ms": round(passed_s * 1000, 1),
        }

    def _ended(self, start: Record) -> Record:
        """The end of an activity of which nobody knows when it ended."""
        own = {"event": "end", "time": _utc(self._now()), "reason": DIED, "latency_ms": None}
        return start | own

    def _flush(self, wait_ms: int) -> None:
        try:
            while self._outbox:
                self._file.append(self._outbox[0], wait_ms)
                self._outbox.popleft()
        except OSError as error:
            if not self._failing:
                log.warning("%s: %s; alerts wait in memory", self.path, error.strerror or error)
            self._failing = True
            return
        if self._failing:
            log.warning("%s: writing works again", self.path)
        self._failing = False


def _utc(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(record: Record) -> bytes:
    return json.dumps(record, ensure_ascii=True, allow_nan=False).encode() + b"\n"
