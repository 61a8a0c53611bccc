"""An HTTP camera: multipart MJPEG, as webcams and small IP cameras send it."""

import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import ClassVar

import av

BOUNDARY = "picture"
USER, PASSWORD = "viewer", "hunter2"


def jpegs(path: Path) -> list[bytes]:
    """Every picture of a video as JPEG."""
    encoder = av.CodecContext.create("mjpeg", "w")
    pictures: list[bytes] = []
    with av.open(str(path)) as container:
        for count, frame in enumerate(container.decode(video=0)):
            if not count:
                encoder.width, encoder.height = frame.width, frame.height
                encoder.pix_fmt = "yuvj420p"
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

    def do_GET(self) -> None:
        """Answer /cam, /locked (with a password) and the documents; all else is not found."""
        path = self.path.partition("?")[0]
        self.asked.append(path)
        login = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if path == "/locked" and self.headers["Authorization"] != login:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
        elif path in ("/cam", "/locked"):
            self._stream()
        elif path in self.documents:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.documents[path])
        else:
            self.send_error(404)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.end_headers()
        start_s = monotonic()
        for count, picture in enumerate(self.pictures):
            if self.stopping.wait(max(0.0, start_s + count / self.fps - monotonic())):
                return
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}"
            try:
                self.wfile.write(head.encode() + b"\r\n\r\n" + picture + b"\r\n")
            except OSError:
                return  # the client hung up

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that its close waits for every handler


@dataclass(frozen=True)
class HttpCamera:
    """A running HTTP camera."""

    port: int
    asked: list[str]  # the paths of all requests so far

    def url(self, path: str = "/cam", userinfo: str = "") -> str:
        """The URL of a path."""
        return f"http://{userinfo}127.0.0.1:{self.port}{path}"


@contextmanager
def http_camera(
    pictures: list[bytes], fps: float, documents: dict[str, bytes] | None = None
) -> Iterator[HttpCamera]:
    """Stream JPEG pictures in real time at /cam, each client from the first, then hang up."""
    handler = type(
        "Handler",
        (_Handler,),
        {
            "pictures": pictures,
            "fps": fps,
            "documents": documents or {},
            "stopping": threading.Event(),
            "asked": [],
        },
    )
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="http-camera")
        thread.start()
        try:
            yield HttpCamera(server.server_port, handler.asked)
        finally:
            handler.stopping.set()
            server.shutdown()
            thread.join()
