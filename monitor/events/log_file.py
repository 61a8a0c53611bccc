"""A file of lines that others may read, move and delete while it grows; or a pipe, or a device."""

import fcntl
import logging
import os
import select
import stat
import sys
from pathlib import Path

from monitor.paths import STDOUT

log = logging.getLogger(__name__)


class LogFile:
    """Appends whole lines to a file, or to standard output for the path `-`.

    A line goes to the system in one write, so that a killed process leaves whole lines. A file that
    would grow over `max_bytes` is rotated first: PATH becomes PATH.1, that PATH.2, up to `keep`. A
    file that somebody else moved or deleted is made anew. It is locked: two writers would rotate it
    twice, and take each other's open activities for orphans. OSError if anything fails.
    """

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._closed = False
        self._torn = self._rest = b""  # a line of which a part was written, and what is left of it
        self._file, self._regular, self._identity = self._open()

    @property
    def regular(self) -> bool:
        """Whether it is a file, and no pipe or device: one that can be read again."""
        return self._regular

    def append(self, line: bytes) -> None:
        """Write a line, which ends with its newline; OSError if not all of it could be written.

        It never waits. A line that failed must be the next that is given.
        """
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
        if self._rest:
            self._push(self._rest)
            if line == self._torn:
                return
        self._torn = line
        self._push(line)

    def _push(self, data: bytes) -> None:
        """Write to what is no file of ours; of a part, which stays, the rest is left for later.

        A pipe with room has some for PIPE_BUF, 4 KiB, and takes a line whole; a full disk behind
        standard output may not, nor a terminal.
        """
        # A pipe that nobody reads would hold up the worker, and every camera with it.
        waiting = select.poll()
        waiting.register(self._file, select.POLLOUT)
        if not waiting.poll(0):
            raise OSError("nobody reads it")
        taken = os.write(self._file, data)
        if taken == len(data):
            self._rest = b""
            return
        if not self._take_back(taken):
            self._rest = data[taken:]
        raise OSError("no room for a whole line")

    def _take_back(self, count: int) -> bool:
        """Cut what was just written off the end of a file; whether it is one, and there it is."""
        found = os.fstat(self._file)
        if not stat.S_ISREG(found.st_mode):
            return False
        end = os.lseek(self._file, 0, os.SEEK_CUR)  # also of a file that is only appended to
        if end != found.st_size:  # somebody else writes to it
            return False
        os.ftruncate(self._file, end - count)
        os.lseek(self._file, end - count, os.SEEK_SET)
        return True

    def close(self) -> None:
        """Close it; twice is fine."""
        if not self._closed and self.path != STDOUT:
            os.close(self._file)
        self._closed = True

    def _open(self) -> tuple[int, bool, tuple[int, int]]:
        """The descriptor, whether it is a regular file, and which one."""
        if self.path == STDOUT:
            if sys.stdout is None:
                raise OSError("it is closed")
            return sys.stdout.fileno(), False, (0, 0)
        # Who does what and when is nobody else's business: for its owner only.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        file = os.open(self.path, flags, 0o600)
        found = os.fstat(file)
        regular = stat.S_ISREG(found.st_mode)
        try:
            if regular:
                _lock(file)
                if found.st_size and os.pread(file, 1, found.st_size - 1) != b"\n":
                    log.warning("%s: its last line is not whole; going on in a new line", self.path)
                    os.write(file, b"\n")
        except OSError:
            os.close(file)
            raise
        return file, regular, (found.st_dev, found.st_ino)

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
                newer = self.path if number == 1 else rotated(self.path, number - 1)
                if newer.exists():
                    os.replace(newer, rotated(self.path, number))
        except OSError as error:
            log.warning("%s: cannot be rotated: %s; it grows on", self.path, error.strerror)
            self._max_bytes = sys.maxsize
            return
        self._reopen()

    def _reopen(self) -> None:
        former = self._file
        self._file, self._regular, self._identity = self._open()
        os.close(former)


def rotated(path: Path, number: int) -> Path:
    """Where a log goes when it is rotated for the nth time."""
    return path.with_name(f"{path.name}.{number}")


def _lock(file: int) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OSError("another har-monitor writes to it; give each its own log") from None
    except OSError as error:  # a file system that knows no locks
        log.info("no lock: %s", error.strerror)
