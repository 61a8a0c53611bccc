"""What the watching process says to the page, and which orders it takes from there."""

from __future__ import annotations

import logging
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from monitor.events.alert import AlertEvent
from monitor.health.health_file import Health
from monitor.health.status import CameraSnapshot
from monitor.link import LinkClosed, pack, receive
from monitor.web.pictures import Pictures, Send
from monitor.web.settings import WebSettings

log = logging.getLogger(__name__)

_SEND_S = 2  # seconds that the page's process has to take a message; then it is cut off


class LiveFeed:
    """The link to the page's process, as long as there is one: states, alerts and pictures."""

    def __init__(
        self,
        pictures: Callable[[Send], Pictures],
        on_promotion: Callable[[], object] = lambda: None,  # must not hold up its caller
        on_cameras: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    ) -> None:
        self._on_promotion = on_promotion
        self._on_cameras = on_cameras  # answers orders about cameras; None: nobody does
        # Where the page's process serves the page over all shards, and by which secret; else empty.
        self.listening = ("", "")
        self._link: socket.socket | None = None
        self._sending = threading.Lock()  # of the socket
        self._looking = threading.Lock()  # orders of one process come after those of another
        self._settings = b""  # the message that tells of new ones
        self._pictures = pictures(self._send)

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
        states = {one.name: camera_state(one) for one in cameras}
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
        self._pictures.close()
        with self._sending:
            if self._link is not None:
                self._drop()

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
        self._link, self.listening = None, ("", "")

    def _answer(
        self,
        answer: Callable[[dict[str, Any]], dict[str, Any]],
        number: int,
        order: dict[str, Any],
    ) -> None:
        self._send(pack({"type": "cameras", "number": number, "answer": answer(order)}))

    def _listen(self, link: socket.socket) -> None:
        """Take the orders of one process of the page, until it is gone."""
        while True:
            try:
                head, _ = receive(link)
            except LinkClosed:
                break
            if head.get("type") == "look":
                self._look(link, head)
            elif head.get("type") == "listening":
                self.listening = head["address"], head["secret"]
            elif head.get("type") == "promotion":  # the journal says of what
                self._on_promotion()
            elif head.get("type") == "cameras" and self._on_cameras is not None:
                asked = (self._on_cameras, head["number"], head["order"])
                # A camera takes its time.
                threading.Thread(
                    target=self._answer, args=asked, name="page cameras", daemon=True
                ).start()
        with self._sending:
            if self._link is link:
                self._drop()
        self._look(None, {})

    def _look(self, link: socket.socket | None, order: dict[str, Any]) -> None:
        """Follow an order, if it is of the process that is there; None: if there is none."""
        with self._looking:
            if self._link is link:
                self._pictures.look(order)


def camera_state(camera: CameraSnapshot) -> dict[str, Any]:
    """How a camera does, as pages and programs see it live."""
    return {
        "state": camera.state,
        "cause": camera.cause or camera.fault,
        "score": round(camera.foremost[1].highest, 3) if camera.regions else 0.0,
        "open": [
            {"region": region, "label": label}
            for region, status in camera.regions.items()
            for label in status.open
        ],
    }


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
