"""What systemd is told, where it started this process as a service of Type=notify."""

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from monitor.errors import ConfigError

if TYPE_CHECKING:
    from cysystemd.daemon import Notification


class Systemd:
    """Says nothing where nobody listens."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._notify: Callable[..., object] | None = None
        if "NOTIFY_SOCKET" not in environment:
            return
        try:
            from cysystemd.daemon import Notification, notify
        except ImportError:
            raise ConfigError(
                "systemd waits to be told how this service does, for which a library is missing: "
                "pip install 'har-monitor[systemd]'"
            ) from None
        self._notify, self._kinds = notify, Notification

    @property
    def listens(self) -> bool:
        """Whether anybody is told."""
        return self._notify is not None

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

    def _say(self, kind: str, text: str | None = None) -> None:
        if self._notify is not None:
            notification: Notification = self._kinds[kind]
            self._notify(notification, text)
