"""Clips that a table in the data folder lists.

`clips.csv` lists clips: whole files, or parts of them. `videos.csv` lists videos as they were
filmed, with the times of events; clips are cut round the events and from the rest.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from monitor.errors import DataError
from monitor.names import composed
from train.data.clips import TRAIN_ONLY, Clip, part_path
from train.data.table import read_table

CLIPS, VIDEOS = "clips.csv", "videos.csv"
COLUMNS = ("path", "label", "group", "fold")
TIMES = ("start_s", "end_s")
# Seconds of an event that may lie outside of a window which is said to show it.
CUT_OFF_S = 0.3
NEAR_SPANS = 1.5  # length, in windows, of the clip that ends when the event begins

_FOLD = re.compile(r"([+-]?[0-9]{1,9})(?:[.,]0*)?")  # spreadsheets may write 0 as 0.0
_SECONDS = re.compile(r"[0-9]{1,9}([.,][0-9]{1,9})?")
_DRIVE = re.compile(r"[A-Za-z]:/")


def listed_clips(data: Path) -> list[Clip]:
    """The clips of `clips.csv` in the folder `data`; DataError for a row that is wrong."""
    table = data / CLIPS
    clips: list[Clip] = []
    lines: dict[str, int] = {}  # path -> line
    for line, clip in _rows(table):
        if clip.path in lines:
            raise DataError(f"{table}:{line}: {clip.path} is also on line {lines[clip.path]}")
        lines[clip.path] = line
        clips.append(clip)
    return clips


@dataclass(frozen=True)
class ListedVideo:
    """A video as it was filmed, with the events in it."""

    path: str  # relative to the data folder
    group: str
    fold: int | None
    events: tuple[tuple[str, float, float], ...]  # label, start and end in seconds


def listed_videos(data: Path) -> list[ListedVideo]:
    """The videos of `videos.csv` in the folder `data`; DataError for a row that is wrong."""
    found: dict[str, list[Clip]] = {}
    for _, clip in _rows(data / VIDEOS):
        path = clip.path.rpartition("#t=")[0] if clip.is_part else clip.path
        found.setdefault(path, []).append(clip)
    return [
        ListedVideo(
            path,
            rows[0].group,
            rows[0].fold,
            tuple((row.label, row.start_s, row.end_s) for row in rows if row.is_part),
        )
        for path, rows in found.items()
    ]


def listed_events(data: Path, span_s: float) -> list[Clip]:
    """Clips cut from the videos of `videos.csv`, for windows of `span_s` seconds.

    A row with start_s and end_s is an event. A row without them is a video in which its label is
    seen from start to end; this label is also given to what lies beside the events. An event's clip
    holds the windows that show all of it. What lies before is cut in two: a clip of the last
    seconds, which look most like the event, and the rest. DataError for a row that is wrong.
    """
    table = data / VIDEOS
    rows = list(_rows(table))
    rest = {clip.label for _, clip in rows if not clip.is_part}
    if len(rest) != 1:
        raise DataError(
            f"{table}: rows without start_s and end_s show what is seen beside the events: one "
            f"label is needed, found {', '.join(sorted(rest)) or 'none'}"
        )
    (label,) = rest
    whole = [clip for _, clip in rows if not clip.is_part]
    events: dict[str, list[Clip]] = defaultdict(list)
    for line, clip in rows:
        if clip.is_part:
            events[clip.path.rpartition("#t=")[0]].append(clip)
            if any(clip.path.startswith(f"{one.path}#") for one in whole):
                raise DataError(f"{table}:{line}: a row without start_s says nothing happens in it")
    cut = [
        part
        for path, of_video in events.items()
        for part in _cut(path, sorted(of_video, key=lambda one: one.start_s), label, span_s)
    ]
    return [*whole, *cut]


def _cut(path: str, events: Sequence[Clip], rest: str, span_s: float) -> Iterator[Clip]:
    """The clips of a video with `events`, and of label `rest` between them."""
    since_s = 0.0
    for event in events:
        near_s = max(since_s, event.start_s - NEAR_SPANS * span_s)
        yield from _part(event, path, rest, since_s, near_s, span_s)
        yield from _part(event, path, rest, near_s, event.start_s, span_s)
        first_s, last_s = event.end_s - CUT_OFF_S - span_s, event.start_s + CUT_OFF_S + span_s
        if last_s - first_s < span_s:  # it lasts longer than a window
            first_s, last_s = event.start_s, event.end_s
        yield from _part(event, path, event.label, max(0.0, first_s), last_s, span_s)
        since_s = max(since_s, event.end_s)
    yield from _part(events[-1], path, rest, since_s, math.inf, span_s)


def _part(
    of: Clip, path: str, label: str, start_s: float, end_s: float, span_s: float
) -> Iterator[Clip]:
    """A part of a video as a clip, unless it is shorter than a window."""
    start_s, end_s = round(start_s, 3), round(end_s, 3)
    if end_s - start_s >= span_s:
        yield Clip(part_path(path, start_s, end_s), label, of.group, of.fold, start_s, end_s)


def _rows(table: Path) -> Iterator[tuple[int, Clip]]:
    """Each row of a table as a clip, with its line; all parts of a file, and a group, in a fold."""
    folds: dict[str, tuple[int | None, int]] = {}  # group -> fold, line
    groups: dict[str, tuple[str, int]] = {}  # file -> group, line
    for line, row in read_table(table, COLUMNS, TIMES):
        clip = _row(table.parent, f"{table}:{line}", row)
        fold, first = folds.setdefault(clip.group, (clip.fold, line))
        if fold != clip.fold:
            raise DataError(
                f"{table}:{line}: group {clip.group} is in fold {clip.fold} and, on line "
                f"{first}, in fold {fold}; a group belongs to one fold"
            )
        file = clip.path.rpartition("#t=")[0] if clip.is_part else clip.path
        group, first = groups.setdefault(file, (clip.group, line))
        if group != clip.group:
            raise DataError(
                f"{table}:{line}: {file} is in group {clip.group} and, on line {first}, in group "
                f"{group}; all parts of a file belong to one group"
            )
        yield line, clip


def _row(data: Path, where: str, row: Mapping[str, str]) -> Clip:
    for column in COLUMNS:
        if not row[column]:
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
    start_s, end_s = _times(where, row)
    if (start_s, end_s) != (0.0, math.inf):
        path = part_path(path, start_s, end_s)
    return Clip(path, composed(row["label"]), row["group"], int(fold[1]), start_s, end_s)


def _times(where: str, row: Mapping[str, str]) -> tuple[float, float]:
    """The start and the end of a row's part; those of the whole file if it has none."""
    found = []
    for column, default in zip(TIMES, (0.0, math.inf), strict=True):
        text = row[column]
        if text and not _SECONDS.fullmatch(text):
            raise DataError(f"{where}: {column} {text!r}: seconds are needed, such as 12.5")
        found.append(float(text.replace(",", ".")) if text else default)
    start_s, end_s = found
    if end_s <= start_s:
        raise DataError(f"{where}: end_s {end_s:g} is not after start_s {start_s:g}")
    return start_s, end_s


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
