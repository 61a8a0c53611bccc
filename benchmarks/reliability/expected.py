"""Which alerts a camera owed, by what it really sent, and which of them came."""

from collections.abc import Sequence
from dataclasses import dataclass

# An alert must have been decided so long before its stream went wrong: what decides it is on the
# way for a group of pictures and half a second, where the scene had been still.
SETTLED_S = 3.0
APART_S = 1.0  # of an alert's start from where the film has it


@dataclass(frozen=True)
class Due:
    """An alert that the film gives, in its own seconds."""

    start_s: float
    decided_s: float
    sure: bool  # its score is no matter of which pictures happen to be sampled: it is owed


@dataclass(frozen=True)
class Session:
    """A connection through which the film was sent from its first picture, by the clock."""

    first_s: float
    last_s: float


@dataclass(frozen=True)
class Spell:
    """A time in which a camera was made to go wrong, by the clock."""

    kind: str
    from_s: float
    to_s: float


@dataclass(frozen=True)
class Judged:
    """What came of what was owed."""

    expected: int
    seen: int
    lost: tuple[float, ...]  # when an alert should have started, by the clock
    unexpected: int  # alerts at a place where the film has none


def judge(
    film: Sequence[Due],
    sessions: Sequence[Session],
    spells: Sequence[Spell],
    alerts_s: Sequence[float],
) -> Judged:
    """Compare one camera's alerts, by the clock at their starts, with what it owed."""
    lost: list[float] = []
    expected = 0
    places: list[float] = []
    for session in sessions:
        sound_s = min(
            [session.last_s, *(s.from_s for s in spells if s.to_s > session.first_s)],
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
    times, values = zip(*samples, strict=True)
    mean_s, mean = sum(times) / len(times), sum(values) / len(values)
    spread = sum((time_s - mean_s) ** 2 for time_s in times)
    shared = sum((t - mean_s) * (v - mean) for t, v in samples)
    return 3600 * shared / spread if spread else 0.0
