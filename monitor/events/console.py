"""Activities as log lines, for the person in front of the screen."""

import logging

from monitor.records import Activity, camera_key

log = logging.getLogger(__name__)


class ConsoleSink:
    """Logs a line when an activity starts and one when it ends."""

    name = "console"
    waiting = lost = 0  # standard error holds nobody up: see monitor.cli.backlog

    def write(self, activity: Activity) -> None:
        """Log the start or the end of an activity."""
        if activity.end_s is None:
            log.warning(
                "ALERT %s: %s started at %.1f s, score %.2f",
                camera_key(activity.camera, activity.region),
                activity.label,
                activity.start_s,
                activity.score,
            )
        else:
            log.info(
                "camera %s: %s ended at %.1f s after %.1f s, highest score %.2f",
                camera_key(activity.camera, activity.region),
                activity.label,
                activity.end_s,
                activity.end_s - activity.start_s,
                activity.peak_score,
            )

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """There is nothing to finish."""
