"""A command in a terminal, with somebody who reads and types; and a pipe that nobody reads."""

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from testkit import ROOT
from testkit.patience import LIMIT_S

_STEERING = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r")


class Terminal:
    """Eighty columns; what was shown is kept as plain text."""

    def __init__(self, process: subprocess.Popen[bytes], file: int) -> None:
        self.process = process
        self._file = file
        self._shown = b""
        self._read = 0  # characters of the text that were waited for

    @property
    def shown(self) -> str:
        """All that was shown so far."""
        return _STEERING.sub(b"", self._shown).decode(errors="replace")

    def wait_for(self, words: str) -> None:
        """Until these words are shown, after those that were waited for before."""
        until_s = time.monotonic() + LIMIT_S
        while (place := self.shown.find(words, self._read)) < 0:
            left_s = until_s - time.monotonic()
            ready, _, _ = select.select([self._file], [], [], max(0.0, left_s))
            assert ready, f"not shown within {LIMIT_S:g} s: {words}\n{self.shown}"
            assert self._more(), f"it ended without: {words}\n{self.shown}"
        self._read = place + len(words)

    def answer(self, question: str, text: str = "") -> None:
        """Wait for a question, and type the answer and Enter."""
        self.wait_for(question)
        self.type(f"{text}\n")

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._file, text.encode())

    def wait(self) -> int:
        """Until the command ends; its exit code."""
        while self._more():
            pass
        return self.process.wait(LIMIT_S)

    @property
    def echoes(self) -> bool:
        """Whether what is typed is shown."""
        return bool(termios.tcgetattr(self._file)[3] & termios.ECHO)

    def _more(self) -> bool:
        try:
            came = os.read(self._file, 1 << 16)
        except OSError:  # nobody has the other end any more
            came = b""
        self._shown += came
        return bool(came)


@contextmanager
def terminal(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """Run a command in a folder, in a terminal of 80 columns, until the end of the block."""
    file, child = os.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    known = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm"} | dict(environment or {})
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=child,
        stdout=child,
        stderr=child,
        env={name: value for name, value in known.items() if name not in ("COLUMNS", "LINES")},
        start_new_session=True,
        # Without one of its own, a password would be asked for in that of the tests.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(child)
    try:
        yield Terminal(process, file)
    finally:
        process.kill()
        process.wait(LIMIT_S)
        os.close(file)


def leave_no_room(writer: int) -> None:
    """Write until nothing more is taken."""
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"." * 4096)
    os.set_blocking(writer, True)


@contextmanager
def full_pipe() -> Iterator[tuple[int, int]]:
    """A pipe without room: its two ends."""
    reader, writer = os.pipe()
    leave_no_room(writer)
    yield reader, writer
    os.close(reader)
    os.close(writer)
