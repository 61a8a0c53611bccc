"""Places at the cores for cameras that look, among all processes."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO

# Of the last that took a place: one that has waited for a smaller part of its time leaves the place
# to others. A second later it may have waited for a second less.
_FAIR = 0.75
_LEAVES_S = 2.0  # so long at most: the last one may have waited for a key frame, not for a place
_LAST = struct.Struct("dd")  # how long the last one waited, and when it took its place


class LookPlaces:
    """As many as there are cores, for all processes that have inherited one file.

    A place is a lock on one byte of the file, so one that a process held is free when it ends. The
    file also says how long the last one had waited, so that all wait for about as long. The threads
    of a process are to ask one after another.
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
        self._last = 0.0, 0.0

    def take(self, waited_s: float) -> int | None:
        """A place for one that has waited for so long; None if there is none for it."""
        now_s = self._clock()
        last_s, at_s = self._last if self._file is None else _read(self._file)
        passed_s = now_s - at_s
        if passed_s < _LEAVES_S and waited_s < _FAIR * last_s - passed_s:
            return None
        for place in self._free:
            if self._lock(place):
                self._free.remove(place)
                self._last = waited_s, now_s
                if self._file is not None:
                    os.pwrite(self._file, _LAST.pack(*self._last), 0)
                return place
        return None

    def free(self, place: int) -> None:
        """Leave a place."""
        if self._file is not None:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
        self._free.append(place)

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
    kept = os.pread(file, _LAST.size, 0)
    waited_s, at_s = _LAST.unpack(kept) if len(kept) == _LAST.size else (0.0, 0.0)
    return waited_s, at_s
