"""Exact copies among clips: the same pictures, whatever their files are called or packed in."""

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
class Copies:
    """What is to be done about copies, and said."""

    joined: dict[str, str]  # group that shares a clip with another -> group that both count as
    notes: list[str]

    def regrouped(self, clips: Sequence[Clip]) -> tuple[Clip, ...]:
        """The clips in the groups that they count as, and these in one fold."""
        folds = {clip.group: clip.fold for clip in clips}
        groups = {group: self.joined.get(group, group) for group in folds}
        return tuple(
            replace(clip, group=groups[clip.group], fold=folds[groups[clip.group]])
            for clip in clips
        )


def find_copies(
    clips: Sequence[Clip], decoded: Mapping[str, DecodedClip], contents: Mapping[str, str]
) -> Copies:
    """Copies among clips; `decoded` and `contents`, the sha256 of the files, are by path.

    Groups that share a clip count as one, in one fold: apart, they would be on both sides of a
    split. DataError for a copy with another label.
    """
    joined: dict[str, str] = {}
    together: list[str] = []
    moved: list[str] = []
    same_files = _alike(clips, lambda clip: contents[clip.path])
    for first, *others in (*same_files, *_same_pictures(clips, decoded)):
        for other in others:
            same = f"{other.path} and {first.path} are the same video"
            if other.label != first.label:
                raise DataError(f"{same}, labelled {other.label} and {first.label}")
            one, two = sorted(_last(joined, clip.group) for clip in (first, other))
            if one != two:
                joined[two] = one
                said = together if other.fold == first.fold else moved
                said.append(f"{other.path} of {first.path}")
    notes = [
        f"exact copies of other clips {what} ({len(some)}): {', '.join(some[:_NAMED])}"
        + (", ..." if len(some) > _NAMED else "")
        for what, some in (
            ("count as one group with them", together),
            ("count as one group with them, in one fold and not in two", moved),
        )
        if some
    ]
    return Copies({group: _last(joined, group) for group in joined}, notes)


def _same_pictures(clips: Sequence[Clip], decoded: Mapping[str, DecodedClip]) -> list[list[Clip]]:
    """Clips that show the same pictures, by the first of them."""

    def glance(clip: Clip) -> object:
        frames = decoded[clip.path].frames
        return len(frames), _digest(frames[len(frames) // 2])

    def pictures(clip: Clip) -> object:
        return _digest(decoded[clip.path].frames)

    # All pictures are read of those only of which one is the same.
    return [same for alike in _alike(clips, glance) for same in _alike(alike, pictures)]


def _digest(pixels: NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(pixels.reshape(-1).data).digest()


def _alike(clips: Sequence[Clip], by: Callable[[Clip], object]) -> list[list[Clip]]:
    found: dict[object, list[Clip]] = defaultdict(list)
    for clip in clips:
        found[by(clip)].append(clip)
    return [same for same in found.values() if len(same) > 1]


def _last(joined: Mapping[str, str], group: str) -> str:
    while group in joined:
        group = joined[group]
    return group
