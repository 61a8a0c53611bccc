"""The process of the page: started, started again if it dies, ended with the watching."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from monitor.listening import authority, listen
from monitor.web.settings import WebSettings

log = logging.getLogger(__name__)

RETRY_MIN_S, RETRY_MAX_S = 1.0, 30.0  # pauses before it is started again
LASTED_S = 60.0  # a process that ran for so long was well
END_S = 5.0  # that it has to end


class WebProcess:
    """Runs `python -m monitor.cli.page`, and hands each new one a link to the feed.

    The process begins at once, and waits for what it is to serve: it takes as long to begin as the
    models do. The address is bound here, so that one that is in use is an error at the start;
    MonitorError.
    """

    def __init__(self, host: str, port: int) -> None:
        self._listening = listen("web", host, port, "--web HOST:PORT names another")
        self._given = threading.Event()  # what it is to serve, or the end
        self._ending = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self._thread.start()

    def serve(self, settings: WebSettings, connect: Callable[[socket.socket], None]) -> None:
        """Serve this; `connect` is given the link to each process that does; to be called once."""
        self._settings = settings
        self._connect = connect
        self._given.set()

    @property
    def url(self) -> str:
        """Where the page is."""
        scheme = "http" if self._settings.certificate is None else "https"
        return f"{scheme}://{authority(*self._listening.getsockname()[:2])}/"

    @property
    def pid(self) -> int | None:
        """Of the process that runs just now."""
        return None if self._process is None else self._process.pid

    def renew(self, settings: WebSettings) -> None:
        """Start the next process with other settings; this one is told of them over its link."""
        self._settings = settings

    def close(self) -> None:
        """End the process; twice is fine."""
        self._ending.set()
        self._given.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
        self._thread.join()
        self._listening.close()

    def _run(self) -> None:
        pause_s = RETRY_MIN_S
        while not self._ending.is_set():
            began_s = time.monotonic()
            code = self._serve()
            if self._ending.is_set():
                return
            lasted = time.monotonic() - began_s >= LASTED_S
            pause_s = RETRY_MIN_S if lasted else pause_s
            log.error(
                "the page's process ended with code %s; it is started again in %g s", code, pause_s
            )
            self._ending.wait(pause_s)
            pause_s = min(2 * pause_s, RETRY_MAX_S)

    def _serve(self) -> int:
        """Run one process to its end."""
        ours, its = socket.socketpair()
        listening = self._listening.fileno()
        command = [sys.executable, "-m", "monitor.cli.page", str(listening), str(its.fileno())]
        with its:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=(listening, its.fileno()),
                process_group=0,  # Ctrl-C in the terminal is not for it, not even as it begins
            )
        self._process = process
        self._given.wait()
        assert process.stdin is not None
        if self._ending.is_set():
            ours.close()
            process.terminate()
        else:
            self._connect(ours)
            with suppress(OSError):  # it died at once
                process.stdin.write(self._settings.model_dump_json().encode())
        with suppress(OSError):
            process.stdin.close()
        while not self._ending.is_set():
            with suppress(subprocess.TimeoutExpired):
                return process.wait(1.0)
        try:
            return process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
