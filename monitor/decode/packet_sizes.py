"""Whether the sizes of a camera's packets tell that something moves.

At a variable bit rate a still scene makes small packets, and any movement larger ones; at a
constant rate sizes say nothing. Each camera is held to its own still scenes: what is unusual there
is taken for a movement, and believed the less the more often nothing had moved.
"""

import math
from collections import deque
from collections.abc import Sequence

_GROUPS = 30  # still groups of pictures that are remembered: a minute at two seconds each
_ENOUGH = 5  # of them, to tell what is usual
_IN_A_ROW = 2  # packets: a single large one is the encoder's own affair
_FACTOR = 2.0  # above the largest usual packet
_DOUBT = 1.5  # what an alarm for nothing multiplies the factor by


class PacketSizes:
    """What sizes the packets between two key frames have while nothing moves."""

    def __init__(self) -> None:
        self._largest: deque[int] = deque(maxlen=_GROUPS)  # of each still group
        self._factor = _FACTOR
        self._limit = math.inf  # above it a packet is unusual
        self._row = 0

    def learn(self, sizes: Sequence[int]) -> None:
        """Take note of a group in which nothing moved."""
        if sizes:
            self._largest.append(max(sizes))
            self._set_limit()

    def unusual(self, size: int) -> bool:
        """Whether a packet is the last of several that are larger than any still scene's."""
        self._row = 0 if size <= self._limit else self._row + 1
        return self._row >= _IN_A_ROW

    def doubt(self) -> None:
        """Nothing had moved after all."""
        self._factor *= _DOUBT
        self._set_limit()

    def _set_limit(self) -> None:
        if len(self._largest) >= _ENOUGH:
            self._limit = self._factor * max(self._largest)
