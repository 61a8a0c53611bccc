"""FFmpeg as a sender of live pictures: over RTMP, for one visitor at a time, and over UDP."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

from testkit.servers.gate import pass_on

_PICTURES = ("-re", "-f", "lavfi", "-i", "testsrc2=size=128x96:rate=25")
_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "10")


@contextmanager
def _ffmpeg(*output: str) -> Iterator[None]:
    """FFmpeg, begun again whenever it ends: it serves one visitor, however short."""
    command = ("ffmpeg", "-v", "quiet", *_PICTURES, *_H264, *output)
    stopping = threading.Event()
    runs = [subprocess.Popen(command, stdin=subprocess.DEVNULL)]

    def again() -> None:
        while not stopping.is_set():
            runs[-1].wait()
            runs.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))

    thread = threading.Thread(target=again, name="ffmpeg")
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        runs[-1].kill()
        thread.join()
        runs[-1].kill()
        runs[-1].wait()


@contextmanager
def free_port(kind: socket.SocketKind) -> Iterator[int]:
    """A port of this machine that nobody has, and that no other test is given meanwhile."""
    with socket.socket(socket.AF_UNIX) as sign:
        # From the last one on, Linux gives them to whoever asks for any.
        yield next(n for n in range(20_000, 32_768) if _free(n, kind) and _signed(sign, n))


def _free(port: int, kind: socket.SocketKind) -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", port))
        return True
    return False


def _signed(sign: socket.socket, port: int) -> bool:
    with suppress(OSError):
        sign.bind(f"\0har-monitor-test-port-{port}")
        return True
    return False


@contextmanager
def rtmp_stream(path: str) -> Iterator[int]:
    """The port of a stream; it takes a moment until it can be visited."""
    with (
        free_port(socket.SOCK_STREAM) as port,
        _ffmpeg("-f", "flv", "-listen", "1", f"rtmp://127.0.0.1:{port}{path}"),
    ):
        yield port


@contextmanager
def udp_stream() -> Iterator[int]:
    """The port of this machine that MPEG-TS is sent to."""
    with (
        free_port(socket.SOCK_DGRAM) as port,
        _ffmpeg("-f", "mpegts", f"udp://127.0.0.1:{port}?pkt_size=1316"),
    ):
        yield port


class _Front(BaseRequestHandler):
    upstream: int

    def handle(self) -> None:
        """Pass on one connection."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.upstream)) as above:
            answers = threading.Thread(target=pass_on, args=(above.recv, self.request))
            answers.start()
            pass_on(self.request.recv, above)
            answers.join()


class _Server(ThreadingTCPServer):
    daemon_threads = False  # so that its close waits for every handler


@contextmanager
def tls_front(upstream: int, tls: tuple[Path, Path]) -> Iterator[int]:
    """The port of a TLS server that passes on to another port of this machine."""
    handler = type("Front", (_Front,), {"upstream": upstream})
    with _Server(("127.0.0.1", 0), handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="front")
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
