"""A target that posts JSON, signed, to an address."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from urllib.parse import urlsplit

from monitor.config.notifications import WebhookOptions
from monitor.notify.inner import resolved
from monitor.notify.message import payload
from monitor.notify.notification import Notification, TargetError
from monitor.notify.stateless import Stateless

# What a server says that it may not say the next time.
_PASSING = (
    http.HTTPStatus.REQUEST_TIMEOUT,
    http.HTTPStatus.TOO_EARLY,
    http.HTTPStatus.TOO_MANY_REQUESTS,
)
_TIMED_OUT = "timed out"


class WebhookTarget(Stateless):
    """Posts each notification on a connection of its own; any answer of 2xx confirms it.

    The name is looked up once for each message, and only the addresses that it stood for then, and
    that are allowed, are connected to. No proxy is used, and no redirect followed.
    """

    def __init__(
        self, options: WebhookOptions, site: str, now: Callable[[], float] = time.time
    ) -> None:
        self._options = options
        self._site = site
        self._now = now
        parts = urlsplit(options.url.get_secret_value())
        assert parts.hostname is not None  # see monitor.config.notifications
        self._host, self._is_tls = parts.hostname, parts.scheme == "https"
        self._port = parts.port or (443 if self._is_tls else 80)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._named = options.where

    def send(self, notification: Notification) -> None:
        """Post it; TargetError."""
        content = json.dumps(payload(notification, self._site)).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "har-monitor",
            "X-Har-Id": notification.id,
            **self._signature(content),
        }
        deadline_s = time.monotonic() + self._options.timeout_s
        with self._connected(deadline_s) as plain:
            try:
                with _cut_off(plain, deadline_s):
                    status = self._post(plain, content, headers)
            except (OSError, ValueError, http.client.HTTPException) as error:
                why = _TIMED_OUT if time.monotonic() >= deadline_s else _words(error)
                raise TargetError(f"{self._named}: {why}") from None
        if time.monotonic() >= deadline_s:  # perhaps it was cut off within its answer
            raise TargetError(f"{self._named}: {_TIMED_OUT}")
        if 200 <= status < 300:
            return
        final = 400 <= status < 500 and status not in _PASSING
        # Not in the server's own words, which may quote the path, and so a token.
        words = http.client.responses.get(status, "")
        raise TargetError(f"{self._named}: answered {status} {words}".rstrip(), final=final)

    def _signature(self, content: bytes) -> dict[str, str]:
        if self._options.secret is None:
            return {}
        stamp = str(int(self._now()))
        secret = self._options.secret.get_secret_value().encode()
        signed = hmac.new(secret, f"{stamp}.".encode() + content, hashlib.sha256)
        return {"X-Har-Timestamp": stamp, "X-Har-Signature": f"sha256={signed.hexdigest()}"}

    def _connected(self, deadline_s: float) -> socket.socket:
        """A connection to the first address that takes one; they share the time."""
        private = self._options.allow_private
        why = _TIMED_OUT
        addresses = resolved(self._host, self._port, allow_private=private)
        for place, address in enumerate(addresses):
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                break
            share_s = left_s / (len(addresses) - place)
            try:
                plain = socket.create_connection((address, self._port), share_s)
            except OSError as error:
                why = _words(error)
            else:
                plain.settimeout(max(0.001, deadline_s - time.monotonic()))
                return plain
        raise TargetError(f"{self._named}: {why}")

    def _post(self, plain: socket.socket, content: bytes, headers: dict[str, str]) -> int:
        """The status of the answer."""
        connection = http.client.HTTPConnection(self._host, self._port)
        connection.sock = self._secured(plain)
        with closing(connection):
            connection.request("POST", self._path, content, headers)
            with connection.getresponse() as answer:
                return answer.status

    def _secured(self, plain: socket.socket) -> socket.socket:
        if not self._is_tls:
            return plain
        context = ssl.create_default_context(cafile=self._options.ca_file)
        return context.wrap_socket(plain, server_hostname=self._host)


@contextmanager
def _cut_off(plain: socket.socket, deadline_s: float) -> Iterator[None]:
    """Inside the block the connection breaks at a deadline, though byte after byte may come."""
    with plain.dup() as same:  # TLS takes the other one over
        left_s = max(0.0, deadline_s - time.monotonic())
        late = threading.Timer(left_s, _break, (same,))
        late.daemon = True
        late.start()
        try:
            yield
        finally:
            late.cancel()
            late.join()


def _break(plain: socket.socket) -> None:
    with suppress(OSError):  # the other side was faster
        plain.shutdown(socket.SHUT_RDWR)


def _words(error: Exception) -> str:
    """What went wrong, in a line; what the other side said is not quoted."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message.lower()}"
    if isinstance(error, http.client.HTTPException):
        return f"no answer of HTTP ({type(error).__name__})"
    if isinstance(error, OSError):
        return (error.strerror or str(error) or type(error).__name__).lower()
    return type(error).__name__
