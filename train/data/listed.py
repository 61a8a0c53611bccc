"""Clips that a table in the data folder lists.

`clips.csv` lists clips: whole files, or parts of them. `videos.csv` lists videos as they were
filmed, with the times of events; clips are cut round the events and from the rest.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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


def listed_clips(data: Path, table: Path | None = None) -> list[Clip]:
    """The clips of the folder `data` in its `clips.csv`, or in `table`; DataError for a bad row."""
    return [clip for _, clip in _rows(data, table or data / CLIPS, COLUMNS, TIMES)]


@dataclass(frozen=True)
class ListedVideo:
    """A video as it was filmed, with the events in it."""

    whole: Clip  # of the label that is seen apart from the events
    events: tuple[Clip, ...]  # parts of it, in order of time; none overlaps another


def lists_videos(data: Path) -> bool:
    """Whether the folder `data` lists videos as they were filmed, and not clips."""
    return (data / VIDEOS).is_file() and not (data / CLIPS).is_file()


def listed_videos(data: Path) -> list[ListedVideo]:
    """The videos of `videos.csv` in the folder `data`; DataError for a row that is wrong.

    A row with start_s or end_s is an event. A row without them says what a video shows apart from
    its events: one label, for all videos.
    """
    table = data / VIDEOS
    videos: dict[str, list[tuple[int, Clip]]] = defaultdict(list)  # rows with their lines, by file
    for line, clip in _rows(data, table, (*COLUMNS, *TIMES)):
        videos[clip.file].append((line, clip))
    labels = {row.label for rows in videos.values() for _, row in rows if not row.is_part}
    if len(labels) != 1:
        raise DataError(
            f"{table}: rows without start_s and end_s say what is seen apart from the events: one "
            f"label is needed, found {', '.join(sorted(labels)) or 'none'}"
        )
    (label,) = labels
    return [
        ListedVideo(
            Clip(file, label, rows[0][1].group, rows[0][1].fold),
            tuple(_in_order(table, [(line, row) for line, row in rows if row.is_part])),
        )
        for file, rows in videos.items()
    ]


def listed_events(data: Path, span_s: float) -> list[Clip]:
    """Clips cut from the videos of `videos.csv`, for windows of `span_s` seconds.

    A video without events is a clip; the others are cut. DataError as in `listed_videos`.
    """
    return [
        clip
        for video in listed_videos(data)
        for clip in (_clips_round_events(video, span_s) if video.events else (video.whole,))
    ]


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


def _clips_round_events(video: ListedVideo, span_s: float) -> Iterator[Clip]:
    """The clips of a video: of its events, and of what lies beside them.

    What lies before an event is cut in two: a clip of the last seconds, which look most like the
    event, and what comes before. What is shorter than a window is left out.
    """
    whole, since_s = video.whole, 0.0
    for event in video.events:
        near_s = max(since_s, event.start_s - NEAR_SPANS * span_s)
        beside = [(since_s, near_s), (near_s, event.start_s)]
        yield from (_part(whole, *times) for times in beside if _holds(*times, span_s))
        yield _part(event, *_around(event, video.events, span_s))
        since_s = event.end_s
    if math.isfinite(since_s):
        yield _part(whole, since_s, math.inf)


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


def _part(of: Clip, start_s: float, end_s: float) -> Clip:
    """Another part of a clip's video, with its label."""
    times_s = round(start_s, 3), round(end_s, 3)
    return Clip(part_path(of.file, *times_s), of.label, of.group, of.fold, *times_s)


def _rows(
    data: Path, table: Path, columns: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[int, Clip]]:
    """Each row of a table as a clip, with its line; all parts of a file, and a group, in a fold."""
    lines: dict[str, int] = {}  # path -> line
    folds: dict[str, tuple[int | None, int]] = {}  # group -> fold, line
    groups: dict[str, tuple[str, int]] = {}  # file -> group, line
    for line, row in read_table(table, columns, optional):
        clip = _row(data, f"{table}:{line}", row)
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
