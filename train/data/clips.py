"""Labelled clips on disk, in one of three folder layouts."""

import hashlib
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic_core import PydanticCustomError

from monitor.errors import ConfigError, DataError
from monitor.names import as_label, composed, is_printable, printable
from train.data.table import read_table
from train.data.video_files import SUFFIXES, VideoFinder

log = logging.getLogger(__name__)

TABLE = "clips.csv"
COLUMNS = ("path", "label", "group", "fold")
TRAIN_ONLY = -1  # the fold of a clip that is never tested on

_UCF_NAME = re.compile(r"v_(?P<label>.+)_(?P<group>g\d+)_c\d+")
_FOLD = re.compile(r"([+-]?[0-9]{1,9})(?:[.,]0*)?")  # spreadsheets may write 0 as 0.0
_DRIVE = re.compile(r"[A-Za-z]:/")


@dataclass(frozen=True)
class Clip:
    """A video file that shows one label from its first frame to its last."""

    path: str  # relative to the data folder, with forward slashes
    label: str
    group: str  # one source video, actor or subject; never crosses a split
    fold: int | None  # test fold, -1 for train only, None if the data names no folds


@dataclass(frozen=True)
class Dataset:
    """The clips of a data folder."""

    name: str
    root: Path
    clips: tuple[Clip, ...]  # sorted by path
    labels: tuple[str, ...]  # sorted

    def file(self, clip: Clip) -> Path:
        """The path of a clip's file."""
        return self.root / clip.path


def find_clips(data: Path, min_labels: int = 2) -> Dataset:
    """The labelled clips of the folder `data`; DataError if it has fewer than `min_labels` labels.

    If there is a `clips.csv`, it lists the clips. Otherwise they are found by UCF50's layout
    (`<Class>/v_<Class>_gNN_cNN.avi`, or such files directly in the folder), or by a folder per
    label.
    """
    if not data.is_dir():
        raise DataError(f"{data}: no such folder")
    clips = _from_table(data) if (data / TABLE).is_file() else _from_files(data)
    labels = tuple(sorted({clip.label for clip in clips}))
    if not clips:
        raise DataError(
            f"{data}: no clips; a data folder holds {TABLE}, a folder per label, "
            "or files named v_<Class>_gNN_cNN"
        )
    for clip in clips:
        if not is_printable(clip.path):
            raise DataError(f"{data}: {clip.path!r}: a name that cannot be printed; rename it")
    for label in labels:
        try:
            as_label(label)
        except PydanticCustomError as error:
            raise DataError(f"{data}: label {label!r}: {error.message()}") from None
    if len(labels) < min_labels:
        raise DataError(f"{data}: only one label ({labels[0]}); at least two are needed")
    return Dataset(
        printable(data.resolve().name),
        data,
        tuple(sorted(clips, key=lambda clip: clip.path)),
        labels,
    )


def only_labels(dataset: Dataset, labels: Sequence[str]) -> Dataset:
    """The clips of some labels, or all if none is named; ConfigError for a label without clips."""
    if not labels:
        return dataset
    if unknown := sorted(set(labels) - set(dataset.labels)):
        raise ConfigError(
            f"labels {unknown[0]}: no such label in {dataset.root}; "
            f"labels there: {', '.join(dataset.labels)}"
        )
    clips = tuple(clip for clip in dataset.clips if clip.label in labels)
    return Dataset(dataset.name, dataset.root, clips, tuple(sorted(set(labels))))


def data_hash(clips: Iterable[Clip], contents: Mapping[str, str]) -> str:
    """sha256 of every clip's path, label and content; `contents` maps paths to files' sha256."""
    digest = hashlib.sha256()
    for clip in sorted(clips, key=lambda clip: clip.path):
        digest.update(f"{clip.path}\0{clip.label}\0{contents[clip.path]}\n".encode())
    return digest.hexdigest()


