"""How long tests wait, and how they measure time on a machine that may be busy."""

import os
import time
from pathlib import Path

LIMIT_S = 60.0  # for what happens sooner or later
BUSY = 0.3  # of the time somebody waits: others are at work on this machine


class Stopwatch:
    """Measures how long something takes, apart from what the machine itself holds everybody up."""

    def __init__(self) -> None:
        self._began_s, self._waited_s = time.monotonic(), _waited_s()

    @property
    def held_up_s(self) -> float:
        """For how long somebody has waited for a core, memory or a disk since it was made."""
        return _waited_s() - self._waited_s

    @property
    def late_s(self) -> float:
        """By how much all that was to be in time may be late; nothing on a quiet machine."""
        busy = self.held_up_s > BUSY * (time.monotonic() - self._began_s)
        return self.held_up_s if busy else 0.0

    @property
    def seconds(self) -> float:
        """The others: a limit holds on a quiet machine, and a busy one does not break it."""
        return max(0.0, time.monotonic() - self._began_s - self.held_up_s)


def _waited_s() -> float:
    """For how long somebody has waited since this machine was started."""
    try:
        waited_us = sum(
            int(Path("/proc/pressure", what).read_text().partition("total=")[2].split()[0])
            for what in ("cpu", "io", "memory")
        )
        # The cores were another machine's, on the same host.
        stolen = int(Path("/proc/stat").read_text().split(maxsplit=9)[8])
    except OSError:
        return time.monotonic()  # Linux does not tell: it may have been all of it
    return waited_us / 1e6 + stolen / os.sysconf("SC_CLK_TCK")
