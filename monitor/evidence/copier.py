"""Copies evidence into object storage, beside everything else: nothing waits for it."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.errors import MonitorError
from monitor.evidence.copied import (
    ENDING,
    Sign,
    event_of,
    is_to_copy,
    read_note,
    sign_of,
    write_note,
)
from monitor.evidence.object_storage import ObjectStorage
from monitor.records import CopyStatus
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

DELAY_S = 1.0  # before the first look: no import is to slow the start of the cameras
POLL_S = 2.0  # between two looks at the newest days
ALL_S = 60.0  # between two looks at all days
SETTLED_S = 20.0  # a clip that has not grown for so long is whole; what grows later is copied anew
PASS_S = 10.0  # after which new pictures come before the clips that still wait
RETRY_MIN_S, RETRY_MAX_S = 1.0, 60.0  # pauses after something was not taken; they double
REQUEST_S = 300.0  # that a part of a large clip may take on a slow line
END_S = 5.0  # that the end has for what is left; the rest is copied after the next start
QUIET_S = 900.0  # a folder in which nothing changed for so long is left alone: no clip grows there
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True)
class _File:
    """A file that is not in object storage yet, or not as it is now."""

    path: Path
    sign: Sign

    @property
    def grows(self) -> bool:
        """Whether it is written in its place; others are there whole, or not at all."""
        return self.path.suffix == ".mp4"

    @property
    def order(self) -> tuple[bool, int]:
        """Pictures first, which others wait for; then the oldest, which is deleted next."""
        return self.grows, self.sign[1]


@dataclass
class _Camera:
    """A day of a camera: a folder in which not all was copied, or it is not sure."""

    notes: dict[str, dict[str, Sign]]  # by event
    waiting: int = 0  # files that are to be copied, now or later


@dataclass
class _Backoff:
    """When something is tried again that failed."""

    pause_s: float = 0.0
    failed_s: float = 0.0  # the clock

    def fail(self, now_s: float = 0.0) -> None:
        """It failed once more."""
        self.pause_s = min(max(RETRY_MIN_S, 2 * self.pause_s), RETRY_MAX_S)
        self.failed_s = now_s


@dataclass
class _Backoffs:
    """Those of storage as a whole, and of single files, so that one stands in no other's way."""

    storage: _Backoff = field(default_factory=_Backoff)
    files: dict[Path, _Backoff] = field(default_factory=dict)


