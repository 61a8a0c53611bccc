"""How long evidence is kept."""

import logging
import math
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from monitor.config.outputs import EvidenceOptions
from monitor.errors import SinkError
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

DAY_S = 86_400.0
DELETE_S = 3600.0  # between two deletions, if nothing new is written
_ENDINGS = (".mp4", ".jpg", ".json", ".keep")  # of our files; what else lies there is not ours


@dataclass
class _OfEvent:
    """The files of one event."""

    paths: list[Path] = field(default_factory=list)
    size: int = 0
    changed_s: float = 0.0
    marked: bool = False


def delete_old_evidence(
    folder: Path, max_gib: float, keep_days: float, min_free_gib: float = 0.0
) -> int:
    """Delete the oldest events' files until what is left fits; of how many events they were.

    It fits if it is no larger than `max_gib`, no older than `keep_days`, and leaves `min_free_gib`
    of the disk free. Marked events are never deleted. Files that somebody else deletes meanwhile,
    or that cannot be deleted, are passed over.
    """
    found = sorted(_events(folder.glob("????-??-??/*/*")), key=lambda one: one.changed_s)
    left = sum(one.size for one in found)
    oldest_s = time.time() - keep_days * DAY_S
    free = free_bytes(folder)
    deleted = 0
    for one in found:
        fits = left <= max_gib * 2**30 and free >= min_free_gib * 2**30
        if fits and one.changed_s >= oldest_s:
            break
        if one.marked or not _delete(one.paths):
            continue
        deleted += 1
        left -= one.size
        free += one.size
    return deleted


def free_bytes(folder: Path) -> int:
    """How much an ordinary user may still write to the disk of a folder."""
    return shutil.disk_usage(folder).free


def _events(paths: Iterable[Path]) -> Iterable[_OfEvent]:
    found: dict[Path, _OfEvent] = {}
    for path in paths:
        if path.suffix not in _ENDINGS:
            continue
        try:
            about = path.stat()
        except OSError:
            continue
        one = found.setdefault(path.with_name(path.name.partition(".")[0]), _OfEvent())
        one.paths.append(path)
        one.size += about.st_size
        one.changed_s = max(one.changed_s, about.st_mtime)
        one.marked = one.marked or path.suffix == ".keep"
    return found.values()


def _delete(paths: Iterable[Path]) -> bool:
    """Delete files, and their folders if these are empty; whether the files are gone."""
    for path in paths:
        try:
            path.unlink()
            for parent in (path.parent, path.parent.parent):
                parent.rmdir()
        except OSError:  # the folder is not empty, or the file not ours to delete
            pass
    return not any(path.exists() for path in paths)


class Retention:
    """Deletes old evidence at the start, every hour, and before new evidence is written."""

    def __init__(self, options: EvidenceOptions, clock: Callable[[], float]) -> None:
        self._options = options
        self._clock = clock
        self._throttle = LogThrottle(log, clock)
        self._deleting = threading.Lock()  # a new folder is not deleted while it is empty
        self._deleted_s = -math.inf

    def tidy(self) -> None:
        """Delete what is old, unless that was done within the hour."""
        if self._clock() - self._deleted_s >= DELETE_S:
            self._deleted_s = self._clock()
            with self._deleting:
                self._delete()

    @contextmanager
    def room_for(self, path: Path) -> Iterator[None]:
        """Inside the block a file may be begun: there is a folder for it, and room on the disk.

        SinkError if there is not.
        """
        with self._deleting:
            self._delete()
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            least = self._options.min_free_gib
            if free_bytes(path.parent) < least * 2**30:
                raise SinkError(f"less than {least:g} GiB of the disk are free (min_free_gib)")
            yield

    def _delete(self) -> None:
        options = self._options
        try:
            delete_old_evidence(
                options.folder, options.max_gib, options.keep_days, options.min_free_gib
            )
        except OSError as error:
            text = f"evidence {options.folder}: old evidence cannot be deleted: {in_words(error)}"
            self._throttle.log(logging.WARNING, "delete", text)


def in_words(error: Exception) -> str:
    """What went wrong with a file, for a line of the log."""
    strerror = getattr(error, "strerror", None)
    return strerror.lower() if isinstance(strerror, str) else str(error)
