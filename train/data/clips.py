"""Labelled clips, and the data sets that they make."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from monitor.errors import ConfigError

TRAIN_ONLY = -1  # the fold of a clip that is never tested on
JOINED = "+"  # between the names of several data sets


@dataclass(frozen=True)
class Clip:
    """A video file, or a part of one, that shows one label from its first frame to its last."""

    path: str  # relative to the data folder, with forward slashes; of a part, `part_path`
    label: str
    group: str  # one source video, actor or subject; never crosses a split
    fold: int | None  # test fold, -1 for train only, None if the data names no folds
    start_s: float = 0.0  # of the part, in the file
    end_s: float = math.inf
    dataset: str = ""  # among several data sets, the name of its own; path and group begin with it
    source_label: str = ""  # its label in its own data set, if the recipe gives it another

    @property
    def is_part(self) -> bool:
        """Whether it is a part of a file."""
        return (self.start_s, self.end_s) != (0.0, math.inf)

    @property
    def file(self) -> str:
        """The path of its file."""
        return self.path.rpartition("#t=")[0] if self.is_part else self.path


def part_path(path: str, start_s: float, end_s: float) -> str:
    """The path of a part of a file: with `#t=start,end`, as W3C's Media Fragments write it."""
    end = "" if math.isinf(end_s) else f",{end_s:.12g}"
    return f"{path}#t={start_s:.12g}{end}"


@dataclass(frozen=True)
class Dataset:
    """The clips of a data folder, or of several."""

    name: str
    roots: Mapping[str, Path]  # the folders by `Clip.dataset`
    clips: tuple[Clip, ...]  # sorted by path
    labels: tuple[str, ...]  # sorted

    @property
    def where(self) -> str:
        """The folders, as messages name them."""
        return ", ".join(map(str, self.roots.values()))

    def file(self, clip: Clip) -> Path:
        """The path of a clip's file."""
        return self.roots[clip.dataset] / clip.file.removeprefix(f"{clip.dataset}/")


def only_labels(dataset: Dataset, labels: Sequence[str]) -> Dataset:
    """The clips of some labels, or all if none is named; ConfigError for a label without clips."""
    if not labels:
        return dataset
    if unknown := sorted(set(labels) - set(dataset.labels)):
        raise ConfigError(
            f"labels {unknown[0]}: no such label in {dataset.where}; "
            f"labels there: {', '.join(dataset.labels)}"
        )
    clips = tuple(clip for clip in dataset.clips if clip.label in labels)
    return replace(dataset, clips=clips, labels=tuple(sorted(set(labels))))


def data_hash(clips: Iterable[Clip], contents: Mapping[str, str]) -> str:
    """sha256 of every clip's path, label and content; `contents` maps paths to files' sha256."""
    digest = hashlib.sha256()
    for clip in sorted(clips, key=lambda clip: clip.path):
        digest.update(f"{clip.path}\0{clip.label}\0{contents[clip.path]}\n".encode())
    return digest.hexdigest()
