"""How long a thread had a core, and how long it waited for one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

LOOK_S = 1.0  # from one look to the next
STARVED = 1.0  # times as long as it had a core, it waited for one
LEAST_S = 0.05  # that it waited for a core in that time: less holds nobody up
_HERE = Path("/proc/thread-self/schedstat")  # Linux


def core_time() -> tuple[float, float]:
    """Seconds that the calling thread has had a core, and has waited for one; 0 if unknown."""
    try:
        had_ns, waited_ns, _ = _HERE.read_text().split()
    except (OSError, ValueError):
        return 0.0, 0.0
    return int(had_ns) / 1e9, int(waited_ns) / 1e9


def waited_for_core() -> float:
    """Seconds that the calling thread has waited for a core; 0 if unknown."""
    return core_time()[1]


class CoreTime:
    """Says whether a thread is starved: of that thread alone, which makes it and asks it."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        read: Callable[[], tuple[float, float]] = core_time,
    ) -> None:
        self._clock = clock
        self._read = read
        self._looked_s = clock()
        self._had_s, self._waited_s = read()

    def starved(self) -> bool | None:
        """Whether it waited for a core most of the time since the last look; None between looks."""
        now_s = self._clock()
        if now_s - self._looked_s < LOOK_S:
            return None
        had_s, waited_s = self._read()
        had, waited = had_s - self._had_s, waited_s - self._waited_s
        passed = now_s - self._looked_s
        self._looked_s, self._had_s, self._waited_s = now_s, had_s, waited_s
        return waited >= STARVED * had and waited >= LEAST_S * passed
