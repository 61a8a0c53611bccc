"""Clips that a table in the data folder lists.

`clips.csv` lists clips: whole files, or parts of them. `videos.csv` lists videos as they were
filmed, with the times of events; clips are cut round the events and from the rest.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from monitor.errors import DataError
from monitor.names import composed
from train.data.clips import TRAIN_ONLY, Clip, part_path
from train.data.table import read_table

CLIPS, VIDEOS = "clips.csv", "videos.csv"
COLUMNS = ("path", "label", "group", "fold")
TIMES = ("start_s", "end_s")
# Seconds of an event that a window which shows it may miss.
CUT_OFF_S = 0.3
NEAR_SPANS = 1.5  # length, in windows, of the clip that ends when the event begins

_FOLD = re.compile(r"([+-]?[0-9]{1,9})(?:[.,]0*)?")  # spreadsheets may write 0 as 0.0
_SECONDS = re.compile(r"[0-9]{1,9}([.,][0-9]{1,9})?")
_DRIVE = re.compile(r"[A-Za-z]:/")


def listed_clips(data: Path) -> list[Clip]:
    """The clips of `clips.csv` in the folder `data`; DataError for a row that is wrong."""
    return [clip for _, clip in _rows(data / CLIPS, COLUMNS, TIMES)]


def listed_events(data: Path, span_s: float) -> list[Clip]:
    """Clips cut from the videos of `videos.csv`, for windows of `span_s` seconds.

    A row with start_s or end_s is an event. A row without them says what a video shows apart from
    its events: one label, for all videos. A video without events is a clip; the others are cut.
    DataError for a row that is wrong.
    """
    table = data / VIDEOS
    whole: dict[str, Clip] = {}  # by file
    events: dict[str, list[tuple[int, Clip]]] = defaultdict(list)
    for line, clip in _rows(table, (*COLUMNS, *TIMES)):
        if clip.is_part:
            events[clip.file].append((line, clip))
        else:
            whole[clip.file] = clip
    rest = {clip.label for clip in whole.values()}
    if len(rest) != 1:
        raise DataError(
            f"{table}: rows without start_s and end_s say what is seen apart from the events: one "
            f"label is needed, found {', '.join(sorted(rest)) or 'none'}"
        )
    (label,) = rest
    cut = [
        part
        for of_video in events.values()
        for part in _cut(_in_order(table, of_video), label, span_s)
    ]
    return [*(clip for file, clip in whole.items() if file not in events), *cut]


def _in_order(table: Path, events: Sequence[tuple[int, Clip]]) -> list[Clip]:
    """The events of a video, each with its line, by time; those of a label that overlap are one."""
    found: list[Clip] = []
    for line, event in sorted(events, key=lambda row: row[1].start_s):
        if not found or event.start_s >= found[-1].end_s:
            found.append(event)
        elif event.label == found[-1].label:
            found[-1] = replace(found[-1], end_s=max(event.end_s, found[-1].end_s))
        else:
            raise DataError(
                f"{table}:{line}: {event.path} is {event.label} and overlaps {found[-1].path}, "
                f"which is {found[-1].label}; events of two labels may not overlap"
            )
    return found


def _cut(events: Sequence[Clip], rest: str, span_s: float) -> Iterator[Clip]:
    """The clips of a video: of its events, and of the label `rest` beside them.

    What lies before an event is cut in two: a clip of the last seconds, which look most like the
    event, and what comes before. What is shorter than a window is left out.
    """
    since_s = 0.0
    for event in events:
        near_s = max(since_s, event.start_s - NEAR_SPANS * span_s)
        beside = [(since_s, near_s), (near_s, event.start_s)]
        yield from (_part(event, rest, *times) for times in beside if _holds(*times, span_s))
        yield _part(event, event.label, *_around(event, events, span_s))
        since_s = event.end_s
    if math.isfinite(since_s):
        yield _part(events[-1], rest, since_s, math.inf)


def _around(event: Clip, events: Sequence[Clip], span_s: float) -> tuple[float, float]:
    """From when to when all windows show an event, and next to nothing of one of another label.

    If there is no such window, because it lasts too long or another is too near: the event itself.
    """
    others = [one for one in events if one.label != event.label]
    before = [one.end_s - CUT_OFF_S for one in others if one.end_s <= event.start_s]
    after = [one.start_s + CUT_OFF_S for one in others if one.start_s >= event.end_s]
    start_s = max(0.0, event.end_s - CUT_OFF_S - span_s, *before)
    end_s = min(event.start_s + CUT_OFF_S + span_s, *after, math.inf)
    return (start_s, end_s) if _holds(start_s, end_s, span_s) else (event.start_s, event.end_s)


def _holds(start_s: float, end_s: float, span_s: float) -> bool:
    """Whether a part holds a window."""
    return round(end_s - start_s, 3) >= span_s


def _part(of: Clip, label: str, start_s: float, end_s: float) -> Clip:
    """A part of the video that a clip is of."""
    times_s = round(start_s, 3), round(end_s, 3)
    return Clip(part_path(of.file, *times_s), label, of.group, of.fold, *times_s)


def _rows(
    table: Path, columns: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[int, Clip]]:
    """Each row of a table as a clip, with its line; all parts of a file, and a group, in a fold."""
    lines: dict[str, int] = {}  # path -> line
    folds: dict[str, tuple[int | None, int]] = {}  # group -> fold, line
    groups: dict[str, tuple[str, int]] = {}  # file -> group, line
    for line, row in read_table(table, columns, optional):
        clip = _row(table.parent, f"{table}:{line}", row)
        if lines.setdefault(clip.path, line) != line:
            raise DataError(f"{table}:{line}: {clip.path} is also on line {lines[clip.path]}")
        fold, first = folds.setdefault(clip.group, (clip.fold, line))
        if fold != clip.fold:
            raise DataError(
                f"{table}:{line}: group {clip.group} is in fold {clip.fold} and, on line "
                f"{first}, in fold {fold}; a group belongs to one fold"
            )
        group, first = groups.setdefault(clip.file, (clip.group, line))
        if group != clip.group:
            raise DataError(
                f"{table}:{line}: {clip.file} is in group {clip.group} and, on line {first}, in "
                f"group {group}; all parts of a file belong to one group"
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
        raise DataError(
            f"{where}: end_s {row['end_s']!r} is not after start_s {row['start_s'] or '0'!r}"
        )
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
