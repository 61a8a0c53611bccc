"""Connections that carry RTSP: a camera's own port here, HTTP in `rtsp_tunnel`."""

from __future__ import annotations

import socket
import time
from typing import Protocol
from urllib.parse import SplitResult

from monitor.sources.connection import connect, received
from monitor.sources.source import SourceSettings


class Camera(Protocol):
    """A connection to a camera. Its errors are OSErrors."""

    @property
    def host(self) -> str:
        """The camera's address."""

    def limit(self, seconds: float) -> None:
        """How long it may wait, from now on, each time that it reads or sends."""

    def fileno(self) -> int:
        """What tells that something has come."""

    def read(self) -> bytes:
        """All that has come, at least one byte; nothing if the camera hung up."""

    def send(self, message: bytes) -> None:
        """Send a whole message."""

    def close(self) -> None:
        """Hang up."""


class Direct:
    """A camera's RTSP at its own port."""

    def __init__(self, url: SplitResult, settings: SourceSettings, deadline_s: float) -> None:
        self._connection = connect(url, settings.ca_file, max(0.001, deadline_s - time.monotonic()))
        # What is said to keep a session must not wait for what was said before.
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host = str(self._connection.getpeername()[0])

    def limit(self, seconds: float) -> None:
        """How long it may wait, from now on, each time that it reads or sends."""
        self._connection.settimeout(seconds)

    def fileno(self) -> int:
        """What tells that something has come."""
        return self._connection.fileno()

    def read(self) -> bytes:
        """All that has come, at least one byte; nothing if the camera hung up."""
        return received(self._connection, self._connection.recv)

    def send(self, message: bytes) -> None:
        """Send a whole message."""
        self._connection.sendall(message)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
