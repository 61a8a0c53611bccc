"""How long evidence is kept."""

import logging
import math
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from monitor.config.outputs import EvidenceOptions
from monitor.errors import SinkError
from monitor.evidence.copied import ENDING as NOTE
from monitor.evidence.copied import all_copied, event_of
from monitor.evidence.segments import all_segments
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

DAY_S = 86_400.0
DELETE_S = 3600.0  # between two deletions, if nothing new is written
ROLLING_S = 60.0  # likewise, if streams are recorded all the time
SPARE = 0.02  # of max_gib: so much more is deleted of what streams send, if it is too much
# Of our files; what else lies there is not ours.
_ENDINGS = (".mp4", ".jpg", ".json", ".keep", NOTE)


@dataclass
class _OfEvent:
    """The files of one event."""

    paths: list[Path] = field(default_factory=list)
    size: int = 0
    changed_s: float = 0.0
    marked: bool = False


def delete_old_evidence(
    folder: Path,
    max_gib: float,
    keep_days: float,
    min_free_gib: float = 0.0,
    only_copied: bool = False,
) -> int:
    """Delete the oldest events' files until what is left fits; how many bytes that is.

    It fits if it is no larger than `max_gib`, no older than `keep_days`, and leaves `min_free_gib`
    of the disk free. Marked events are never deleted, nor, with `only_copied`, are those that are
    not in object storage yet. Files that somebody else deletes meanwhile, or that cannot be
    deleted, are passed over.
    """
    found = sorted(_events(folder.glob("????-??-??/*/*")), key=lambda one: one.changed_s)
    left = sum(one.size for one in found)
    oldest_s = time.time() - keep_days * DAY_S
    free = free_bytes(folder)
    for one in found:
        fits = left <= max_gib * 2**30 and free >= min_free_gib * 2**30
        if fits and one.changed_s >= oldest_s:
            break
        if one.marked or (only_copied and not all_copied(one.paths)) or not _delete(one.paths):
            continue
        left -= one.size
        free += one.size
    return left


def delete_for_room(folder: Path, min_free_gib: float) -> list[int]:
    """Delete the oldest events, copied or not, until so much of the disk is free; their bytes."""
    deleted: list[int] = []
    found = sorted(_events(folder.glob("????-??-??/*/*")), key=lambda one: one.changed_s)
    for one in found:
        if lack_of_room(folder, min_free_gib) is None:
            break
        if not one.marked and _delete(one.paths):
            deleted.append(one.size)
    return deleted


@dataclass(frozen=True)
class Rolled:
    """What became of what is recorded all the time."""

    left: int  # bytes
    too_soon: int  # segments that were deleted before their time, because they did not fit


def delete_old_segments(
    folder: Path, max_gib: float, min_free_gib: float, rolling_min: float, now_s: float
) -> Rolled:
    """Delete what was recorded all the time, if it is older than `rolling_min` or does not fit.

    It goes before the evidence of any event. If it does not fit, a little more goes than must, so
    that this is not done for every new segment.
    """
    segments = all_segments(folder)
    left = sum(one.size for one in segments)
    if not segments:
        return Rolled(0, 0)
    used = left + sum(one.size for one in _events(folder.glob("????-??-??/*/*")))
    most = max_gib * 2**30
    if used > most:
        most *= 1 - SPARE
    free = free_bytes(folder)
    too_soon = 0
    for segment in segments:
        old = segment.end.timestamp() < now_s - rolling_min * 60
        if not old and used <= most and free >= min_free_gib * 2**30:
            continue
        if _delete([segment.path]):
            too_soon += not old
            left -= segment.size
            used -= segment.size
            free += segment.size
    return Rolled(left, too_soon)


def free_bytes(folder: Path) -> int:
    """How much an ordinary user may still write to the disk of a folder."""
    return shutil.disk_usage(folder).free


def lack_of_room(folder: Path, min_free_gib: float) -> str | None:
    """Why nothing is written to the disk of a folder; None if so much of it is free."""
    if free_bytes(folder) >= min_free_gib * 2**30:
        return None
    return f"less than {min_free_gib:g} GiB of the disk are free (min_free_gib)"


