"""The address at which the metrics are: a small HTTP server, for one path."""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from monitor import __version__
from monitor.listening import LOCAL_ADDRESSES, authority, listen

log = logging.getLogger(__name__)

PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REQUEST_S = 5.0  # that a client has, to ask and to read
MOST_REQUESTS = 8  # at a time; further connections are closed at once


class Endpoint:
    """Listens at once, so that an address in use is an error at the start; MonitorError."""

    def __init__(self, host: str, port: int) -> None:
        self._listening = listen("metrics", host, port, "metrics.port names another")
        self._open = host not in LOCAL_ADDRESSES
        self._serving: tuple[_Server, threading.Thread] | None = None

    @property
    def url(self) -> str:
        """Where the metrics are."""
        return metrics_url(*self._listening.getsockname()[:2])

    def serve(self, text: Callable[[], bytes]) -> None:
        """Answer each request with the text that this gives."""
        log.info("metrics are at %s", self.url)
        if self._open:
            log.warning("%s has no password: whoever reaches it can read the metrics", self.url)
        server = _Server(self._listening, text, by_name=self._open)
        thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
        thread.start()
        self._serving = server, thread

    def close(self) -> None:
        """End; twice is fine."""
        if self._serving is not None:
            server, thread = self._serving
            server.shutdown()
            thread.join()
        self._listening.close()


def metrics_url(host: str, port: int) -> str:
    """Where metrics are that are served at an address."""
    return f"http://{authority(host, port)}{PATH}"


class _Server(ThreadingHTTPServer):
    """One thread a request, and few at a time: the threads that watch need the cores."""

    daemon_threads = True

    def __init__(
        self, listening: socket.socket, text: Callable[[], bytes], *, by_name: bool
    ) -> None:
        super().__init__(listening.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()  # it made one of its own
        self.socket = listening
        self.text = text
        self.by_name = by_name  # whether clients may call this machine by any name
        self._room = threading.BoundedSemaphore(MOST_REQUESTS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection, if there is room."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread could be had
            self._room.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection, on its thread."""
        late = threading.Timer(REQUEST_S, _hang_up, (request,))
        late.daemon = True
        try:
            late.start()
            super().process_request_thread(request, client_address)
        finally:
            late.cancel()
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what went wrong while the connection was served."""
        log.exception("metrics: a request failed")


def _hang_up(connection: socket.socket) -> None:
    """End a connection, though byte after byte may come."""
    with suppress(OSError):  # it was closed just now
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version = f"har-monitor/{__version__}", ""
    timeout = REQUEST_S

    def handle(self) -> None:
        """Serve one request."""
        with suppress(ConnectionError):  # the client is gone
            super().handle()

    def do_GET(self) -> None:
        """Give the metrics."""
        if not (self.server.by_name or _is_local(self.headers.get("Host", ""))):
            self._answer(HTTPStatus.FORBIDDEN, b"this machine is called by a foreign name\n")
        elif urlsplit(self.path).path != PATH:
            self._answer(HTTPStatus.NOT_FOUND, f"the metrics are at {PATH}\n".encode())
        else:
            self._answer(HTTPStatus.OK, self.server.text())

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log no requests: one comes every few seconds."""


def _is_local(host: str) -> bool:
    """Whether a client that calls this machine so cannot be a page of a browser elsewhere.

    A name in DNS may lead to any machine, and so make a browser read what is only served here.
    """
    try:
        name = urlsplit(f"//{host}").hostname
        return name in (None, "localhost") or bool(ipaddress.ip_address(name))
    except ValueError:
        return False
