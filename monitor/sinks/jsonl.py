"""The alert log: one JSON object a line, appended and flushed as it happens."""

import json
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from monitor.errors import SinkError
from monitor.records import Activity

log = logging.getLogger(__name__)

SCHEMA = "har-monitor.alert.v1"
STDOUT = Path("-")
OUTBOX = 10_000  # lines kept in memory while the log cannot be written


class JsonLinesSink:
    """Appends each activity's start and end to a file, or to standard output for the path `-`.

    A line goes to the system in one write, so that a killed process leaves whole lines. A file that
    would grow over `max_bytes` is rotated first: PATH becomes PATH.1, that PATH.2, up to `keep`.
    While writing fails (a full disk), lines wait in memory and are written in order once it works.
    SinkError where the file cannot be opened at the start.
    """

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
        self._max_bytes = max_bytes
        self._keep = keep
        self._now = now
        self._clock = clock
        self._outbox: deque[bytes] = deque()
        self._failing = False
        self._file: int | None = None
        try:
            self._open()
        except OSError as error:
            raise SinkError(f"alert log {path}: {(error.strerror or str(error)).lower()}") from None

    def write(self, activity: Activity) -> None:
        """Append the start or the end of an activity."""
        if len(self._outbox) >= OUTBOX:
            self._outbox.popleft()
            self.lost += 1
        self._outbox.append(self._line(activity))
        self._flush()

    def close(self) -> None:
        """Write what still waits and close the file."""
        if self._file is None:
            return
        self._flush()
        if self._outbox or self.lost:
            log.error(
                "%s: %d alerts could not be written", self.path, len(self._outbox) + self.lost
            )
        if self.path != STDOUT:
            os.close(self._file)
        self._file = None

    def _line(self, activity: Activity) -> bytes:
        record = {
            "schema": SCHEMA,
            "id": activity.id,
            "event": "start" if activity.end_s is None else "end",
            "camera": activity.camera,
            "label": activity.label,
            "score": round(activity.score, 4),
            "peak_score": round(activity.peak_score, 4),
            "time": self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "start_s": round(activity.start_s, 3),
            "end_s": None if activity.end_s is None else round(activity.end_s, 3),
            "window_s": self._window_s,
            "model": self._model,
            "latency_ms": round((self._clock() - activity.captured_s) * 1000, 1),
        }
        return json.dumps(record, ensure_ascii=True, allow_nan=False).encode() + b"\n"

    def _flush(self) -> None:
        try:
            while self._outbox:
                self._append(self._outbox[0])
                self._outbox.popleft()
        except OSError as error:
            if not self._failing:
                log.warning("%s: %s; alerts wait in memory", self.path, error.strerror or error)
            self._failing = True
            return
        if self._failing:
            log.warning("%s: writing works again", self.path)
        self._failing = False

    def _append(self, line: bytes) -> None:
        assert self._file is not None, "written after close"
        if self.path != STDOUT and self._size + len(line) > self._max_bytes and self._size:
            self._rotate()
        written = os.write(self._file, line)
        if written < len(line):  # a full disk takes a part: take it back, so that lines stay whole
            if self.path != STDOUT:
                os.ftruncate(self._file, self._size)
            raise OSError("no room for a whole line")
        self._size += written

    def _open(self) -> None:
        if self.path == STDOUT:
            self._file, self._size = sys.stdout.fileno(), 0
            return
        # Who, where and when people did what is nobody else's business: readable by the owner only.
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._file).st_size
        if self._size and os.pread(self._file, 1, self._size - 1) != b"\n":
            log.warning("%s: its last line is not whole; going on in a new line", self.path)
            self._size += os.write(self._file, b"\n")

    def _rotate(self) -> None:
        assert self._file is not None
        for number in range(self._keep, 0, -1):
            older = (
                self.path.with_name(f"{self.path.name}.{number - 1}") if number > 1 else self.path
            )
            if older.exists():
                os.replace(older, self.path.with_name(f"{self.path.name}.{number}"))
        os.close(self._file)
        self._open()
