"""A server of HTTP that keeps what is posted to it, and goes up and down at one port."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(frozen=True)
class Posted:
    """A request."""

    path: str
    headers: Mapping[str, str]  # names in small letters
    content: bytes


@dataclass
class Receiver:
    """Answers every request with `status`, once it is up."""

    status: int = 200
    location: str | None = None  # of a redirect
    drip_s: float = 0.0  # seconds between two bytes of an answer that never ends
    certificate: tuple[Path, Path] | None = None  # with its key
    got: list[Posted] = field(default_factory=list)
    port: int = 0  # any that is free, then that for ever
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{'http' if self.certificate is None else 'https'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Go up; twice is fine."""
        if self._server is not None:
            return
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._take(self)

            def log_message(self, format: str, *args: object) -> None:
                """Standard error is for the tests."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self) -> None:
        """Go down; twice is fine."""
        if self._server is not None:
            assert self._thread is not None
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        content = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append(Posted(request.path, headers, content))
        if self.drip_s:
            self._drip(request)
            return
        request.send_response(self.status)
        if self.location is not None:
            request.send_header("Location", self.location)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def _drip(self, request: BaseHTTPRequestHandler) -> None:
        try:
            request.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
            while True:
                request.wfile.write(b"x")
                time.sleep(self.drip_s)
        except OSError:  # it was waited for no longer
            pass


@contextmanager
def receiver() -> Iterator[Receiver]:
    """One that is up."""
    made = Receiver()
    made.start()
    try:
        yield made
    finally:
        made.stop()
