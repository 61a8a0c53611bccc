"""A target that writes entries of systemd's journal."""

from __future__ import annotations

import socket

from monitor.config.notifications import JournaldOptions
from monitor.notify.message import fields, title
from monitor.notify.notification import Notification, TargetError
from monitor.notify.stateless import Stateless
from monitor.notify.syslog import SEVERITIES, TIMEOUT_S


class JournaldTarget(Stateless):
    """Sends each notification as an entry: `journalctl -t har-monitor -o verbose` shows its fields.

    The protocol is a datagram of fields to a socket: systemd's "Native Journal Protocol".
    """

    def __init__(self, options: JournaldOptions, site: str) -> None:
        self._options = options
        self._site = site

    def send(self, notification: Notification) -> None:
        """Send it; TargetError if nobody listens."""
        known = {"site": self._site} | fields(notification)
        entry = {
            "MESSAGE": title(notification),
            "PRIORITY": str(SEVERITIES[notification.kind]),
            "SYSLOG_IDENTIFIER": "har-monitor",
        } | {f"HAR_{name.upper()}": value for name, value in known.items()}
        content = b"".join(_field(name, value) for name, value in entry.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as plain:
                plain.settimeout(TIMEOUT_S)
                plain.sendto(content, str(self._options.socket))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise TargetError(f"{self._options.socket}: {reason}") from None


def _field(name: str, value: str) -> bytes:
    """A field with the length of its value, which may hold anything then."""
    data = value.encode()
    return name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"
