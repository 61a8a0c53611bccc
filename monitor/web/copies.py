"""Small H.264 copies of clips for browsers that cannot play these, made when they are asked for."""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from fastapi import HTTPException

from monitor.evidence.copy_process import COMMAND, UNFIT
from monitor.evidence.folder import EventFiles
from monitor.evidence.retention import lack_of_room

AGAIN_S = 2  # until a browser asks again
END_S = 2.0  # that a process has to take its unfinished file away
OLDER_S = 1.0  # a copy that is so much older than its clip lacks the clip's end
GROWS_S = 20.0  # a clip that was written so recently may still grow: its copy stays, meanwhile


@dataclass(frozen=True)
class _Job:
    """A copy that is being made, or was."""

    copy: Path
    process: subprocess.Popen[str]


class Copies:
    """Makes one copy at a time, each in a process of its own; nobody waits for one."""

    def __init__(self, min_free_gib: float = 0.0) -> None:
        self._min_free_gib = min_free_gib
        self._lock = threading.Lock()
        self._job: _Job | None = None

    def ensure(self, files: EventFiles) -> None:
        """Let the copy of an event's clip be there.

        HTTPException if it is not yet: 404 without a clip; 503 with Retry-After while it is being
        made, which begins now, or while another is; 422 if none can be made of the clip; 507 or 500
        if none can be written.
        """
        with self._lock:
            if self._job is not None and self._job.process.poll() is not None:
                job, self._job = self._job, None
                why = _why_failed(job.process)  # of another copy: it is tried again
                if why is not None and job.copy == files.copy:
                    raise why
            if _is_fresh(files):
                return
            if not files.clip.is_file():
                raise HTTPException(404, "the event has no clip")
            if self._job is None:
                self._job = self._begin(files)
            whose = "the" if self._job.copy == files.copy else "another"
            again = {"Retry-After": str(AGAIN_S), "Refresh": str(AGAIN_S)}  # without script, too
            text = f"{whose} copy is being made; try again in {AGAIN_S} s"
            raise HTTPException(503, text, again)

    def give_up(self, files: EventFiles) -> None:
        """End the copy of an event's clip, if it is being made: the clip is to go."""
        with self._lock:
            if self._job is not None and self._job.copy == files.copy:
                self._end()

    def close(self) -> None:
        """End what is being made; twice is fine."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        job, self._job = self._job, None
        if job is None:
            return
        job.process.terminate()
        try:
            job.process.communicate(timeout=END_S)
        except subprocess.TimeoutExpired:
            job.process.kill()
            job.process.communicate()

    def _begin(self, files: EventFiles) -> _Job:
        command = [*COMMAND, str(files.clip), str(files.copy)]
        pipe = subprocess.PIPE
        try:
            if (why := lack_of_room(files.clip.parent, self._min_free_gib)) is not None:
                raise _failure(507, why)
            process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        except OSError as error:
            raise _failure(500, str(error.strerror)) from None
        return _Job(files.copy, process)


def _is_fresh(files: EventFiles) -> bool:
    try:
        copied_s, changed_s = files.copy.stat().st_mtime, files.clip.stat().st_mtime
    except OSError:
        return False
    return changed_s - copied_s < OLDER_S or time.time() - changed_s < GROWS_S


def _why_failed(process: subprocess.Popen[str]) -> HTTPException | None:
    """What a process that has ended says; None if it made its copy."""
    said, code = process.communicate()[0].strip(), process.returncode
    if not code:
        return None
    return _failure(422 if code == UNFIT else 500, said or f"its process ended with {code}")


def _failure(code: int, why: str) -> HTTPException:
    return HTTPException(code, f"no copy can be made: {why}")
