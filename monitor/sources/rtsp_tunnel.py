"""RTSP through HTTP, for firewalls that let nothing else pass: a GET answers what a POST asks."""

import secrets
import socket
import time
from base64 import b64encode
from http.client import HTTPException
from urllib.parse import SplitResult

from monitor.sources.connection import connect, received
from monitor.sources.http_get import Asking
from monitor.sources.source import SourceSettings

_POST_BYTES = 32767  # of requests, as all who speak it say; then comes another POST


class Tunnel:
    """A camera's RTSP at its HTTP port."""

    def __init__(self, url: SplitResult, settings: SourceSettings, deadline_s: float) -> None:
        url = url._replace(scheme="https" if url.scheme == "rtsps" else "http")
        self._url = url
        self._settings = settings
        self._limit_s = settings.read_timeout_s
        self._cookie = f"x-sessioncookie: {secrets.token_hex(8)}"
        self._asking = Asking(url, settings)
        self._post: socket.socket | None = None
        self._left = 0  # bytes of it
        try:
            self._answers = self._asking.get(
                deadline_s,
                self._cookie,
                "Accept: application/x-rtsp-tunnelled",
                "Pragma: no-cache",
                "Cache-Control: no-cache",
            )
            self._open_post(deadline_s - time.monotonic())
        except BaseException:
            self.close()
            raise
        assert self._asking.wire is not None
        self._wire = self._asking.wire
        self.host = str(self._wire.connection.getpeername()[0])

    def limit(self, seconds: float) -> None:
        """How long it may wait, from now on, each time that it reads or sends."""
        self._limit_s = seconds
        assert self._post is not None
        self._post.settimeout(seconds)

    def fileno(self) -> int:
        """What tells that something has come."""
        return self._wire.fileno()

    def read(self) -> bytes:
        """All that has come, at least one byte; nothing if the camera hung up."""
        self._wire.deadline_s = time.monotonic() + self._limit_s
        try:
            return received(self._wire.connection, self._answers.read1)
        except HTTPException:
            return b""

    def send(self, message: bytes) -> None:
        """Send a whole message."""
        text = b64encode(message)
        if len(text) > self._left:
            self._open_post(self._limit_s)
        assert self._post is not None
        self._post.sendall(text)
        self._left -= len(text)

    def close(self) -> None:
        """Hang up."""
        self._asking.close()
        if self._post is not None:
            self._post.close()

    def _open_post(self, limit_s: float) -> None:
        if self._post is not None:
            self._post.close()
        self._post = connect(self._url, self._settings.ca_file, max(0.001, limit_s))
        request = self._asking.request(
            "POST",
            self._cookie,
            "Content-Type: application/x-rtsp-tunnelled",
            "Pragma: no-cache",
            "Cache-Control: no-cache",
            f"Content-Length: {_POST_BYTES}",
            "Expires: Sun, 9 Jan 1972 00:00:00 GMT",
        )
        self._post.sendall(request)
        self._left = _POST_BYTES
