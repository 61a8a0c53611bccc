"""The alert log: one JSON object a line, appended and flushed as it happens."""

import json
import logging
import os
import select
import stat
import sys
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from monitor.errors import SinkError
from monitor.paths import STDOUT
from monitor.records import Activity

log = logging.getLogger(__name__)

SCHEMA = "har-monitor.alert.v1"
OUTBOX = 10_000  # lines kept in memory while the log cannot be written
CLOSING_MS = 500  # that a pipe's reader has, at the end, to make room for each waiting line


class JsonLinesSink:
    """Appends each activity's start and end to a file, or to standard output for the path `-`.

    A line goes to the system in one write, so that a killed process leaves whole lines. A file that
    would grow over `max_bytes` is rotated first: PATH becomes PATH.1, that PATH.2, up to `keep`. A
    file that somebody else moved or deleted is made anew. Writing never waits: while it fails (a
    full disk, a pipe that nobody reads), lines are kept in memory and written, in order, with the
    next that works. SinkError where the file cannot be opened at the start, and from `close` where
    alerts were lost.
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
        self._model = model
        self._window_s = window_s
        self._max_bytes = max_bytes
        self._keep = keep
        self._now = now
        self._clock = clock
        self._outbox: deque[bytes] = deque()
        self._lost = 0  # lines that found the outbox full
        self._failing = False
        self._closed = False
        try:
            self._file = self._open()
        except OSError as error:
            raise SinkError(f"alert log {path}: {(error.strerror or str(error)).lower()}") from None

    def write(self, activity: Activity) -> None:
        """Append the start or the end of an activity."""
        if len(self._outbox) >= OUTBOX:
            self._outbox.popleft()
            self._lost += 1
        self._outbox.append(self._line(activity))
        self._flush(0)

    def close(self) -> None:
        """Write what still waits and close the file; SinkError where that fails. Twice is fine."""
        if self._closed:
            return
        self._flush(CLOSING_MS)
        self._closed = True
        if self.path != STDOUT:
            os.close(self._file)
        if unwritten := len(self._outbox) + self._lost:
            raise SinkError(f"alert log {self.path}: {unwritten} lines could not be written")

    def _line(self, activity: Activity) -> bytes:
        record = {
            "schema": SCHEMA,
            "id": activity.id,
            "event": "start" if activity.end_s is None else "end",
            "camera": activity.camera,
            "region": activity.region or None,
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

    def _flush(self, wait_ms: int) -> None:
        try:
            while self._outbox:
                self._append(self._outbox[0], wait_ms)
                self._outbox.popleft()
        except OSError as error:
            if not self._failing:
                log.warning("%s: %s; alerts wait in memory", self.path, error.strerror or error)
            self._failing = True
            return
        if self._failing:
            log.warning("%s: writing works again", self.path)
        self._failing = False

    def _append(self, line: bytes, wait_ms: int) -> None:
        if self._regular:
            self._follow()
            size = os.fstat(self._file).st_size
            if size and size + len(line) > self._max_bytes:
                self._rotate()
                size = os.fstat(self._file).st_size
            if os.write(self._file, line) < len(line):
                # A full disk takes a part: take it back, so that lines stay whole.
                os.ftruncate(self._file, size)
                raise OSError("no room for a whole line")
            return
        # A pipe that nobody reads would hold up the worker, and every camera with it.
        waiting = select.poll()
        waiting.register(self._file, select.POLLOUT)
        if not waiting.poll(wait_ms):
            raise OSError("nobody reads it")
        os.write(self._file, line)  # whole: a pipe with room has some for PIPE_BUF, 4 KiB

    def _open(self) -> int:
        if self.path == STDOUT:
            if sys.stdout is None:
                raise OSError("standard output is closed")
            file = sys.stdout.fileno()
        else:
            # Who does what and when is nobody else's business: for its owner only.
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            file = os.open(self.path, flags, 0o600)
        found = os.fstat(file)
        self._regular = stat.S_ISREG(found.st_mode) and self.path != STDOUT
        self._identity = (found.st_dev, found.st_ino)
        if self._regular and found.st_size and os.pread(file, 1, found.st_size - 1) != b"\n":
            log.warning("%s: its last line is not whole; going on in a new line", self.path)
            os.write(file, b"\n")
        return file

    def _follow(self) -> None:
        """Open the file anew where the path no longer leads to it: logrotate, or somebody's rm."""
        try:
            found = os.stat(self.path)
            if (found.st_dev, found.st_ino) == self._identity:
                return
        except FileNotFoundError:
            pass
        log.info("%s: was moved or deleted; going on in a new file", self.path)
        self._reopen()

    def _rotate(self) -> None:
        try:
            for number in range(self._keep, 0, -1):
                newer = self.path if number == 1 else self._rotated(number - 1)
                if newer.exists():
                    os.replace(newer, self._rotated(number))
        except OSError as error:
            log.warning("%s: cannot be rotated: %s; it grows on", self.path, error.strerror)
            self._max_bytes = sys.maxsize
            return
        self._reopen()

    def _reopen(self) -> None:
        former = self._file
        self._file = self._open()
        os.close(former)

    def _rotated(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")
