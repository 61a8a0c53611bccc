"""How the tested clips overlap with the training clips, and what a report says about it."""

from collections.abc import Mapping, Sequence
from typing import Literal

from monitor.recognition.metadata import ModelMetadata
from train.data.clips import JOINED, Clip
from train.data.decoding import DecodedClips
from train.evaluate.scores import Scored

# "grouped" is a clean test; all others have a warning.
Overlap = Literal["grouped", "ungrouped", "random", "fitted", "overlapping", "related", "unknown"]

HOW: Mapping[Overlap, str] = {
    "grouped": (
        "No group (source video, actor or subject) is on both sides of the split: the model was "
        "tested on scenes it had never seen."
    ),
    "ungrouped": (
        "The data, or one of the data sets, names no groups, so every clip counts as its own: "
        "where several clips were cut from one video, its scene is on both sides of the split and "
        "these numbers are too good."
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
WARNINGS: Mapping[Overlap, str] = {
    "ungrouped": "Scenes may leak into the test",
    "random": "Scenes leak into the test",
    "fitted": "This is training data, not a test",
    "overlapping": "Most likely training data, not a test",
    "related": "Perhaps not a clean test",
    "unknown": "Perhaps not a clean test",
}


def find_overlap(
    metadata: ModelMetadata, name: str, decoded_clips: DecodedClips, tested: Sequence[Clip]
) -> Overlap:
    """How `tested`, clips of the dataset `name`, overlap with the model's training clips.

    The hash in the model's metadata may be that of all clips, of the tested ones, or of all others.
    If it is none of these, the number of training clips decides: if it is larger than that of the
    other clips, some of the tested ones must be among them.
    """
    fitted = metadata.data.sha256
    if fitted in (decoded_clips.sha256(decoded_clips.clips), decoded_clips.sha256(tested)):
        return "fitted"
    chosen = set(tested)
    others = [clip for clip in decoded_clips.clips if clip not in chosen]
    if others and fitted == decoded_clips.sha256(others):
        crossing = {clip.group for clip in tested} & {clip.group for clip in others}
        return "random" if crossing else "grouped"
    if metadata.data.name == name:
        return "overlapping" if metadata.data.clips > len(others) else "related"
    return overlap_by_name(metadata, name)


def overlap_by_name(metadata: ModelMetadata, name: str) -> Overlap:
    """What the name of a data set alone tells."""
    return "related" if name in metadata.data.name.split(JOINED) else "unknown"


def check_groups(overlap: Overlap, *parts: Scored) -> Overlap:
    """`overlap`, or "ungrouped" if it is grouped but in one of `parts` each clip is its own group.

    Exact copies are in the group of the first of them.
    """
    alone = any(set(part.groups) <= set(part.clips) for part in parts)
    return "ungrouped" if overlap == "grouped" and alone else overlap
