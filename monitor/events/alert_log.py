"""The alert log: one JSON object a line, appended and flushed as it happens."""

from functools import partial
from pathlib import Path

from monitor.errors import SinkError
from monitor.events.alert import AlertEvent
from monitor.events.log_file import LogFile
from monitor.paths import STDOUT, describe_os_error


class AlertLogSink:
    """Appends each alert to a log file, or to standard output for the path `-`.

    A line is written at once, or not at all. SinkError if the file cannot be opened at the start.
    """

    def __init__(self, path: Path, *, max_bytes: int, keep: int) -> None:
        self.path = path
        self.name = "standard output" if path == STDOUT else f"alert log {path}"
        try:
            self._file = LogFile(path, max_bytes, keep)
        except OSError as error:
            raise self.error(error) from None

    @property
    def regular(self) -> bool:
        """Whether it is a file, and no pipe or device: one that can be read again."""
        return self._file.regular

    def write(self, alert: AlertEvent) -> None:
        """Append a line; SinkError if there is no room, or nobody reads the pipe."""
        try:
            self._file.append(line(alert))
        except OSError as error:
            raise self.error(error) from None

    def close(self) -> None:
        """Close the file; twice is fine."""
        self._file.close()

    def error(self, error: OSError) -> SinkError:
        """What went wrong with the file, in a line."""
        return SinkError(describe_os_error(self.name, error))


class ShadowLogSink:
    """Appends the alerts of shadows to a log of their own beside the alert log, and no others.

    The file is made with the first of them. It is rotated as the alert log is.
    """

    def __init__(self, log_path: Path, *, max_bytes: int, keep: int) -> None:
        self.path = shadow_log_path(log_path)
        self.name = f"alert log {self.path}"
        self._open = partial(AlertLogSink, self.path, max_bytes=max_bytes, keep=keep)
        self._log: AlertLogSink | None = None

    @property
    def regular(self) -> bool:
        """Whether there is one that can be read back."""
        return self.path.is_file()

    def takes(self, alert: AlertEvent) -> bool:
        """Alerts of shadows alone."""
        return alert.shadow

    def write(self, alert: AlertEvent) -> None:
        """Append a line; SinkError if the file cannot be opened, or there is no room."""
        if self._log is None:
            self._log = self._open()
        self._log.write(alert)

    def close(self) -> None:
        """Close the file; twice is fine."""
        if self._log is not None:
            self._log.close()


def shadow_log_path(log_path: Path) -> Path:
    """Where the alerts of shadows are: alerts.jsonl has alerts.shadow.jsonl."""
    return log_path.with_name(f"{log_path.stem}.shadow{log_path.suffix}")


def line(alert: AlertEvent) -> bytes:
    """An alert as the log holds it."""
    return alert.model_dump_json(ensure_ascii=True).encode() + b"\n"
