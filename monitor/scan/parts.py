"""The work folder of a scan, by which a run that was stopped goes on: FILE.parts beside the result.

Each file has a folder in it, with its plan, the segments that were scanned, and at the end its
windows as a table. All is written whole or not at all, and settled on the disk before what follows
says that it is there.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from monitor.atomic import make_folder, replacing
from monitor.errors import ConfigError, MonitorError
from monitor.events.alert import AlertEvent
from monitor.paths import describe_os_error
from monitor.scan.job import Film, Plan, SegmentResult

T = TypeVar("T")


@dataclass(frozen=True)
class PlannedFilm:
    """A file of which segments are scanned, or were."""

    camera: str  # what it is called in alerts
    size: int
    mtime_ns: int
    plan: Plan

    def fits(self, film: Film) -> bool:
        """Whether the file is the same as then."""
        return (self.size, self.mtime_ns) == (film.size, film.mtime_ns)


@dataclass(frozen=True)
class ScannedFilm:
    """What was found in a file."""

    seconds: float  # of video
    windows: int  # that the model saw
    skipped: dict[str, int] = field(default_factory=dict)  # windows that it did not, by reason
    faults: tuple[str, ...] = ()  # of the file
    missing: str = ""  # what could not be scanned, and why
    alerts: tuple[AlertEvent, ...] = ()

    @property
    def activities(self) -> int:
        """How many began."""
        return sum(alert.event == "start" for alert in self.alerts)


_PLANNED, _SCANNED = TypeAdapter(PlannedFilm), TypeAdapter(ScannedFilm)
_RESULT, _TOLD = TypeAdapter(SegmentResult), TypeAdapter(list[str])


class Part:
    """What is kept of one file. MonitorError if it cannot be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.table = folder / "windows.parquet"

    @property
    def planned(self) -> PlannedFilm | None:
        """How it is scanned; None if that is not known."""
        return _read(self._folder / "plan.json", _PLANNED)

    def begin(self, planned: PlannedFilm) -> None:
        """Forget all that is known of the file, and scan it by a plan."""
        shutil.rmtree(self._folder, ignore_errors=True)
        make_folder(self._folder)
        _write(self._folder / "plan.json", _PLANNED.dump_json(planned))

    def segment(self, number: int) -> SegmentResult | None:
        """What was found in a segment; None if it was not scanned."""
        return _read(self._segment(number), _RESULT)

    def keep(self, number: int, result: SegmentResult) -> None:
        """Keep what was found in a segment."""
        _write(self._segment(number), _RESULT.dump_json(result))

    @property
    def scanned(self) -> ScannedFilm | None:
        """What was found in the whole file; None if it is not scanned yet."""
        return _read(self._folder / "scanned.json", _SCANNED) if self.table.exists() else None

    def finish(self, scanned: ScannedFilm, write_table: Callable[[Path], object]) -> None:
        """Keep what was found in the whole file; unless some is missing, segments are dropped."""
        (self._folder / "told.json").unlink(missing_ok=True)
        with replacing(self.table) as temporary:
            write_table(temporary)
            _settle(temporary)
        _write(self._folder / "scanned.json", _SCANNED.dump_json(scanned, by_alias=True))
        if not scanned.missing:
            for path in self._folder.glob("segment-*.json"):
                path.unlink(missing_ok=True)

    @property
    def told(self) -> list[str]:
        """The sinks that have its alerts, by their names."""
        return _read(self._folder / "told.json", _TOLD) or []

    def note_told(self, names: list[str]) -> None:
        """Keep which sinks have its alerts."""
        _write(self._folder / "told.json", _TOLD.dump_json(names))

    def _segment(self, number: int) -> Path:
        return self._folder / f"segment-{number:05}.json"


class Parts:
    """The work folder of a result."""

    def __init__(self, result: Path) -> None:
        self.folder = result.with_name(f"{result.name}.parts")

    def of(self, path: Path) -> Part:
        """What is kept of a file of the archive."""
        return Part(self.folder / hashlib.sha256(os.fsencode(path)).hexdigest()[:24])

    @contextmanager
    def opened(self, settings: Mapping[str, Any]) -> Iterator[None]:
        """Work in it alone, by settings that are the same in every run.

        ConfigError if it was begun by others, or another har-scan is at it.
        """
        make_folder(self.folder)
        try:
            lock = (self.folder / "lock").open("w")
        except OSError as error:
            raise MonitorError(describe_os_error(str(self.folder), error)) from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ConfigError(f"{self.folder}: another har-scan is at work in it") from None
            self._check(dict(settings))
            yield

    def _check(self, settings: dict[str, Any]) -> None:
        path = self.folder / "settings.json"
        known = _read(path, TypeAdapter(dict[str, Any]))
        if known is None:
            _write(path, json.dumps(settings, indent=1).encode())
            return
        changed = [name for name in settings if settings[name] != known.get(name)]
        if changed:
            raise ConfigError(
                f"{self.folder}: was begun with another {', '.join(changed)}; "
                "give another --out, or delete that folder to begin anew"
            )


def _read(path: Path, form: TypeAdapter[T]) -> T | None:
    """What a file holds; None if there is none, or a torn one."""
    try:
        return form.validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    except OSError as error:
        raise MonitorError(describe_os_error(str(path), error)) from None


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)
        _settle(temporary)


def _settle(path: Path) -> None:
    """Let a file outlive a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
