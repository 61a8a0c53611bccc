"""Alerts as log lines, for the person in front of the screen."""

import logging

from monitor.events.alert import AlertEvent
from monitor.records import camera_key

log = logging.getLogger(__name__)


class ConsoleSink:
    """Logs a line when an activity starts and one when it ends."""

    name = "console"

    def write(self, alert: AlertEvent) -> None:
        """Log the start or the end of an activity."""
        where = camera_key(alert.camera, alert.region or "")
        if alert.event == "start":
            log.warning(
                "ALERT %s: %s started at %.1f s, score %.2f",
                where,
                alert.label,
                alert.start_s,
                alert.score,
            )
        elif alert.end_s is None:
            log.info("camera %s: %s ended: har-monitor was killed", where, alert.label)
        else:
            log.info(
                "camera %s: %s ended at %.1f s after %.1f s, highest score %.2f",
                where,
                alert.label,
                alert.end_s,
                alert.end_s - alert.start_s,
                alert.peak_score,
            )

    def close(self) -> None:
        """There is nothing to finish."""
