"""A way to an MQTT broker that goes up and down, while the broker stays and remembers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer

from testkit.servers.gate import pass_on

_LEVEL = 8  # place of the protocol's level in a CONNECT: behind the header, a length and "MQTT"
_REFUSES_LEVEL = bytes([0x20, 2, 0, 1])  # a CONNACK of MQTT 3.1.1


class Relay(ThreadingTCPServer):
    """Passes on to a port of this machine."""

    daemon_threads = True

    def __init__(self, behind: int, *, old: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Passage)
        self.behind = behind
        self.old = old  # it refuses MQTT 5, as brokers of before 2018 do
        self.refused = 0
        self._down = False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def cut(self) -> None:
        """End all connections, and every new one at once."""
        with self._lock:
            self._down = True
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let connections through again."""
        with self._lock:
            self._down = False

    def enter(self, *ends: socket.socket) -> bool:
        """Whether these may be passed on between; they are cut with the others."""
        with self._lock:
            if not self._down:
                self._open.update(ends)
            return not self._down

    def leave(self, *ends: socket.socket) -> None:
        """They have ended."""
        with self._lock:
            self._open.difference_update(ends)


class _Passage(BaseRequestHandler):
    server: Relay
    request: socket.socket

    def handle(self) -> None:
        with suppress(OSError):
            self._pass_on(self.request.recv(65536))

    def _pass_on(self, first: bytes) -> None:
        if self.server.old and first[_LEVEL : _LEVEL + 1] == b"\x05":
            self.server.refused += 1
            self.request.sendall(_REFUSES_LEVEL)
            return
        with socket.create_connection(("127.0.0.1", self.server.behind)) as broker:
            if not self.server.enter(self.request, broker):
                return
            broker.sendall(first)
            back = threading.Thread(target=pass_on, args=(broker.recv, self.request), name="relay")
            back.start()
            pass_on(self.request.recv, broker)
            back.join()
            self.server.leave(self.request, broker)


@contextmanager
def relay(behind: int, *, old: bool = False) -> Iterator[Relay]:
    """A running one."""
    with Relay(behind, old=old) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,), name="relays")
        thread.start()
        try:
            yield made
        finally:
            made.cut()
            made.shutdown()
            thread.join()
