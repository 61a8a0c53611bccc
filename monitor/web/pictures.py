"""What somebody who looks at the page sees of cameras: stills of the wall, pictures, video."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from monitor.display.hub import Channel, Hub, Update
from monitor.evidence.pictures import jpeg
from monitor.evidence.ring import PacketRing
from monitor.link import pack
from monitor.records import Frame
from monitor.web.video import VideoFeed

if TYPE_CHECKING:
    from av import VideoFrame

STILL_WIDTH, STILL_S = 320, 1.0  # of the wall: pixels, and seconds between two stills of a camera
WATCH_WIDTH, WATCH_S = 960, 0.2  # of a camera that somebody watches

Send = Callable[[bytes], object]  # takes a message for the page's process


class Pictures(Protocol):
    """Sends the page what it looks at."""

    def look(self, order: Mapping[str, Any]) -> None:
        """Follow the newest order: cameras by how somebody looks at them (`live.Look`)."""

    def close(self) -> None:
        """End; twice is fine."""


class LivePictures:
    """Pictures of the cameras that this process watches; it never holds up a camera.

    Looking at the wall wakes no camera: it shows what is decoded anyway. Watching one does.
    """

    def __init__(
        self,
        hub: Hub,
        ring: Callable[[str], PacketRing | None],  # of a camera
        send: Send,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hub = hub
        self._ring = ring
        self._send = send
        self._clock = clock
        self._videos: dict[str, VideoFeed] = {}  # by camera; of the thread that gives orders
        self._looked_at: frozenset[str] = frozenset()  # cameras whose stills are wanted
        self._watched: frozenset[str] = frozenset()  # cameras that somebody watches
        self._taken_s: dict[str, float] = {}
        self._newest: dict[str, VideoFrame] = {}  # not sent yet
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="page feed", daemon=True)
        hub.subscribe(self)
        self._thread.start()

    def look(self, order: Mapping[str, Any]) -> None:
        """Follow the newest order; those for one object come from one thread at a time."""
        self._looked_at, self._watched, videos = (
            frozenset(map(str, order.get(how, ()))) for how in ("looked_at", "watched", "videos")
        )
        for camera in self._videos.keys() - videos:
            self._videos.pop(camera).close()
        for camera in videos - self._videos.keys():
            if self._ring(camera) is not None:
                ring = partial(self._ring, camera)
                self._videos[camera] = VideoFeed(camera, ring, self._send_video)

    def close(self) -> None:
        """End; twice is fine."""
        self._hub.unsubscribe(self)
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def wants(self, camera: str) -> bool:
        """Whether a still of a camera is due."""
        pause_s = WATCH_S if camera in self._watched else STILL_S
        if camera not in self._watched and camera not in self._looked_at:
            return False
        return self._clock() - self._taken_s.get(camera, -pause_s) >= pause_s

    def wakes(self, camera: str) -> bool:
        """Whether somebody watches it, and not only the wall."""
        return camera in self._watched

    def take(self, channel: Channel, item: Frame | Update) -> bool:
        """Leave a picture for the thread that sends."""
        if isinstance(item, Frame) and item.picture is not None:
            self._taken_s[channel.camera] = self._clock()
            with self._changed:
                self._newest[channel.camera] = item.picture
                self._changed.notify()
        return False

    def forget(self, channel: Channel) -> None:
        """Nothing is kept of a camera that leaves."""

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._newest or self._ended)
                if self._ended:
                    return
                pictures, self._newest = self._newest, {}
            for camera, picture in pictures.items():
                width = WATCH_WIDTH if camera in self._watched else STILL_WIDTH
                head = {
                    "type": "still",
                    "camera": camera,
                    "width": picture.width,
                    "height": picture.height,
                }
                self._send(pack(head, jpeg(picture, width)))

    def _send_video(self, head: dict[str, Any], data: bytes) -> None:
        self._send(pack(head, data))
