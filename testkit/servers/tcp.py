"""Servers that go wrong before they say a word, or that send to another one."""

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer


@contextmanager
def silent_server() -> Iterator[int]:
    """The port of a server that takes connections and never says anything.

    The kernel completes the connections of a listening socket, so no thread is needed.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        yield listener.getsockname()[1]


@contextmanager
def refusing_port() -> Iterator[int]:
    """A port that refuses connections and that no other test can be given meanwhile."""
    with socket.socket() as unlistened:
        unlistened.bind(("127.0.0.1", 0))
        yield unlistened.getsockname()[1]


@contextmanager
def unvisited_port() -> Iterator[int]:
    """A port that would take connections, and to which none may come."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
        listener.setblocking(False)
        try:
            visitor, _ = listener.accept()
        except BlockingIOError:
            return
        with visitor:
            raise AssertionError(f"somebody came: {visitor.recv(4096)!r}")


class _Elsewhere(StreamRequestHandler):
    def handle(self) -> None:
        """Answer a request with a redirect."""
        first, *lines = [*takewhile(bytes.strip, self.rfile), b""]  # none if it hangs up at once
        protocol = b"RTSP/1.0" if b" RTSP/" in first else b"HTTP/1.1"
        count = next((line for line in lines if re.match(b"(?i)cseq:", line)), b"")
        place = self.server.location.encode()  # type: ignore[attr-defined]
        self.wfile.write(b"%s 302 Found\r\n%sLocation: %s\r\n\r\n" % (protocol, count, place))


@contextmanager
def redirecting_server(location: str, tls: tuple[Path, Path] | None = None) -> Iterator[int]:
    """The port of an RTSP and HTTP server that sends all who ask it to `location`."""
    with ThreadingTCPServer(("127.0.0.1", 0), _Elsewhere) as server:
        server.location = location  # type: ignore[attr-defined]
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="elsewhere")
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
