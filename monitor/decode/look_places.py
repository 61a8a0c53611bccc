"""Places at the cores for cameras that look, among all processes."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO

# Of the time that the first one has waited: one that has waited for a smaller part of it leaves the
# place to others. To leave it to the first alone would leave cores idle until its next packet.
_FAIR = 0.8
_FIRST = struct.Struct("dd")  # since when the first one has waited, and until when it can look


class LookPlaces:
    """As many as there are cores, for all processes that have inherited one file.

    A place is a lock on one byte of the file, so one that a process held is free when it ends. The
    file also says for how long the first of those has waited that asked in vain, so that all wait
    for about as long. The threads of a process are to ask one after another.
    """

    def __init__(
        self,
        count: int,
        file: int | None = None,  # its descriptor; None: the places are of this process alone
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = file
        self._clock = clock
        self._free = list(range(count))  # of those that no thread of this process holds
        self._first = 0.0, 0.0

    def take(self, since_s: float, ready_s: float) -> int | None:
        """A place for one that has waited since then; None if there is none for it.

        After it has asked it can still look for so long.
        """
        now_s = self._clock()
        first_s, until_s = self._first if self._file is None else _read(self._file)
        if now_s >= until_s:
            first_s = since_s
        if now_s - since_s < _FAIR * (now_s - first_s):
            return None
        for place in self._free:
            if self._lock(place):
                self._free.remove(place)
                if since_s <= first_s:
                    self._note(0.0, 0.0)
                return place
        if since_s <= first_s:
            self._note(since_s, now_s + ready_s)
        return None

    def free(self, place: int) -> None:
        """Leave a place."""
        if self._file is not None:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
        self._free.append(place)

    def _note(self, first_s: float, until_s: float) -> None:
        self._first = first_s, until_s
        if self._file is not None:
            os.pwrite(self._file, _FIRST.pack(first_s, until_s), 0)

    def _lock(self, place: int) -> bool:
        if self._file is None:
            return True
        with suppress(BlockingIOError, PermissionError):  # another process holds it
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            return True
        return False


def places_file() -> IO[bytes]:
    """A file for processes that share places; in memory, because a disk may be full."""
    return os.fdopen(os.memfd_create("look-places"), "w+b")


def _read(file: int) -> tuple[float, float]:
    kept = os.pread(file, _FIRST.size, 0)
    first_s, until_s = _FIRST.unpack(kept) if len(kept) == _FIRST.size else (0.0, 0.0)
    return first_s, until_s
