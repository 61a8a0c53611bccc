"""Stands between FFmpeg and a camera whose RTSP it cannot speak: on the loopback, for one session.

FFmpeg answers no digest but MD5, and follows redirects of an HTTP tunnel. A relay takes FFmpeg's
requests, says the password to the camera in the way it asks for it, and passes on what comes.
"""

from __future__ import annotations

import re
import secrets
import select
import socket
import threading
import time
from contextlib import suppress
from typing import Protocol
from urllib.parse import SplitResult

from monitor.sources.authentication import Challenge, Login, challenges, chosen
from monitor.sources.connection import UnfitError, connect, received
from monitor.sources.source import SourceSettings

_READ_BYTES = 1 << 16
_MOST_BYTES = 1 << 20  # of a message that is no packet
_FIRST_S = 2.0  # for the first request of who connects
_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*([0-9]{1,9})")
_ASKS = re.compile(rb"(?im)^www-authenticate:[ \t]*(.*?)\r?\n")
_UDP = re.compile(rb"(?im)^(transport:(?!.*source=).*;server_port=[^\r\n]*)")


class Camera(Protocol):
    """A connection to a camera."""

    @property
    def host(self) -> str:
        """The camera's address."""

    def fileno(self) -> int:
        """What tells that something has come."""

    def read(self) -> bytes:
        """All that has come; nothing if the camera hung up."""

    def send(self, message: bytes) -> None:
        """Send a whole message."""

    def close(self) -> None:
        """Hang up."""


class Direct:
    """A camera's RTSP at its own port."""

    def __init__(self, url: SplitResult, settings: SourceSettings, deadline_s: float) -> None:
        self._limit_s = settings.read_timeout_s
        self._connection = connect(url, settings.ca_file, max(0.001, deadline_s - time.monotonic()))
        self._connection.settimeout(self._limit_s)
        self.host = str(self._connection.getpeername()[0])

    def fileno(self) -> int:
        """What tells that something has come."""
        return self._connection.fileno()

    def read(self) -> bytes:
        """All that has come; nothing if the camera hung up."""
        return received(self._connection, self._connection.recv)

    def send(self, message: bytes) -> None:
        """Send a whole message."""
        self._connection.sendall(message)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Relay:
    """A server for FFmpeg alone, at `target`, which knows nothing of the camera's password."""

    def __init__(self, url: SplitResult, camera: Camera) -> None:
        self._camera = camera
        self._login = Login.of(url)
        self._challenge: Challenge | None = None
        self._accepted = False  # whether the camera took an answer
        self._request = b""  # the last one, without a password
        self._tries = 0  # how often it was sent
        self._requests = bytearray()  # what is there of the next ones
        self.fault: UnfitError | None = None  # what FFmpeg cannot be told
        self._listener = socket.create_server(("127.0.0.1", 0))
        # Nobody else on this machine can guess it, and so look at the camera.
        self._own = f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/{secrets.token_hex(16)}"
        host = url.netloc.rpartition("@")[2]
        self._base = f"{url.scheme}://{host}"  # of the URLs that the camera is asked for
        self.target = self._own + url.geturl().partition(url.netloc)[2]
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="relay")
        self._thread.start()

    def close(self) -> None:
        """Hang up, on both sides."""
        self._stop.close()
        self._thread.join()  # ends within the limit of a camera's read

    def _run(self) -> None:
        try:
            with self._listener:
                client = self._accept()
            if client is not None:
                with client:
                    self._pass_on(client)
        except OSError:
            pass  # FFmpeg sees that it was hung up
        finally:
            self._camera.close()
            self._stopped.close()

    def _accept(self) -> socket.socket | None:
        """FFmpeg's connection; its first request was passed on. None if it is too late."""
        while True:
            ready, _, _ = select.select([self._listener, self._stopped], [], [])
            if self._stopped in ready:
                return None
            client, _ = self._listener.accept()
            client.settimeout(_FIRST_S)
            with suppress(TimeoutError):
                self._requests = bytearray(client.recv(_READ_BYTES))
            if self._own.encode() in self._requests:
                client.settimeout(None)
                self._take_requests()
                return client
            client.close()

    def _pass_on(self, client: socket.socket) -> None:
        answers = bytearray()
        ends: list[socket.socket | Camera] = [client, self._camera, self._stopped]
        while True:
            ready, _, _ = select.select(ends, [], [])
            if self._stopped in ready:
                return
            if client in ready:
                if not (came := client.recv(_READ_BYTES)):
                    return
                self._requests += came
                self._take_requests()
            if self._camera in ready:
                if not (came := self._camera.read()):
                    return
                answers += came
                client.sendall(b"".join(map(self._answer, _messages(answers))))

    def _take_requests(self) -> None:
        for message in _messages(self._requests):
            if message.startswith(b"$"):
                self._camera.send(message)
            else:
                self._request = message.replace(self._own.encode(), self._base.encode(), 1)
                self._tries = 0
                self._send()

    def _send(self) -> None:
        """Send the request, with the answer to what the camera asked last."""
        self._tries += 1
        if self._login is None or self._challenge is None:
            self._camera.send(self._request)
            return
        first, end, rest = self._request.partition(b"\r\n")
        method, uri, _ = first.decode().split(" ", 2)
        answer = self._login.answer(self._challenge, method, uri)
        self._camera.send(b"%s%sAuthorization: %s\r\n%s" % (first, end, answer.encode(), rest))

    def _answer(self, message: bytes) -> bytes:
        """What FFmpeg is given of an answer; nothing if the request is sent once more."""
        if message.startswith(b"$"):
            return message
        if message.split(b" ", 2)[1:2] == [b"401"]:
            if not self._may_log_in(message):
                return _ASKS.sub(b"", message)  # for FFmpeg would ask once more
            self._send()
            return b""
        self._accepted = self._challenge is not None
        # Else FFmpeg would send its reports, which keep a firewall open, to the relay's side.
        return _UDP.sub(rb"\1;source=" + self._camera.host.encode(), message)

    def _may_log_in(self, message: bytes) -> bool:
        """Whether a camera that asks for a password is to be told it, and how.

        Once, for it may lock out who insists; and again where it took the password before, and now
        wants a newer answer.
        """
        offered = challenges(line.decode("utf-8", "replace") for line in _ASKS.findall(message))
        if not offered or self._tries > 1 or not (self._accepted or self._challenge is None):
            return False
        try:
            self._challenge = chosen(offered)
        except UnfitError as error:
            self.fault = error
            return False
        return self._login is not None


def _messages(came: bytearray) -> list[bytes]:
    """The whole messages and packets of what came, which is left with the rest."""
    found, at = [], 0
    while (size := _size(came, at)) is not None:
        found.append(bytes(came[at : at + size]))
        at += size
    del came[:at]
    return found


def _size(came: bytearray, at: int) -> int | None:
    """The size of what begins there; None if it has not come as a whole."""
    size = None
    if came[at : at + 1] == b"$":
        if len(came) >= at + 4:
            size = 4 + int.from_bytes(came[at + 2 : at + 4])
    elif (end := _END.search(came, at)) is not None:
        length = _LENGTH.search(came, at, end.start())
        size = end.end() - at + (int(length[1]) if length else 0)
    if size is not None and at + size <= len(came):
        return size
    if len(came) - at > _MOST_BYTES:
        raise OSError("an endless message")
    return None
