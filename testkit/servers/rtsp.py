"""Starts and ends the RTSP server of `rtsp_server.py`."""

import os
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import pytest

from testkit.patience import LIMIT_S

PYTHON = "/usr/bin/python3"  # Debian's own: the bindings are built for it
PACKAGES = (
    "gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good "
    "gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly glib-networking"
)
_MODULES = 'import gi; gi.require_version("GstRtspServer", "1.0")'
_missing: bool | None = None


@dataclass(frozen=True)
class RtspServer:
    """A running server: its stream, and a way to freeze it."""

    base: str  # rtsp://host:port, without credentials
    url: str  # of the stream, with its credentials
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.base.rpartition(":")[2])

    def freeze(self) -> None:
        """Stop it in its tracks; its connections stay open."""
        self.process.send_signal(signal.SIGSTOP)


def require_rtsp_server() -> None:
    """Skip the test where the server's packages are missing; fail it in CI."""
    global _missing
    if _missing is None:
        try:
            done = subprocess.run([PYTHON, "-c", _MODULES], capture_output=True, timeout=60)
            _missing = done.returncode != 0
        except FileNotFoundError:
            _missing = True
    if _missing:
        reason = f"no RTSP server: apt-get install {PACKAGES} (make test does)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@contextmanager
def rtsp_server(
    path: Path,
    *,
    codec: str = "h264",
    user: str | None = None,
    password: str = "",
    digest: bool = False,
    only: Literal["UDP", "TCP"] | None = None,
    tls: tuple[Path, Path] | None = None,
    sound: bool = False,
) -> Iterator[RtspServer]:
    """Serve `path`, an mp4, over RTSP in real time, each client from its first frame.

    `only` is the one transport that it has; `tls`, a certificate and its key, makes it rtsps; with
    `sound` there is a tone beside the video.
    """
    require_rtsp_server()
    command = [PYTHON, str(Path(__file__).with_name("rtsp_server.py")), str(path)]
    command += ["--codec", codec]
    if user is not None:
        command += ["--user", user, "--password", password]
    if digest:
        command.append("--digest")
    if only is not None:
        command += ["--only", only]
    if sound:
        command.append("--sound")
    if tls is not None:
        command += ["--tls", *map(str, tls)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        host = f"127.0.0.1:{_port(process)}"
        scheme = "rtsp" if tls is None else "rtsps"
        userinfo = "" if user is None else f"{quote(user, '')}:{quote(password, '')}@"
        yield RtspServer(f"{scheme}://{host}", f"{scheme}://{userinfo}{host}/cam", process)
    finally:
        process.kill()  # ends a frozen one too
        process.wait(LIMIT_S)
        assert process.stdout is not None
        process.stdout.close()


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], LIMIT_S)
    line = process.stdout.readline() if ready else ""
    if not line.strip().isdecimal():
        raise RuntimeError(f"the RTSP server did not start within {LIMIT_S:g} s")
    return int(line)
