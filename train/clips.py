"""Labelled clips on disk and the three layouts they are read from."""

import csv
import hashlib
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter, ValidationError

from monitor.contract import Label
from monitor.errors import ConfigError, DataError
from monitor.printable import printable

log = logging.getLogger(__name__)

TABLE = "clips.csv"
COLUMNS = ("path", "label", "group", "fold")
TRAIN_ONLY = -1  # the fold of a clip that is never tested on
SUFFIXES = frozenset(
    (
        *(".3gp", ".asf", ".avi", ".dav", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4"),
        *(".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv"),
    )
)

_UCF_NAME = re.compile(r"v_(?P<label>.+)_(?P<group>g\d+)_c\d+")
_LABEL: TypeAdapter[str] = TypeAdapter(Label)


@dataclass(frozen=True)
class Clip:
    """A video file that shows one label from its first frame to its last."""

    path: str  # relative to the data folder, with forward slashes
    label: str
    group: str  # one source video, actor or subject; never crosses a split
    fold: int | None  # test fold, -1 for train only, None where the data names no folds


@dataclass(frozen=True)
class Dataset:
    """The clips of a data folder."""

    name: str
    root: Path
    clips: tuple[Clip, ...]  # sorted by path
    labels: tuple[str, ...]  # sorted

    def file(self, clip: Clip) -> Path:
        """Where a clip lies."""
        return self.root / clip.path


def find_clips(data: Path, least_labels: int = 2) -> Dataset:
    """The labelled clips of the folder `data`; DataError where it cannot be trained or tested on.

    That takes `least_labels` labels.

    Read are `clips.csv` where there is one, else UCF50's layout (`<Class>/v_<Class>_gNN_cNN.avi`,
    or such files directly in the folder), else a folder per label.
    """
    if not data.is_dir():
        raise DataError(f"{data}: no such folder")
    if (data / TABLE).is_file():
        clips = _from_table(data)
    elif flat := [path for path in _videos(data.glob("*")) if _UCF_NAME.fullmatch(path.stem)]:
        clips = [_ucf_clip(data, path) for path in flat]
    else:
        clips = _from_folders(data)
    labels = tuple(sorted({clip.label for clip in clips}))
    if not clips:
        raise DataError(
            f"{data}: no clips; a data folder holds {TABLE}, a folder per label, "
            "or files named v_<Class>_gNN_cNN"
        )
    for clip in clips:
        if not clip.path.isprintable():
            raise DataError(f"{data}: {clip.path!r}: a name that cannot be printed; rename it")
    for label in labels:
        try:
            _LABEL.validate_python(label)
        except ValidationError:
            raise DataError(
                f"{data}: label {label!r}: up to 64 letters, digits, spaces and _ . + - are allowed"
            ) from None
    if len(labels) < least_labels:
        raise DataError(f"{data}: only one label ({labels[0]}); at least two are needed")
    return Dataset(
        printable(data.resolve().name),
        data,
        tuple(sorted(clips, key=lambda clip: clip.path)),
        labels,
    )


def only_labels(dataset: Dataset, labels: Sequence[str]) -> Dataset:
    """The clips of some labels; all where none are named. ConfigError for a label that has none."""
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


def _videos(paths: Iterable[Path]) -> list[Path]:
    files = sorted(path for path in paths if not path.name.startswith(".") and path.is_file())
    videos = [path for path in files if path.suffix.lower() in SUFFIXES]
    if others := {path.suffix or path.name for path in files} - {path.suffix for path in videos}:
        log.warning("passed over, no video by its ending: %s", ", ".join(sorted(others)))
    return videos


def _ucf_clip(data: Path, path: Path, label: str | None = None) -> Clip:
    name = _UCF_NAME.fullmatch(path.stem)
    assert name is not None
    return Clip(path.relative_to(data).as_posix(), label or name["label"], name["group"], None)


def _from_folders(data: Path) -> list[Clip]:
    folders = sorted(
        folder for folder in data.iterdir() if folder.is_dir() and not folder.name.startswith(".")
    )
    videos = {folder: _videos(folder.rglob("*")) for folder in folders}
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
        return [_ucf_clip(data, path, folder.name) for folder in folders for path in videos[folder]]
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
        Clip(name, folder.name, name, None)
        for folder in folders
        for name in (path.relative_to(data).as_posix() for path in videos[folder])
    ]


def _from_table(data: Path) -> list[Clip]:
    table = data / TABLE
    clips: list[Clip] = []
    lines: dict[str, int] = {}  # path -> line
    folds: dict[str, tuple[int | None, int]] = {}  # group -> fold, line
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            for column in COLUMNS:
                if column not in (reader.fieldnames or ()):
                    raise DataError(
                        f"{table}:1: no column {column}; columns needed: {', '.join(COLUMNS)}"
                    )
            for row in reader:
                line = reader.line_num
                clip = _row(data, f"{table}:{line}", row)
                if clip.path in lines:
                    raise DataError(
                        f"{table}:{line}: {clip.path} is also on line {lines[clip.path]}"
                    )
                lines[clip.path] = line
                fold, first = folds.setdefault(clip.group, (clip.fold, line))
                if fold != clip.fold:
                    raise DataError(
                        f"{table}:{line}: group {clip.group} is in fold {clip.fold} and, on line "
                        f"{first}, in fold {fold}; a group belongs to one fold"
                    )
                clips.append(clip)
    except UnicodeDecodeError:
        raise DataError(f"{table}: not UTF-8 text") from None
    except (OSError, csv.Error) as error:
        raise DataError(f"{table}: cannot be read: {error}") from None
    return clips


def _row(data: Path, where: str, row: Mapping[str, str | None]) -> Clip:
    values = {column: (row[column] or "").strip() for column in COLUMNS}
    for column, value in values.items():
        if not value:
            raise DataError(f"{where}: {column} is empty")
    try:
        fold = int(values["fold"])
    except ValueError:
        fold = TRAIN_ONLY - 1
    if fold < TRAIN_ONLY:
        raise DataError(
            f"{where}: fold {values['fold']!r}: a whole number is needed, -1 for train only"
        )
    inside = PurePosixPath(values["path"])
    if inside.is_absolute() or ".." in inside.parts:
        raise DataError(f"{where}: {values['path']}: leads out of the folder")
    values["path"] = inside.as_posix()
    if not (data / values["path"]).is_file():
        raise DataError(f"{where}: {values['path']}: no such file")
    return Clip(values["path"], values["label"], values["group"], fold)
