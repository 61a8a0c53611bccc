"""What systemd is told, if it started this process as a service of Type=notify.

The protocol is a datagram of `NAME=value` to a Unix socket: sd_notify(3).
"""

import logging
import os
import socket
from collections.abc import Mapping

from monitor.errors import ConfigError
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)


class Systemd:
    """Says nothing if nobody listens. ConfigError if the socket's name is none that can be."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        if address and address[0] not in "/@":
            raise ConfigError(f"NOTIFY_SOCKET {address}: not a Unix socket: begins with / or @")
        # A name that begins with @ is in no folder (unix(7), abstract): its first byte is zero.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._throttle = LogThrottle(log)

    @property
    def listens(self) -> bool:
        """Whether anybody is told."""
        return bool(self._address)

    def ready(self) -> None:
        """Everything is set up, and the cameras are being connected to; also after a reload."""
        self._say("READY")

    def reloading(self) -> None:
        """The configuration is read again; `ready` ends it."""
        self._say("RELOADING")

    def stopping(self) -> None:
        """The end was asked for."""
        self._say("STOPPING")

    def alive(self) -> None:
        """Every part is at work: the service is not to be killed by its watchdog."""
        self._say("WATCHDOG")

    def status(self, text: str) -> None:
        """A line for `systemctl status`."""
        self._say("STATUS", text)

    def _say(self, kind: str, text: str = "1") -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto(f"{kind}={text}".encode(), self._address)
        except OSError as error:
            text = f"systemd cannot be told: {error.strerror or error}; watching goes on"
            self._throttle.log(logging.WARNING, "systemd", text)
