"""How tested clips overlap with those that the model was fitted on, and what to say of it."""

from collections.abc import Mapping, Sequence
from typing import Literal

from monitor.recognition.metadata import Contract
from train.data.clips import Clip
from train.data.preparation import Prepared
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


def relation(contract: Contract, name: str, prepared: Prepared, tested: Sequence[Clip]) -> Split:
    """How `tested`, some clips of the data `name`, relate to what the model was fitted on.

    Told from the hash in its contract: that of all clips, of the tested ones, or of all others.
    Where it is none of them, more clips than there are others must have some of the tested ones.
    """
    fitted = contract.data.sha256
    if fitted in (prepared.sha256(prepared.clips), prepared.sha256(tested)):
        return "fitted"
    chosen = set(tested)
    others = [clip for clip in prepared.clips if clip not in chosen]
    if others and fitted == prepared.sha256(others):
        crossing = {clip.group for clip in tested} & {clip.group for clip in others}
        return "random" if crossing else "grouped"
    if contract.data.name != name:
        return "unknown"
    return "overlapping" if contract.data.clips > len(others) else "related"


def seen_split(split: Split, scored: Scored) -> Split:
    """`split`, or "ungrouped" where a grouped split had only clips that are their own groups.

    Exact copies are in the group of the first of them.
    """
    alone = set(scored.groups) <= set(scored.clips)
    return "ungrouped" if split == "grouped" and alone else split
