"""A target that writes lines of RFC 5424 to a syslog server."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from urllib.parse import urlsplit

from monitor.config.notifications import SyslogOptions
from monitor.events.alert import utc
from monitor.notify.message import fields, title
from monitor.notify.notification import Notification, NotificationKind, TargetError
from monitor.notify.stateless import Stateless

TIMEOUT_S = 5.0
_CLOSING_S = 1.0  # that a server has to close its side, once it has read all
_FACILITIES = {"user": 1, "daemon": 3, "auth": 4} | {f"local{n}": 16 + n for n in range(8)}
WARNING, NOTICE, INFO = 4, 5, 6
SEVERITIES = {
    NotificationKind.START: WARNING,
    NotificationKind.END: INFO,
    NotificationKind.SUMMARY: WARNING,
    NotificationKind.ESCALATION: WARNING,
    NotificationKind.TEST: NOTICE,
}
# An element of ours needs the number of an enterprise; this one is for those that have none.
_ELEMENT = "har-monitor@32473"


class SyslogTarget(Stateless):
    """Sends each notification as one message.

    Syslog confirms nothing: by UDP it may be lost. By TCP each has a connection of its own, and
    counts as delivered if the server took it without an error.
    """

    def __init__(self, options: SyslogOptions, site: str) -> None:
        self._options = options
        self._site = site
        self._parts = urlsplit(options.address)

    def send(self, notification: Notification) -> None:
        """Send it; TargetError if the server cannot be reached."""
        line = self._line(notification)
        try:
            match self._parts.scheme:
                case "unix":
                    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as plain:
                        plain.settimeout(TIMEOUT_S)
                        plain.sendto(line, self._parts.path)
                case "udp":
                    self._send_datagram(line)
                case _:
                    self._send_stream(line)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise TargetError(f"{self._options.address}: {reason.lower()}") from None

    def _send_datagram(self, line: bytes) -> None:
        host, port = self._parts.hostname, self._parts.port
        (family, kind, _, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        with socket.socket(family, kind) as plain:
            plain.connect(address)
            plain.send(line)

    def _send_stream(self, line: bytes) -> None:
        host, port = self._parts.hostname, self._parts.port
        assert host is not None  # see monitor.config.notifications
        assert port is not None
        with socket.create_connection((host, port), TIMEOUT_S) as plain:
            plain.sendall(b"%d %s" % (len(line), line))  # RFC 6587: octet counting
            plain.shutdown(socket.SHUT_WR)
            # A server that has read all closes its side; one that died has the system say so.
            plain.settimeout(_CLOSING_S)
            deadline_s = time.monotonic() + _CLOSING_S  # it may say something without end
            with suppress(TimeoutError):
                while plain.recv(4096) and time.monotonic() < deadline_s:
                    pass

    def _line(self, notification: Notification) -> bytes:
        priority = 8 * _FACILITIES[self._options.facility] + SEVERITIES[notification.kind]
        known = {"site": self._site} | fields(notification)
        element = " ".join(f'{name}="{_escaped(value)}"' for name, value in known.items())
        # The mark says that the text is UTF-8.
        return (
            f"<{priority}>1 {utc(notification.alert.time)} {socket.gethostname()} har-monitor "
            f"{os.getpid()} {notification.kind} [{_ELEMENT} {element}] \ufeff{title(notification)}"
        ).encode()


def _escaped(text: str) -> str:
    return "".join(f"\\{sign}" if sign in '"\\]' else sign for sign in text)
