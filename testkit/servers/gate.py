"""A gate before a real RTSP server: it asks for a password in ways that the server has not, and
refuses what it is told to."""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

from testkit.servers.locks import Lock


@dataclass
class Gate:
    """What is let through, and how often somebody came."""

    upstream: int  # a port of this machine
    lock: Lock | None = None
    no_tcp: str | None = None  # what SETUP over TCP is answered
    astray: bool = False  # packets of UDP are sent to where nobody takes them
    scheme: str = "rtsp"
    port: int = 0
    came: int = 0
    asked: list[str] = field(default_factory=list)  # the first line of each request
    posts: threading.Lock = field(default_factory=threading.Lock)

    def url(self, userinfo: str = "") -> str:
        """The URL of the stream behind it."""
        return f"{self.scheme}://{userinfo}127.0.0.1:{self.port}/cam"


class _Handler(StreamRequestHandler):
    gate: Gate

    def handle(self) -> None:
        """Pass on one connection."""
        self.gate.came += 1
        with socket.create_connection(("127.0.0.1", self.gate.upstream)) as above:
            answers = threading.Thread(target=pass_on, args=(above.recv, self.request))
            answers.start()
            with suppress(OSError):
                self._requests(above)
            for end in (above, self.request):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            answers.join()

    def _requests(self, above: socket.socket) -> None:
        while first := self.rfile.read(1):
            if first == b"$":
                head = first + self.rfile.read(3)
                above.sendall(head + self.rfile.read(int.from_bytes(head[2:])))
                continue
            lines = [first + self.rfile.readline()]
            while lines[-1].strip():
                lines.append(self.rfile.readline())
                if not lines[-1]:
                    return
            message = b"".join(lines).decode()
            self.gate.asked.append(message.partition("\r\n")[0])
            if (refusal := self._refusal(message)) is not None:
                self.wfile.write(refusal.encode())
                continue
            message = re.sub("(?m)^Authorization:.*\r\n", "", message)
            if self.gate.astray:
                message = re.sub(r"client_port=\d+-\d+", "client_port=9-10", message)
            if " HTTP/1." not in message.partition("\r\n")[0]:
                above.sendall(message.encode())
                continue
            # A client hangs up before it opens the next POST: the server must see that in this
            # order, too, whichever thread is the faster.
            with self.gate.posts if message.startswith("POST ") else nullcontext():
                above.sendall(message.encode())
                pass_on(self.rfile.read1, above)  # from here on it is not a request

    def _refusal(self, message: str) -> str | None:
        method, uri, protocol = message.partition("\r\n")[0].split(" ")

        def value(name: str) -> str:
            found = re.search(rf"(?im)^{name}: *(.*?)\r$", message)
            return found[1] if found else ""

        lock, no_tcp = self.gate.lock, self.gate.no_tcp
        if lock is not None and not lock.opens(method, uri, value("authorization")):
            asks = "".join(f"WWW-Authenticate: {one}\r\n" for one in lock.challenges)
            return f"{protocol} 401 Unauthorized\r\nCSeq: {value('cseq')}\r\n{asks}\r\n"
        if no_tcp is not None and method == "SETUP" and "TCP" in value("transport"):
            return f"RTSP/1.0 {no_tcp}\r\nCSeq: {value('cseq')}\r\n\r\n"
        return None


def pass_on(receive: Callable[[int], bytes], to: socket.socket) -> None:
    """Send on what is received until it ends, or breaks."""
    with suppress(OSError):
        while data := receive(1 << 16):
            to.sendall(data)
    with suppress(OSError):
        to.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingTCPServer):
    daemon_threads = False  # so that its close waits for every handler


@contextmanager
def gated(gate: Gate, tls: tuple[Path, Path] | None = None) -> Iterator[Gate]:
    """Open a gate at a port of its own; with a certificate and its key, one for rtsps."""
    handler = type("Handler", (_Handler,), {"gate": gate})
    with _Server(("127.0.0.1", 0), handler) as server:
        if tls is not None:
            gate.scheme = "rtsps"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        gate.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="gate")
        thread.start()
        try:
            yield gate
        finally:
            server.shutdown()
            thread.join()