class EvidenceCopier:
    """Copies what lies in the folder of the evidence, on a thread, until `close`.

    There is no queue: what is to be copied is what the notes beside the files do not have, whoever
    wrote the files and whenever. Several may copy the same folder: the names are the same.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        *,
        settled_s: float = SETTLED_S,
        delay_s: float = DELAY_S,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._storage = ObjectStorage(url, REQUEST_S)
        self._settled_s = settled_s
        self._delay_s = delay_s
        self._clock, self._now = clock, now
        self._throttle = LogThrottle(log, clock)
        self._all_s = -ALL_S  # the clock, when all days were looked at
        self._done: dict[Path, int] = {}  # folders of which all is copied, as of their last change
        self._cameras: dict[Path, _Camera] = {}  # the other folders
        self._backoffs = _Backoffs()
        self._status = CopyStatus(0, 0, 0)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="copy evidence", daemon=True)

    @property
    def status(self) -> CopyStatus:
        """How it does."""
        return self._status

    def start(self) -> None:
        """Begin to copy."""
        self._thread.start()

    def close(self) -> None:
        """End, after a last try of what waits; twice is fine."""
        if self._ending.is_set() or self._thread.ident is None:
            return
        self._ending.set()
        self._thread.join(END_S)  # a request that hangs is left to itself
        if left := self._status.waiting:
            what = "1 file is" if left == 1 else f"{left} files are"
            text = f"evidence {self._folder}: {what} not copied yet; it goes on at the next start"
            log.warning("%s", text)

    def step(self) -> float:
        """Copy what there is to copy now; the seconds until there may be more."""
        until_s = self._clock() + PASS_S
        storage, failed = self._backoffs.storage, 0
        for one in self._look(self._settled_s):
            if self._ending.is_set() or self._clock() >= until_s:
                return 0.0
            failed = 0 if self._copy(one) else failed + 1
            if failed == 2:  # it is not for the one file
                storage.fail()
                return storage.pause_s
        storage.pause_s = 0.0
        return POLL_S

    def _run(self) -> None:
        pause_s = self._delay_s
        greeted = False
        while not self._ending.wait(pause_s):
            if not greeted:
                greeted = True
                self._greet()
            try:
                pause_s = self.step()
            except Exception as error:
                pause_s = RETRY_MAX_S
                self._say_why(error)
        try:
            self._finish(self._clock() + END_S)
        except Exception as error:
            self._say_why(error)

    def _greet(self) -> None:
        """Say at once that storage does not answer, or that the keys are wrong."""
        try:
            self._storage.list("")
        except MonitorError as error:
            self._say_failed(error)

    def _finish(self, end_s: float) -> None:
        """Copy what is left, as long as that goes well: nothing grows any more."""
        self._all_s = -ALL_S
        for one in self._look(0.0):
            if self._clock() >= end_s or not self._copy(one):
                break

    def _copy(self, one: _File) -> bool:
        """Copy a file, and note that; whether that went well, or is needed no more."""
        id, camera = event_of(one.path.name), self._cameras[one.path.parent]
        note = camera.notes.get(id, {}) | {one.path.name: one.sign}
        try:
            self._storage.put(one.path, one.path.relative_to(self._folder).as_posix())
            write_note(one.path.with_name(id + ENDING), note)
        except MonitorError as error:
            if not one.path.exists():  # deleted meanwhile
                self._backoffs.files.pop(one.path, None)
                return True
            self._backoffs.files.setdefault(one.path, _Backoff()).fail(self._clock())
            self._status = self._status._replace(failed=self._status.failed + 1)
            self._say_failed(error)
            return False
        if self._backoffs.files.pop(one.path, None) is not None:
            text = f"evidence is copied to {self._storage} again"
            self._throttle.log(logging.INFO, "again", text)
        camera.notes[id] = note
        camera.waiting -= 1
        self._status = self._status._replace(copied=self._status.copied + 1)
        self._count()
        return True

    def _look(self, settled_s: float) -> list[_File]:
        """What is to be copied now, in this order."""
        now_s = self._clock()
        every = now_s - self._all_s >= ALL_S
        if every:
            self._all_s = now_s
        found = [one for camera in self._folders(every) for one in self._look_at(camera, settled_s)]
        self._count()
        backoffs = self._backoffs.files
        due = (one for one in found if one.path not in backoffs or self._is_due(one.path))
        return sorted(due, key=lambda one: (one.path in backoffs, one.order))

    def _is_due(self, path: Path) -> bool:
        file = self._backoffs.files[path]
        return self._ending.is_set() or self._clock() - file.failed_s >= file.pause_s

    def _folders(self, every: bool) -> Iterator[Path]:
        """The folders DATE/CAMERA of all days, or of the newest ones."""
        today = datetime.fromtimestamp(self._now(), UTC)
        oldest = f"{today - timedelta(days=1):%Y-%m-%d}"
        try:
            days = sorted(name for name in os.listdir(self._folder) if _DAY.fullmatch(name))
        except FileNotFoundError:  # nothing was kept yet
            days = []
        if every:  # what was deleted is forgotten
            self._done = {one: at for one, at in self._done.items() if one.parent.name in days}
            self._cameras = {
                one: camera for one, camera in self._cameras.items() if one.parent.name in days
            }
        for day in days:
            if every or day >= oldest:
                try:
                    with os.scandir(self._folder / day) as found:
                        yield from [Path(one.path) for one in found if one.is_dir()]
                except FileNotFoundError:  # retention was faster
                    continue

    def _look_at(self, folder: Path, settled_s: float) -> list[_File]:
        """What of a day of a camera is to be copied now."""
        now_ns = int(self._now() * 1e9)
        try:
            changed_ns = folder.stat().st_mtime_ns
            if self._done.get(folder) == changed_ns:
                return []
            camera = self._cameras.get(folder) or _Camera(_notes(folder))
            with os.scandir(folder) as entries:
                files = [
                    _File(Path(one.path), sign_of(one.stat()))
                    for one in entries
                    if is_to_copy(one.name)
                ]
        except FileNotFoundError:  # deleted, or a file of it just now
            self._cameras.pop(folder, None)
            return []
        waiting = [
            one
            for one in files
            if camera.notes.get(event_of(one.path.name), {}).get(one.path.name) != one.sign
        ]
        camera.waiting = len(waiting)
        newest_ns = max((changed_ns, *(one.sign[1] for one in files)))
        if not waiting and now_ns - newest_ns > QUIET_S * 1e9:
            self._done[folder] = changed_ns
            self._cameras.pop(folder, None)
        else:
            self._cameras[folder] = camera
        settled_ns = settled_s * 1e9
        return [one for one in waiting if not one.grows or abs(now_ns - one.sign[1]) >= settled_ns]

    def _count(self) -> None:
        waiting = sum(camera.waiting for camera in self._cameras.values())
        self._status = self._status._replace(waiting=waiting)

    def _say_failed(self, error: MonitorError) -> None:
        text = f"evidence is not copied, and stays in {self._folder} until it is: {error}"
        self._throttle.log(logging.WARNING, "copy", text)

    def _say_why(self, error: Exception) -> None:
        """Of the folder, which cannot be read; or a fault of the program, which ends nothing."""
        text = f"evidence {self._folder}: is not copied"
        if isinstance(error, OSError):
            self._throttle.log(logging.WARNING, "look", f"{text}: {error.strerror or error}")
        elif (told := self._throttle.due("fault", text)) is not None:
            log.exception("%s", told)


def _notes(folder: Path) -> dict[str, dict[str, Sign]]:
    """What was copied of each event of a folder."""
    return {event_of(path.name): read_note(path) for path in folder.glob(f"*{ENDING}")}
