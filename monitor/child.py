"""A process beside the watching: started, started again if it dies, ended with the watching."""

from __future__ import annotations

import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO

log = logging.getLogger(__name__)

RETRY_MIN_S, RETRY_MAX_S = 1.0, 30.0  # pauses before it is started again
LASTED_S = 60.0  # a process that ran for so long was well
_RELAY_S = 1.0  # that the last lines of a process have; what it started may hold them open
_LINE = re.compile(r"[\d-]+ [\d:,]+ ([A-Z]+) (.*)")  # as start_logging writes it to a file
_PLAIN = {"TTY_COMPATIBLE": "0"}  # no colours, whatever the environment says


class ChildProcess:
    """Runs `python -m MODULE` with descriptors that it inherits, and a link as the last of them.

    The process begins at once, and waits for its settings on its standard input: it takes as long
    to begin as the models do. In a terminal we log what it logs: a table that is drawn there, and
    redrawn, would go over the lines of another process.
    """

    def __init__(
        self,
        module: str,
        what: str,  # in messages
        thread: str,
        end_s: float,  # that it has to end
        inherited: Sequence[socket.socket | IO[bytes]] = (),
        *,
        by_signal: bool = True,  # it is told to end by SIGTERM; else by the end of its link
        # Called when it has died; whether the pause before the next one is the first again.
        on_death: Callable[[], bool] = lambda: False,
    ) -> None:
        self._module = module
        self._what = what
        self._end_s = end_s
        self._by_signal = by_signal
        self._on_death = on_death
        self._inherited = inherited
        self._given = threading.Event()  # what it is to do, or the end
        self._ending = threading.Event()
        self._settings: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name=thread, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Of the process that runs just now."""
        return None if self._process is None else self._process.pid

    def give(self, settings: str, connect: Callable[[socket.socket], None]) -> None:
        """Let it work by these settings; to be called once.

        `connect` is given the link to each process that does.
        """
        self._settings = settings
        self._connect = connect
        self._given.set()

    def change(self, settings: str) -> None:
        """Start the next process with other settings; this one is told of them over its link."""
        self._settings = settings

    def kill(self) -> None:
        """End a process that hangs; the next one is started."""
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the process; twice is fine."""
        self._ending.set()
        self._given.set()
        process = self._process
        if self._by_signal and process is not None and process.poll() is None:
            process.terminate()
        self._thread.join()

    def _run(self) -> None:
        pause_s = RETRY_MIN_S
        while not self._ending.is_set():
            began_s = time.monotonic()
            code = self._serve()
            if self._ending.is_set():
                return
            lasted = time.monotonic() - began_s >= LASTED_S
            pause_s = RETRY_MIN_S if self._on_death() or lasted else pause_s
            log.error(
                "%s ended with code %s; it is started again in %g s", self._what, code, pause_s
            )
            self._ending.wait(pause_s)
            pause_s = min(2 * pause_s, RETRY_MAX_S)

    def _serve(self) -> int:
        """Run one process to its end."""
        ours, its = socket.socketpair()
        descriptors = [*(one.fileno() for one in self._inherited), its.fileno()]
        relayed = sys.stderr.isatty()
        with its:
            process = subprocess.Popen(
                [sys.executable, "-m", self._module, *map(str, descriptors)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE if relayed else None,
                env=os.environ | _PLAIN if relayed else None,
                pass_fds=descriptors,
                process_group=0,  # Ctrl-C in the terminal is not for it, not even as it begins
            )
        self._process = process
        relay = None
        if process.stderr is not None:
            relay = threading.Thread(
                target=_relay,
                args=(process.stderr,),
                name=f"{self._thread.name} lines",
                daemon=True,
            )
            relay.start()
        self._given.wait()
        assert process.stdin is not None
        if self._settings is None or (self._by_signal and self._ending.is_set()):
            ours.close()
            process.terminate()
        else:
            self._connect(ours)
            with suppress(OSError):  # it died at once
                process.stdin.write(self._settings.encode())
        with suppress(OSError):
            process.stdin.close()
        code = self._ended(process)
        if relay is not None:
            relay.join(_RELAY_S)
        return code

    def _ended(self, process: subprocess.Popen[bytes]) -> int:
        while not self._ending.is_set():
            with suppress(subprocess.TimeoutExpired):
                return process.wait(1.0)
        try:
            return process.wait(self._end_s)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _relay(stream: IO[bytes]) -> None:
    """Log what a process says, until it ends; a traceback has the level of its first line."""
    level = logging.ERROR
    with stream:
        for line in stream:
            text = line.decode(errors="replace").rstrip()
            if (found := _LINE.fullmatch(text)) is not None:
                level, text = logging.getLevelNamesMapping().get(found[1], level), found[2]
            log.log(level, "%s", text)
