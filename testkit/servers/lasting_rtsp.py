"""Cameras that show what happens whether somebody looks or not: RTSP, H.264 over TCP.

A film is shown over and over from the start of the server on, by every camera with a delay of its
own. Who looks comes in at the next key frame. So it is known when what happens before each camera,
and when each was looked at.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import ThreadingTCPServer

from testkit.servers.stamped_rtsp import Viewer, pictures


@dataclass
class Look:
    """A connection: when it got its first picture and its last, by the clock of `time.time`."""

    first_s: float
    last_s: float


@dataclass
class Camera:
    """A camera, and who looked at it."""

    name: str
    delay_s: float  # of its film
    looks: list[Look] = field(default_factory=list)


class LastingCameras(ThreadingTCPServer):
    """All cameras, at one port."""

    daemon_threads = True  # a viewer that is frozen takes nothing, and ends nothing
    request_queue_size = 64

    def __init__(self, film: list[list[bytes]], fps: float, names: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), _LastingViewer)
        self.film = film
        self.fps = fps
        self.period_s = len(film) / fps
        # Of the key frames: where somebody can come in.
        self.keys = [any(unit[0] & 0x1F == _KEY for unit in units) for units in film]
        self.began_s = time.time()
        self.closing = threading.Event()
        self.cameras = {
            name: Camera(name, self.period_s * number / len(names))
            for number, name in enumerate(names)
        }

    def url(self, name: str) -> str:
        """Where a camera is."""
        return f"rtsp://127.0.0.1:{self.server_address[1]}/{name}"


_KEY = 5  # the type of a NAL unit of a key frame


class _LastingViewer(Viewer):
    def play(self) -> None:
        server = self.server
        assert isinstance(server, LastingCameras)
        camera = server.cameras[self.url.partition("//")[2].split("/")[1]]
        began_s = server.began_s + camera.delay_s
        number = int((time.time() - began_s) * server.fps) + 1
        while not server.keys[number % len(server.film)]:
            number += 1
        look: Look | None = None
        while not server.closing.wait(max(0.0, began_s + number / server.fps - time.time())):
            self.send(server.film[number % len(server.film)], number / server.fps)
            if look is None:
                look = Look(time.time(), time.time())
                camera.looks.append(look)
            look.last_s = time.time()
            number += 1


@contextmanager
def lasting_cameras(film: Path, fps: float, names: list[str]) -> Iterator[LastingCameras]:
    """Cameras of these names, until the end of the block."""
    with LastingCameras(pictures(film), fps, names) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="cameras")
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
