"""Which alerts a camera owed, judged by what it really sent, and which of them came."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import linear_regression

# An alert must have been decided so long before its stream went wrong. If the scene had been still,
# the frames that decide it take a GOP and half a second to arrive.
SETTLED_S = 3.0
APART_S = 1.0  # an alert's start may differ so much from the film's


@dataclass(frozen=True)
class Due:
    """An alert that the film must give, in seconds of the film."""

    start_s: float
    decided_s: float
    sure: bool  # owed: whichever frames are sampled, its score suffices


@dataclass(frozen=True)
class Session:
    """A connection that sent the film from its first frame, in seconds of the clock."""

    first_s: float
    last_s: float


@dataclass(frozen=True)
class FaultInterval:
    """A time in which a camera was made to go wrong, in seconds of the clock."""

    kind: str
    from_s: float
    to_s: float


@dataclass(frozen=True)
class Judged:
    """How many of the alerts that were owed came."""

    expected: int
    seen: int
    lost: tuple[float, ...]  # when an alert should have started, by the clock
    unexpected: int  # alerts at a time at which the film has none


def judge(
    film: Sequence[Due],
    sessions: Sequence[Session],
    intervals: Sequence[FaultInterval],
    alerts_s: Sequence[float],
) -> Judged:
    """Compare the alerts of one camera, by their starts on the clock, with what it owed."""
    lost: list[float] = []
    expected = 0
    places: list[float] = []
    for session in sessions:
        sound_s = min(
            [session.last_s, *(s.from_s for s in intervals if s.to_s > session.first_s)],
        )
        for due in film:
            at_s = session.first_s + due.start_s
            places.append(at_s)
            if due.sure and session.first_s + due.decided_s + SETTLED_S < sound_s:
                expected += 1
                if not any(abs(at_s - one) <= APART_S for one in alerts_s):
                    lost.append(at_s)
    unexpected = sum(not any(abs(one - at_s) <= APART_S for at_s in places) for one in alerts_s)
    return Judged(expected, expected - len(lost), tuple(lost), unexpected)


def slope_an_hour(samples: Sequence[tuple[float, float]]) -> float:
    """The slope of (seconds, value) pairs by least squares, an hour; 0 for fewer than two."""
    if len(samples) < 2:
        return 0.0
    return 3600 * linear_regression(*zip(*samples, strict=True)).slope
