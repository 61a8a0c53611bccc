"""An HTTP camera: multipart MJPEG, as webcams and small IP cameras send it."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import ClassVar

import av

from testkit.servers.framings import PLAIN, Framing
from testkit.servers.locks import Lock


def jpegs(path: Path) -> list[bytes]:
    """Every picture of a video as JPEG."""
    encoder = av.CodecContext.create("mjpeg", "w")
    pictures: list[bytes] = []
    with av.open(str(path)) as container:
        for count, frame in enumerate(container.decode(video=0)):
            if not count:
                encoder.width, encoder.height = frame.width, frame.height
                encoder.pix_fmt = "yuvj420p"
                assert frame.time_base is not None
                encoder.time_base = frame.time_base
            picture = frame.reformat(format="yuvj420p")
            picture.pts = count
            pictures += [bytes(packet) for packet in encoder.encode(picture)]
    return pictures


class _Handler(BaseHTTPRequestHandler):
    pictures: ClassVar[list[bytes]]
    fps: ClassVar[float]
    documents: ClassVar[dict[str, bytes]]
    stopping: ClassVar[threading.Event]
    asked: ClassVar[list[str]]
    framing: ClassVar[Framing]
    lock: ClassVar[Lock]

    def do_GET(self) -> None:
        """Answer /cam, /locked (with a password) and the documents; all else is not found."""
        path = self.path.partition("?")[0]
        self.asked.append(path)
        told = self.headers.get("Authorization", "").encode("latin-1").decode()
        if path == "/locked" and not self.lock.opens("GET", self.path, told):
            self.send_response(401)
            for challenge in self.lock.challenges:
                self.send_header("WWW-Authenticate", challenge)
            self.end_headers()
        elif path in ("/cam", "/locked"):
            self._stream()
        elif path in self.documents:
            begin = int(self.headers.get("Range", "bytes=0-")[6:-1])
            document = self.documents[path][begin:]
            self.send_response(206 if begin else 200)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(document)))
            self.end_headers()
            with suppress(OSError):  # the client hung up, to ask for another part
                self.wfile.write(document)
        else:
            self.send_error(404)

    def _stream(self) -> None:
        framing = self.framing
        self.send_response(200)
        if framing.content_type is not None:
            self.send_header("Content-Type", framing.content_type)
        if framing.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        start_s = monotonic()
        with suppress(OSError):  # the client hung up
            self._send(framing.first)
            for count, picture in enumerate(self.pictures):
                if self.stopping.wait(max(0.0, start_s + count / self.fps - monotonic())):
                    return
                self._send(framing.part(picture))

    def _send(self, data: bytes) -> None:
        if self.framing.chunked:  # in two, so that parts and chunks do not go together
            half = len(data) // 2
            chunks = [chunk for chunk in (data[:half], data[half:]) if chunk]
            data = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that its close waits for every handler


@dataclass(frozen=True)
class HttpCamera:
    """A running HTTP camera."""

    scheme: str
    port: int
    asked: list[str]  # the paths of all requests so far

    def url(self, path: str = "/cam", userinfo: str = "") -> str:
        """The URL of a path."""
        return f"{self.scheme}://{userinfo}127.0.0.1:{self.port}{path}"


@contextmanager
def http_camera(
    pictures: list[bytes],
    fps: float,
    documents: dict[str, bytes] | None = None,
    framing: Framing = PLAIN,
    lock: Lock | None = None,
    tls: tuple[Path, Path] | None = None,
) -> Iterator[HttpCamera]:
    """Stream JPEG pictures in real time at /cam, each client from the first, then hang up.

    `tls` is a certificate and its key, and makes the URL https.
    """
    stopping = threading.Event()
    asked: list[str] = []
    handler = type(
        "Handler",
        (_Handler,),
        {
            "pictures": pictures,
            "fps": fps,
            "documents": documents or {},
            "framing": framing,
            "lock": lock or Lock("basic"),
            "stopping": stopping,
            "asked": asked,
        },
    )
    with _Server(("127.0.0.1", 0), handler) as server:
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="http-camera")
        thread.start()
        try:
            scheme = "http" if tls is None else "https"
            yield HttpCamera(scheme, server.server_port, asked)
        finally:
            stopping.set()
            server.shutdown()
            thread.join()
