"""Two models on the same reviewed events: which alarms stay, which are gone, which are new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from train.data.reviewed import ReviewedClip
from train.evaluate.intervals import Interval, group_bootstrap

_SEED = 1


class Raised(StrEnum):
    """Which of the two models raised an alarm in a clip."""

    BOTH = "both"
    OLD = "old"
    NEW = "new"
    NEITHER = "neither"

    @classmethod
    def of(cls, old: bool, new: bool) -> Raised:
        """By what each did."""
        if old:
            return cls.BOTH if new else cls.OLD
        return cls.NEW if new else cls.NEITHER


@dataclass(frozen=True)
class ComparedClip:
    """A reviewed event, as both models watched its clip."""

    clip: ReviewedClip
    wanted: bool  # an alarm is right here
    old: frozenset[str]  # labels of the alarms
    new: frozenset[str]

    @property
    def raised(self) -> Raised:
        """Who raised the alarm in question: one of its label if it is wanted, else any."""
        return Raised.of(*(bool(self._counted(labels)) for labels in (self.old, self.new)))

    def _counted(self, labels: frozenset[str]) -> frozenset[str]:
        return labels & {self.clip.label} if self.wanted else labels


@dataclass(frozen=True)
class Share:
    """So many of so many; the interval is None if nothing is known."""

    count: int
    total: int
    interval: Interval | None  # 95 %

    @property
    def text(self) -> str:
        """As people read it."""
        if self.interval is None:
            return f"{self.count} of {self.total}"
        low, high = round(100 * self.interval.low), round(100 * self.interval.high)
        return f"{self.count} of {self.total} (95 %: {low} to {high} %)"


@dataclass(frozen=True)
class Comparison:
    """What two models did on the same clips."""

    clips: Sequence[ComparedClip]

    @property
    def gone(self) -> Share:
        """The false alarms of the old model that the new one does not raise."""
        return self._share(False, Raised.OLD)

    @property
    def kept(self) -> Share:
        """The right alarms of the old model that the new one raises, too."""
        return self._share(True, Raised.BOTH)

    @property
    def new_false(self) -> int:
        """False alarms that only the new model raises."""
        return self.counts(False)[Raised.NEW]

    @property
    def new_found(self) -> int:
        """Right alarms that only the new model raises."""
        return self.counts(True)[Raised.NEW]

    def counts(self, wanted: bool) -> Counter[Raised]:
        """How many clips, by who raised an alarm."""
        return Counter(one.raised for one in self.clips if one.wanted == wanted)

    @property
    def summary(self) -> str:
        """In a line."""
        return (
            f"false alarms gone: {self.gone.text}, new ones: {self.new_false}; "
            f"right alarms kept: {self.kept.text}, new ones: {self.new_found}"
        )

    def _share(self, wanted: bool, raised: Raised) -> Share:
        """Of the clips in which the old model raised the alarm, those with this outcome."""
        of_old = (Raised.BOTH, Raised.OLD)
        clips = [one for one in self.clips if one.wanted == wanted and one.raised in of_old]
        right = np.array([one.raised == raised for one in clips], dtype=bool)
        groups = [one.clip.group for one in clips]
        interval = group_bootstrap(right, groups, _SEED)
        return Share(int(right.sum()), len(clips), interval)


def compare(
    clips: Sequence[ReviewedClip],
    old: Sequence[Iterable[str]],
    new: Sequence[Iterable[str]],
    background: Collection[str],
) -> Comparison:
    """The comparison of two models by the labels of their alarms, clip by clip.

    An alarm is wanted in a clip that shows a label which is none of `background`.
    """
    return Comparison(
        [
            ComparedClip(
                clip,
                clip.label is not None and clip.label not in background,
                frozenset(by_old),
                frozenset(by_new),
            )
            for clip, by_old, by_new in zip(clips, old, new, strict=True)
        ]
    )
