"""What the watching process says to the notifier; it never waits for it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence

from monitor.config.base import REVEALED
from monitor.health.status import CameraSnapshot
from monitor.link import pack
from monitor.notify.settings import NotifySettings


class NotifyFeed:
    """Says how the cameras do, and that there is something to notify; from any thread.

    A process that takes nothing until its socket is full hangs: `on_stuck` is to end it.
    """

    def __init__(self, on_stuck: Callable[[], object]) -> None:
        self._on_stuck = on_stuck
        self._link: socket.socket | None = None
        self._ended = False
        self._sending = threading.Lock()
        self._settings = b""  # the message that tells of new ones

    def connect(self, link: socket.socket) -> None:
        """Speak to a new process, over this socket, which is closed when that ends."""
        link.setblocking(False)
        with self._sending:
            self._drop()
            self._link = link
            if self._ended:  # it is to try what waits, and no more
                self._drop()
        if self._settings:  # it may have been started before they came
            self._send(self._settings)

    def tell(self, cameras: Sequence[CameraSnapshot]) -> None:
        """Say how the cameras do; called about once a second."""
        states = {
            one.name: {
                "state": one.state,
                "cause": one.cause or one.fault,
                "open": sorted({label for region in one.regions.values() for label in region.open}),
            }
            for one in cameras
        }
        self._send(pack({"type": "state", "states": states}))

    def wake(self) -> None:
        """Say that something is to be planned."""
        self._send(pack({"type": "news"}))

    def renew(self, settings: NotifySettings) -> None:
        """Say what the configuration says now."""
        text = settings.model_dump_json(context=REVEALED)
        self._settings = pack({"type": "settings"}, text.encode())
        self._send(self._settings)

    def close(self) -> None:
        """End; twice is fine."""
        with self._sending:
            self._ended = True
            self._drop()

    def _send(self, message: bytes) -> None:
        with self._sending:
            if self._link is None:
                return
            try:
                whole = self._link.send(message) == len(message)
            except BlockingIOError:
                whole = False
            except OSError:  # it is gone
                self._drop()
                return
            if not whole:
                self._drop()
                self._on_stuck()

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
