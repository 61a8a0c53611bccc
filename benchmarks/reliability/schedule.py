"""Which camera goes wrong when, and how: drawn by a seed, so that a run can be repeated."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from testkit.servers.proxy import Fault

# Seconds that each lasts. A cut is over at once; what is silent, longer than any limit.
FAULTS: dict[str, tuple[Fault, float, float]] = {
    "cut": ("none", 0, 0),
    "frozen": ("frozen", 1, 40),
    "silent": ("silent", 1, 40),
    "closing": ("closing", 1, 20),
    "unauthorized": ("unauthorized", 1, 20),
    "not found": ("not found", 1, 20),
    "babbling": ("babbling", 1, 20),
    "lossy": ("lossy", 5, 30),
    "corrupt": ("corrupt", 5, 30),
    "garbled": ("garbled", 5, 30),
    "timestamps ahead": ("none", 5, 30),
    "timestamps back": ("none", 5, 30),
}
SHIFTS_S = {"timestamps ahead": 7200.0, "timestamps back": -7200.0}
REST_S = (15.0, 90.0)  # between two of a camera's faults


@dataclass(frozen=True)
class Planned:
    """A fault of one camera."""

    kind: str
    rest_s: float  # before it
    lasts_s: float

    @property
    def fault(self) -> Fault:
        """What the proxy is set to."""
        return FAULTS[self.kind][0]

    @property
    def cuts(self) -> bool:
        """Whether what is open is closed, too: faults of new connections need that."""
        return self.kind not in ("frozen", "lossy", "corrupt", "garbled", *SHIFTS_S)


def planned(camera: int, seed: int = 1) -> Iterator[Planned]:
    """A camera's faults, one after another, for ever; every kind as often as any other."""
    draw = random.Random(seed * 1000 + camera)
    while True:
        kinds = list(FAULTS)
        draw.shuffle(kinds)
        for kind in kinds:
            _, least_s, most_s = FAULTS[kind]
            yield Planned(kind, draw.uniform(*REST_S), draw.uniform(least_s, most_s))
