"""What the watching process gives to the page: states every second, stills while somebody looks."""

from __future__ import annotations

import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from monitor.display.hub import Channel, Hub, Update
from monitor.events.alert import AlertEvent
from monitor.evidence.pictures import jpeg
from monitor.evidence.ring import PacketRing
from monitor.health.health_file import Health
from monitor.health.status import CameraSnapshot
from monitor.link import LinkClosed, pack, receive
from monitor.records import Frame
from monitor.web.settings import WebSettings
from monitor.web.video import VideoFeed

if TYPE_CHECKING:
    from av import VideoFrame

log = logging.getLogger(__name__)

STILL_WIDTH, STILL_S = 320, 1.0  # of the wall: pixels, and seconds between two stills of a camera
WATCH_WIDTH, WATCH_S = 960, 0.2  # of a camera that somebody watches
_SEND_S = 2  # seconds that the page's process has to take a message; then it is cut off


class LiveFeed:
    """Hands the page what it asks for; it never holds up a camera.

    Looking at the wall wakes no camera: it shows what is decoded anyway. Watching one does.
    """

    def __init__(
        self,
        hub: Hub,
        clock: Callable[[], float] = time.monotonic,
        ring: Callable[[str], PacketRing | None] = lambda camera: None,
        on_promotion: Callable[[], object] = lambda: None,  # must not hold up its caller
        on_cameras: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    ) -> None:
        self._hub = hub
        self._ring = ring
        self._videos: dict[str, VideoFeed] = {}  # by camera; of the thread that listens
        self._on_promotion = on_promotion
        self._on_cameras = on_cameras  # answers orders about cameras; None: nobody does
        self._clock = clock
        self._link: socket.socket | None = None
        self._sending = threading.Lock()  # of the socket
        self._settings = b""  # the message that tells of new ones
        self._looked_at: frozenset[str] = frozenset()  # cameras whose stills are wanted
        self._watched: frozenset[str] = frozenset()  # cameras that somebody watches
        self._taken_s: dict[str, float] = {}
        self._newest: dict[str, VideoFrame] = {}  # not sent yet
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="page feed", daemon=True)
        hub.subscribe(self)
        self._thread.start()

    def connect(self, link: socket.socket) -> None:
        """Serve a new process of the page, over this socket, which is closed when that ends."""
        limit = struct.pack("ll", _SEND_S, 0)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        with self._sending:
            if self._link is not None:
                self._drop()
            self._link = link
        if self._settings:  # it may have been started before they came
            self._send(self._settings)
        threading.Thread(target=self._listen, args=(link,), name="page orders", daemon=True).start()

    def tell(self, health: Health, cameras: Sequence[CameraSnapshot]) -> None:
        """Say how everything does; called about once a second."""
        if self._link is None:
            return
        states = {
            one.name: {
                "state": one.state,
                "cause": one.cause or one.fault,
                "score": round(one.foremost[1].highest, 3) if one.regions else 0.0,
                "open": [
                    {"region": region, "label": label}
                    for region, status in one.regions.items()
                    for label in status.open
                ],
            }
            for one in cameras
        }
        said = health.model_dump(mode="json", by_alias=True)
        self._send(pack({"type": "state", "health": said, "states": states}))

    def renew(self, settings: WebSettings) -> None:
        """Say what the configuration says now."""
        self._settings = pack({"type": "settings"}, settings.model_dump_json().encode())
        self._send(self._settings)

    def announce(self, alert: AlertEvent) -> None:
        """Say that an activity starts or ends."""
        self._send(pack({"type": "alert", "alert": alert.model_dump(mode="json")}))

    def close(self) -> None:
        """End; twice is fine."""
        self._hub.unsubscribe(self)
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()
        with self._sending:
            if self._link is not None:
                self._drop()

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

    def _send(self, message: bytes) -> None:
        with self._sending:
            if self._link is None:
                return
            try:
                self._link.sendall(message)
            except OSError:  # it is gone, or hangs
                self._drop()

    def _drop(self) -> None:
        assert self._link is not None
        with suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)  # wakes the thread that listens
        self._link.close()
        self._link = None
        self._looked_at = self._watched = frozenset()

    def _answer(
        self,
        answer: Callable[[dict[str, Any]], dict[str, Any]],
        number: int,
        order: dict[str, Any],
    ) -> None:
        self._send(pack({"type": "cameras", "number": number, "answer": answer(order)}))

    def _show_videos(self, wanted: frozenset[str]) -> None:
        for camera in self._videos.keys() - wanted:
            self._videos.pop(camera).close()
        for camera in wanted - self._videos.keys():
            if self._ring(camera) is not None:
                ring = partial(self._ring, camera)
                self._videos[camera] = VideoFeed(camera, ring, self._send_video)

    def _send_video(self, head: dict[str, Any], data: bytes) -> None:
        self._send(pack(head, data))

    def _listen(self, link: socket.socket) -> None:
        """Take the orders of one process of the page, until it is gone."""
        while True:
            try:
                head, _ = receive(link)
            except LinkClosed:
                break
            if head.get("type") == "look":
                self._looked_at = frozenset(map(str, head.get("looked_at", ())))
                self._watched = frozenset(map(str, head.get("watched", ())))
                self._show_videos(frozenset(map(str, head.get("videos", ()))))
            elif head.get("type") == "promotion":  # the journal says of what
                self._on_promotion()
            elif head.get("type") == "cameras" and self._on_cameras is not None:
                asked = (self._on_cameras, head["number"], head["order"])
                # A camera takes its time.
                threading.Thread(
                    target=self._answer, args=asked, name="page cameras", daemon=True
                ).start()
        self._show_videos(frozenset())
        with self._sending:
            if self._link is link:
                self._drop()


class FeedSink:
    """Hands alerts to the page as they come; what it misses, it finds in the store."""

    name = "page"

    def __init__(self, feed: LiveFeed) -> None:
        self._feed = feed

    def write(self, alert: AlertEvent) -> None:
        """Say it."""
        self._feed.announce(alert)

    def close(self) -> None:
        """The feed goes on: the page may outlive the watching."""
