"""Standard error that holds nobody up: what it does not take yet is kept in memory, up to a bound.

Else a terminal that is stopped, or a pipe that nobody reads, would stop every camera.
"""

from __future__ import annotations

import io
import logging
import os
import select
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

log = logging.getLogger(__name__)

QUEUE_LIMIT = 1 << 20  # bytes that may wait: some ten thousand lines
# A terminal is drawn on several times a second; such pictures leave most of the room to lines.
_PICTURES = QUEUE_LIMIT // 8
FLOWING = QUEUE_LIMIT // 2  # that it must have come down to before more is taken
EXIT_S = 1.0  # that it has, at the end, to be written


class Backlog(io.RawIOBase):
    """Takes what is written at once; its own thread writes it to a descriptor, which may block.

    What finds no room is dropped, and how many lines those were is logged when it flows again.
    """

    def __init__(self, file: int) -> None:
        self._file = file
        self._terminal = os.isatty(file)
        self._here = threading.local()  # whether this thread is writing a line
        self._waiting: deque[bytes] = deque()
        self._size = 0  # bytes that wait
        self._dropped = 0  # lines
        self._finished = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def fileno(self) -> int:
        """Where it goes in the end."""
        return self._file

    def isatty(self) -> bool:
        """Whether that is a terminal, which is not closed."""
        return os.isatty(self._file)

    def writable(self) -> bool:
        """Whether it can be written to: always."""
        return True

    @contextmanager
    def line(self) -> Iterator[None]:
        """What this thread writes inside the block is a line, no picture that is soon renewed."""
        self._here.line = True
        try:
            yield
        finally:
            self._here.line = False

    def write(self, data: ReadableBuffer) -> int:
        """Take it, or drop it where there is no room; how much was written, which is all."""
        text = bytes(data)
        line = not self._terminal or getattr(self._here, "line", False)
        with self._changed:
            if self._dropped or self._size + len(text) > (QUEUE_LIMIT if line else _PICTURES):
                self._dropped += line
            else:
                self._waiting.append(text)
                self._size += len(text)
                self._changed.notify_all()
                if self._thread is None and not self._finished:
                    self._thread = threading.Thread(
                        target=self._run, name="standard error", daemon=True
                    )
                    self._thread.start()
        return len(text)

    def finish(self) -> None:
        """Wait until all is written, for a bounded time; twice is fine."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(EXIT_S)

    def _run(self) -> None:
        while (text := self._next()) is not None:
            self._put(text)
            with self._changed:
                self._size -= len(text)
                dropped, flowing = self._dropped, self._size <= FLOWING
                if flowing:
                    self._dropped = 0
            if dropped and flowing:
                log.warning("lines missing here, while nobody read standard error: %d", dropped)

    def _next(self) -> bytes | None:
        """What is to be written next; None if nothing is and nothing will be."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._finished)
            return self._waiting.popleft() if self._waiting else None

    def _put(self, text: bytes) -> None:
        while text:
            try:
                text = text[os.write(self._file, text) :]
            except BlockingIOError:  # set so by another program that has it, too
                select.select((), (self._file,), ())
            except OSError:  # a terminal that was closed: nobody is there to be told
                return


def unblocked(file: int, encoding: str) -> TextIO:
    """A text stream to a descriptor, through a backlog."""
    raw = cast(BinaryIO, Backlog(file))
    return io.TextIOWrapper(raw, encoding, errors="backslashreplace", write_through=True)
