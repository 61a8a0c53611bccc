"""Repeated troubles become one counted line."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

FIRST_S, LONGEST_S = 60.0, 3600.0  # from a line to the next of its kind; it doubles


@dataclass
class _Kind:
    pause_s: float = FIRST_S
    next_s: float = 0.0  # not told of before
    untold: int = 0
    told_s: float | None = None


class LogThrottle:
    """Logs a trouble at once; of one that comes again and again, how often, in ever fewer lines."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._kinds: dict[str, _Kind] = {}

    def log(self, level: int, kind: str, text: str) -> None:
        """Log `text`, or only count it where one of its `kind` was logged a short while ago."""
        told = self.due(kind, text)
        if told is not None:
            self._log.log(level, "%s", told)

    def due(self, kind: str, text: str) -> str | None:
        """What is to be logged now, for whoever logs it; None: it was only counted."""
        now_s = self._clock()
        known = self._kinds.setdefault(kind, _Kind())
        if known.told_s is not None and now_s < known.next_s:
            known.untold += 1
            return None
        if known.told_s is not None:
            rested = now_s - known.next_s > known.pause_s
            known.pause_s = FIRST_S if rested else min(LONGEST_S, 2 * known.pause_s)
        if known.untold:
            assert known.told_s is not None
            text += f" ({known.untold} more times in the last {now_s - known.told_s:.0f} s)"
        known.untold, known.told_s, known.next_s = 0, now_s, now_s + known.pause_s
        return text
