"""A measurement and all a reader needs to judge it; both forms of a report are made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from monitor.recognition.metadata import Contract, Data
from train.evaluate.metrics import Metrics, measure
from train.evaluate.scores import Scored

# How the tested clips relate to those that the model was fitted on.
Split = Literal["grouped", "ungrouped", "random", "fitted", "overlapping", "related", "unknown"]

HOW: Mapping[Split, str] = {
    "grouped": (
        "No group (source video, actor or subject) is on both sides of the split: the model was "
        "tested on scenes it had never seen."
    ),
    "ungrouped": (
        "The data names no groups, so every clip counts as its own: where several clips were cut "
        "from one video, its scene is on both sides of the split and these numbers are too good."
    ),
    "random": (
        "Clips were split at random, so scenes leak: clips cut from one video are on both sides, "
        "and the model may know the scene instead of the activity. On a camera it has not seen it "
        "will do worse than these numbers say."
    ),
    "fitted": (
        "The model was fitted on these very clips (the data has the hash of its training data). "
        "The numbers say how well it remembers them, not how well it will do on others."
    ),
    "overlapping": (
        "The model was fitted on so many clips of a data set with this name that some of these "
        "must be among them, if it is the same data. The numbers are then no test result."
    ),
    "related": (
        "The model was fitted on other clips of a data set with this name. Whether some of these, "
        "or of their scenes, are among them is not known."
    ),
    "unknown": (
        "Whether the model was fitted on some of these clips is not known: together they are not "
        "its training data, but single clips may be part of it."
    ),
}
WARNINGS: Mapping[Split, str] = {
    "ungrouped": "Scenes may leak into the test",
    "random": "Scenes leak into the test",
    "fitted": "This is training data, not a test",
    "overlapping": "Most likely training data, not a test",
    "related": "Perhaps not a clean test",
    "unknown": "Perhaps not a clean test",
}


@dataclass(frozen=True)
class Measured:
    """What was measured, on what, how and by which model."""

    title: str
    split: Split
    scored: Scored
    metrics: Metrics
    folds: Mapping[str, tuple[Scored, Metrics]]  # by the fold's name; empty for one split
    contract: Contract | None
    data: Data | None  # what was tested on
    settings: Mapping[str, object]  # recipe and seeds
    history: Mapping[str, Sequence[float]]  # a value an epoch
    skipped: Sequence[tuple[str, str]]  # path, reason
    notes: Sequence[str]
    unknown: Sequence[Mapping[str, object]]  # by folder: how clips of other activities were told
    created: str  # UTC, ISO 8601
    versions: Mapping[str, str]  # of what it was measured with

    @property
    def how(self) -> str:
        """How it was measured, in plain words."""
        return HOW[self.split]

    @property
    def warning(self) -> str | None:
        """Why the numbers are not to be trusted, in a few words."""
        return WARNINGS.get(self.split)

    @property
    def groups(self) -> int:
        """Groups that were tested on."""
        return len(set(self.scored.groups))


def seen_split(split: Split, scored: Scored) -> Split:
    """`split`, or "ungrouped" where a grouped split had only clips that are their own groups.

    Exact copies are in the group of the first of them.
    """
    alone = set(scored.groups) <= set(scored.clips)
    return "ungrouped" if split == "grouped" and alone else split


def measured_folds(folds: Mapping[str, Scored]) -> dict[str, tuple[Scored, Metrics]]:
    """Every fold with its own metrics."""
    return {name: (scored, measure(scored)) for name, scored in folds.items()}
