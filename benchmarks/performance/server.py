"""The RTSP server that the benchmark watches: GStreamer's, the one that the tests talk to."""

import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from monitor.errors import MonitorError
from testkit import ROOT

_PYTHON = "/usr/bin/python3"  # Debian's own: the bindings are built for it
_SCRIPT = ROOT / "testkit" / "servers" / "rtsp_server.py"
_START_LIMIT_S = 60.0


@dataclass(frozen=True)
class Server:
    """One that runs; it sends its file as it is, to each client from the first picture."""

    url: str
    pid: int

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition("/")[0].rpartition(":")[2])


@contextmanager
def served(path: Path, codec: str) -> Iterator[Server]:
    """Serve an MP4 file; MonitorError if that cannot be."""
    command = [_PYTHON, str(_SCRIPT), str(path), "--codec", codec]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        ready, _, _ = select.select([process.stdout], [], [], _START_LIMIT_S)
        port = process.stdout.readline().strip() if ready else ""
        if not port.isdecimal():
            raise MonitorError("the RTSP server does not start: see `make test` for its packages")
        yield Server(f"rtsp://127.0.0.1:{port}/cam", process.pid)
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
