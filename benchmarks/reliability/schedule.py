"""Which camera goes wrong when, and how. A seed draws the faults, so a run can be repeated."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from testkit.servers.proxy import Fault

# The proxy's fault, and the shortest and longest time in seconds. A cut is over at once.
# Silence may last longer than any limit.
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
MEANINGS = {
    "cut": "the connection is closed once",
    "frozen": "open connections stay open and silent",
    "silent": "new connections are accepted and never answered, too",
    "closing": "every connection is closed at once",
    "unauthorized": "the server answers 401",
    "not found": "the server answers 404",
    "babbling": "the server answers with bytes that mean nothing",
    "lossy": "some video packets are left out",
    "corrupt": "some bits of the video are flipped",
    "garbled": "some bytes of the stream are changed or left out",
    "timestamps ahead": "timestamps jump two hours ahead",
    "timestamps back": "timestamps jump two hours back",
}
SHIFTS_S = {"timestamps ahead": 7200.0, "timestamps back": -7200.0}
REST_S = (15.0, 90.0)  # shortest and longest time between two faults of a camera


@dataclass(frozen=True)
class Planned:
    """A fault of one camera."""

    kind: str
    rest_s: float  # before the fault
    lasts_s: float

    @property
    def fault(self) -> Fault:
        """The fault that the proxy is set to."""
        return FAULTS[self.kind][0]

    @property
    def cuts(self) -> bool:
        """Whether open connections are closed, too: faults of new connections need that."""
        return self.kind not in ("frozen", "lossy", "corrupt", "garbled", *SHIFTS_S)


def planned(camera: int, seed: int = 1) -> Iterator[Planned]:
    """A camera's faults, without end. Every kind comes as often as any other."""
    draw = random.Random(seed * 1000 + camera)
    while True:
        kinds = list(FAULTS)
        draw.shuffle(kinds)
        for kind in kinds:
            _, least_s, most_s = FAULTS[kind]
            yield Planned(kind, draw.uniform(*REST_S), draw.uniform(least_s, most_s))
