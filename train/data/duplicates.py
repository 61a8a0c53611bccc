"""Exact copies among clips: the same frames, whatever the file name and the container.

Parts of one file need not show the same frames, but they show one scene.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monitor.errors import DataError
from train.data.cache import DecodedClip
from train.data.clips import Clip

_NAMED = 3  # in a line


@dataclass(frozen=True)
class Duplicates:
    """Groups that share a clip, and notes about them."""

    merged_groups: dict[str, str]  # group that shares a clip -> group that it counts as
    notes: list[str]

    def regrouped(self, clips: Sequence[Clip]) -> tuple[Clip, ...]:
        """The clips with the groups that they count as, each group in one fold."""
        groups = {clip.group: self.merged_groups.get(clip.group, clip.group) for clip in clips}
        # A group's own fold; if its data set names none, that of a group which counts as it.
        named = {clip.group: clip.fold for clip in clips if clip.fold is not None}
        folds = {groups[group]: fold for group, fold in named.items()} | named
        return tuple(
            replace(clip, group=groups[clip.group], fold=folds.get(groups[clip.group]))
            for clip in clips
        )


def find_duplicates(
    clips: Sequence[Clip], decoded: Mapping[str, DecodedClip], contents: Mapping[str, str]
) -> Duplicates:
    """Copies among clips. `decoded`, and `contents` with the files' sha256, are keyed by path.

    Groups that share a clip or a file count as one, in one fold, so that no clip is on both sides
    of a split. DataError for a copy with another label.
    """
    merged_groups: dict[str, str] = {}
    together: list[str] = []
    moved: list[str] = []
    same_parts = _group_by(clips, lambda clip: (contents[clip.path], clip.start_s, clip.end_s))
    same_clips = [*same_parts, *_same_pictures(clips, decoded)]
    for first, *others in same_clips:
        for other in others:
            same = f"{other.path} and {first.path} are the same video"
            if other.label != first.label:
                raise DataError(f"{same}, labelled {other.label} and {first.label}")
    for first, *others in (*_group_by(clips, lambda clip: contents[clip.path]), *same_clips):
        for other in others:
            one, two = sorted(_merged_group(merged_groups, clip.group) for clip in (first, other))
            if one != two:
                merged_groups[two] = one
                copies = together if other.fold == first.fold else moved
                copies.append(f"{other.path} of {first.path}")
    notes = [
        f"exact copies of other clips {what} ({len(some)}): {', '.join(some[:_NAMED])}"
        + (", ..." if len(some) > _NAMED else "")
        for what, some in (
            ("count as one group with them", together),
            ("count as one group with them, in one fold and not in two", moved),
        )
        if some
    ]
    return Duplicates(
        {group: _merged_group(merged_groups, group) for group in merged_groups}, notes
    )


def _same_pictures(clips: Sequence[Clip], decoded: Mapping[str, DecodedClip]) -> list[list[Clip]]:
    """Lists of clips with the same frames."""

    def middle_frame(clip: Clip) -> object:
        frames = decoded[clip.path].frames
        return len(frames), _digest(frames[len(frames) // 2])

    def pictures(clip: Clip) -> object:
        return _digest(decoded[clip.path].frames)

    # Reading all frames is slow: only clips with the same middle frame are compared in full.
    return [same for alike in _group_by(clips, middle_frame) for same in _group_by(alike, pictures)]


def _digest(pixels: NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(pixels.reshape(-1).data).digest()


def _group_by(clips: Sequence[Clip], by: Callable[[Clip], object]) -> list[list[Clip]]:
    found: dict[object, list[Clip]] = defaultdict(list)
    for clip in clips:
        found[by(clip)].append(clip)
    return [same for same in found.values() if len(same) > 1]


def _merged_group(merged_groups: Mapping[str, str], group: str) -> str:
    while group in merged_groups:
        group = merged_groups[group]
    return group