def _from_files(data: Path) -> list[Clip]:
    finder = VideoFinder(data)
    here = finder.here()
    flat = [path for path in here if _UCF_NAME.fullmatch(path.stem)]
    videos = {} if flat else {folder: finder.below(folder) for folder in finder.folders()}
    if any(videos.values()):
        finder.skip_unlabelled(here)
    finder.log_skipped()
    if finder.endings:
        log.warning("skipped, not a video by its ending: %s", ", ".join(sorted(finder.endings)))
    return [_ucf_clip(data, path) for path in flat] or _from_folders(data, videos)


def _ucf_clip(data: Path, path: Path, label: str | None = None) -> Clip:
    name = _UCF_NAME.fullmatch(path.stem)
    assert name is not None
    label = composed(label or name["label"])
    return Clip(path.relative_to(data).as_posix(), label, name["group"], None)


def _from_folders(data: Path, videos: Mapping[Path, Sequence[Path]]) -> list[Clip]:
    if not any(videos.values()):
        return []
    for folder, found in videos.items():
        if not found:
            raise DataError(
                f"{folder}: no clips in this folder; every label needs some; "
                f"endings read: {' '.join(sorted(SUFFIXES))}"
            )
    paths = [path for found in videos.values() for path in found]
    odd = [path for path in paths if not _UCF_NAME.fullmatch(path.stem)]
    if not odd:
        return [_ucf_clip(data, path, folder.name) for folder in videos for path in videos[folder]]
    if len(odd) < len(paths):
        raise DataError(
            f"{odd[0]}: is not named v_<Class>_gNN_cNN as {len(paths) - len(odd)} others are, so "
            "its group is not known; rename or remove it"
        )
    log.warning(
        "%s: no groups are known (no %s, no names with gNN): every clip counts as its own group, "
        "so a split may leak scenes into the test",
        data,
        TABLE,
    )
    return [
        Clip(name, composed(folder.name), name, None)
        for folder in videos
        for name in (path.relative_to(data).as_posix() for path in videos[folder])
    ]


def _from_table(data: Path) -> list[Clip]:
    table = data / TABLE
    clips: list[Clip] = []
    lines: dict[str, int] = {}  # path -> line
    folds: dict[str, tuple[int | None, int]] = {}  # group -> fold, line
    for line, row in read_table(table, COLUMNS):
        clip = _row(data, f"{table}:{line}", row)
        if clip.path in lines:
            raise DataError(f"{table}:{line}: {clip.path} is also on line {lines[clip.path]}")
        lines[clip.path] = line
        fold, first = folds.setdefault(clip.group, (clip.fold, line))
        if fold != clip.fold:
            raise DataError(
                f"{table}:{line}: group {clip.group} is in fold {clip.fold} and, on line "
                f"{first}, in fold {fold}; a group belongs to one fold"
            )
        clips.append(clip)
    return clips


def _row(data: Path, where: str, row: Mapping[str, str]) -> Clip:
    for column, value in row.items():
        if not value:
            raise DataError(f"{where}: {column} is empty")
    fold = _FOLD.fullmatch(row["fold"])
    if fold is None or int(fold[1]) < TRAIN_ONLY:
        raise DataError(
            f"{where}: fold {row['fold']!r}: a whole number is needed, -1 for train only"
        )
    # A name may hold a backslash here; in a table from Windows it separates folders.
    parted = row["path"].replace("\\", "/")
    if parted.startswith("/") or _DRIVE.match(parted) or ".." in parted.split("/"):
        raise DataError(f"{where}: {row['path']}: leads out of the folder")
    path = _existing_path(data, row["path"]) or _existing_path(data, parted)
    if path is None:
        raise DataError(f"{where}: {row['path']}: no such file")
    return Clip(path, composed(row["label"]), row["group"], int(fold[1]))


def _existing_path(data: Path, path: str) -> str | None:
    """The path of a file as the folder spells it, because Unicode has two forms of an accent."""
    place = data
    try:
        for part in PurePosixPath(path).parts:
            if not (place / part).exists():
                same = [one for one in place.iterdir() if composed(one.name) == composed(part)]
                part = same[0].name if same else part
            place /= part
        return place.relative_to(data).as_posix() if place.is_file() else None
    except (OSError, ValueError):  # the folder does not exist or cannot be read
        return None