def _events(paths: Iterable[Path]) -> Collection[_OfEvent]:
    found: dict[Path, _OfEvent] = {}
    for path in paths:
        if path.suffix not in _ENDINGS:
            continue
        try:
            about = path.stat()
        except OSError:
            continue
        # A file that is being written, or was left behind by a kill, has a point before its name.
        one = found.setdefault(path.with_name(event_of(path.name)), _OfEvent())
        one.paths.append(path)
        one.size += about.st_size
        if path.suffix != NOTE:  # which may be written long after the event
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
    """Deletes old evidence at the start, every hour, and before there would be too much.

    What streams send all the time is looked through every minute.

    Whoever writes says so by `room_for` or `counted`: between two looks at all files, what these
    have grown by is added up, with what other processes say by `note`. What others delete or write
    meanwhile is noticed within the hour.
    """

    def __init__(
        self,
        options: EvidenceOptions,
        clock: Callable[[], float],
        now: Callable[[], float] = time.time,
        may_write: Callable[[], bool] = lambda: True,  # else nothing is deleted, nothing begun
    ) -> None:
        self._options = options
        self._clock = clock
        self._now = now
        self.may_write = may_write
        self._pause_s = ROLLING_S if options.rolling_min else DELETE_S
        self._throttle = LogThrottle(log, clock)
        self._deleting = threading.Lock()  # a new folder is not deleted while it is empty
        self._deleted_s = -math.inf
        self._adding = threading.Lock()  # of _used
        self._used: int | None = None  # bytes of all evidence; None: not known
        self._grown = 0  # bytes that were written, of those that were counted
        self._most = 0.0  # bytes above which it is looked if something can be deleted

    @property
    def grown_bytes(self) -> int:
        """How much was written since it was made."""
        return self._grown

    def note(self, grown_bytes: int) -> None:
        """Take so much into account that another process has written."""
        with self._adding:
            if self._used is not None:
                self._used += grown_bytes

    @property
    def used_bytes(self) -> int | None:
        """What all evidence takes; None: not known."""
        return self._used

    def tidy(self) -> None:
        """Delete what is old, unless that was done a short while ago."""
        if self.may_write() and self._clock() - self._deleted_s >= self._pause_s:
            with self._deleting:
                self._delete()

    @contextmanager
    def room_for(self, path: Path) -> Iterator[None]:
        """Inside the block a file may be begun: there is a folder for it, and room on the disk.

        SinkError if there is not.
        """
        options = self._options
        if not self.may_write():
            raise SinkError("another process may watch this camera by now")
        with self._deleting:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fits = self._used is not None and self._used <= self._most
            if not fits or lack_of_room(path.parent, options.min_free_gib):
                self._delete()
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                if (why := lack_of_room(path.parent, options.min_free_gib)) is not None:
                    raise SinkError(why)
            with self.counted(path):
                yield

    @contextmanager
    def counted(self, path: Path) -> Iterator[None]:
        """Inside the block a file may grow."""
        before = _size(path)
        try:
            yield
        finally:
            with self._adding:
                more = max(0, _size(path) - before)  # less, if it was deleted: that was counted
                self._grown += more
                if self._used is not None:
                    self._used += more

    def _delete(self) -> None:
        options = self._options
        self._deleted_s = self._clock()
        used = None
        try:
            rolled = delete_old_segments(
                options.folder,
                options.max_gib,
                options.min_free_gib,
                options.rolling_min,
                self._now(),
            )
            used = rolled.left + delete_old_evidence(
                options.folder,
                options.max_gib,
                options.keep_days,
                options.min_free_gib,
                options.copy_to is not None,
            )
            if options.copy_to is not None:
                used -= self._delete_uncopied()
            if rolled.too_soon:
                text = (
                    f"evidence {options.folder}: less is kept of the streams than the last "
                    f"{options.rolling_min:g} min (rolling_min): max_gib or min_free_gib"
                )
                self._throttle.log(logging.WARNING, "rolling", text)
        except OSError as error:
            text = f"evidence {options.folder}: old evidence cannot be deleted: {in_words(error)}"
            self._throttle.log(logging.WARNING, "delete", text)
        with self._adding:
            self._used = used
        # What may not be deleted is not looked through again for every file.
        limit = options.max_gib * 2**30
        self._most = limit if used is None or used <= limit else used + SPARE * limit

    def _delete_uncopied(self) -> int:
        """Make room where the disk would else be full; the bytes that were deleted."""
        folder, least = self._options.folder, self._options.min_free_gib
        if lack_of_room(folder, least) is None:
            return 0
        deleted = delete_for_room(folder, least)
        if deleted:
            events = "1 event was" if len(deleted) == 1 else f"{len(deleted)} events were"
            text = (
                f"evidence {folder}: that of {events} deleted before it was copied to "
                f"{self._options.copy_to}: else less than {least:g} GiB of the disk were free "
                "(min_free_gib)"
            )
            self._throttle.log(logging.WARNING, "uncopied", text)
        return sum(deleted)


def _size(path: Path) -> int:
    """In bytes; 0 if there is no such file."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def in_words(error: Exception) -> str:
    """What went wrong with a file, for a line of the log."""
    strerror = getattr(error, "strerror", None)
    return strerror.lower() if isinstance(strerror, str) else str(error)
