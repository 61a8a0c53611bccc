"""What is said every second of how the monitor does: to a file, and to systemd."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from monitor.errors import MonitorError
from monitor.health.health_file import Health, examine, write_health
from monitor.health.status import CameraSnapshot
from monitor.health.systemd import Systemd
from monitor.records import LeaseStatus, SinkStatus
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

# A window takes milliseconds: a worker that has been at one for so long will not come back, and
# systemd's watchdog is left to end the process.
STUCK_S = 30.0


class Heartbeat:
    """Tells others how the cameras do; `busy_s` is for how long a window has been worked on."""

    def __init__(
        self,
        path: Path | None,
        systemd: Systemd,
        lease: Callable[[], LeaseStatus | None] = lambda: None,
    ) -> None:
        self._path = path
        self._systemd = systemd
        self._lease = lease
        self._throttle = LogThrottle(log)

    def beat(
        self, cameras: Sequence[CameraSnapshot], sinks: Sequence[SinkStatus], busy_s: float
    ) -> None:
        """Say it once."""
        if self._path is not None or self._systemd.listens:
            health = examine(cameras, sinks, self._lease())
            self._systemd.status(health.summary)
            self._write(health)
        if busy_s < STUCK_S:
            self._systemd.alive()
        else:
            text = f"a window has been worked on for {busy_s:.0f} s: the classify worker is stuck"
            self._throttle.log(logging.ERROR, "stuck", text)

    def _write(self, health: Health) -> None:
        if self._path is None:
            return
        try:
            write_health(self._path, health)
        except MonitorError as error:
            text = f"health: {error}; watching goes on"
            self._throttle.log(logging.WARNING, "health", text)
