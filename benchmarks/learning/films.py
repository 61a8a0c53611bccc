"""The films, each in two halves: what is reviewed, and what is tested."""

import csv
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from monitor.sources.file import read_frames
from train.data.footage import Footage, find_footage
from train.evaluate.streams import PlanSegment, StreamPlan

KINDS = ("street", "cars", "people")
LEAST_S = 8.0  # of a film: half of it is two windows
AROUND_S = 12.0  # of film before and after a fight, if there is so much
TEST_FOLDS = (3, 4)  # of fight-surv


@dataclass(frozen=True)
class Film:
    """A film of one camera, in two halves."""

    name: str  # of the camera
    kind: str
    first: Path
    second: Path


def cut_films(data: Path, folder: Path) -> list[Film]:
    """Cut each film of some length in half, encoded anew; the files are kept for the next time."""
    films = []
    for kind in KINDS:
        for film in find_footage(data / "background" / kind):
            if film.duration_s < LEAST_S:
                continue
            name = Path(film.name).stem.replace("_", "-")
            half_s = film.duration_s / 2
            first, second = (folder / f"{name}-{part}.mp4" for part in (1, 2))
            _cut(film, 0.0, half_s, first)
            _cut(film, half_s, half_s, second)
            films.append(Film(name, kind, first, second))
    return films


def _cut(film: Footage, from_s: float, length_s: float, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial.mp4")
    subprocess.run(
        ["ffmpeg", "-y", "-v", "error", "-i", film.path, "-ss", f"{from_s:.3f}", "-t",
         f"{length_s:.3f}", "-an", "-c:v", "libx264", "-crf", "16", "-g", "50", partial],
        check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    partial.rename(target)


def write_split(data: Path, table: Path) -> None:
    """The clips of fight-surv with the fold 0 to train on and the fold 1 to test."""
    with (data / "fight-surv" / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    table.parent.mkdir(parents=True, exist_ok=True)
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, ("path", "label", "group", "fold"))
        writer.writeheader()
        for row in rows:
            fold = int(row["fold"])
            split = fold if fold < 0 else int(fold in TEST_FOLDS)
            writer.writerow({name: row[name] for name in writer.fieldnames} | {"fold": split})


def fights_in_films(data: Path, films: Iterable[Film]) -> list[StreamPlan]:
    """A stream for each fight of the test folds: the second half of a film before and after it.

    Films take turns. The second halves are all that is used of them.
    """
    with (data / "fight-surv" / "clips.csv").open(newline="") as file:
        names = [
            row["path"]
            for row in csv.DictReader(file)
            if row["label"] == "fight" and int(row["fold"]) in TEST_FOLDS
        ]
    turns = cycle([find_footage(film.second)[0] for film in films])
    return [_around(data / "fight-surv" / name, name, next(turns)) for name in names]


def _around(path: Path, name: str, film: Footage) -> StreamPlan:
    (clip,) = find_footage(path)
    _, picture = next(read_frames(path))
    before_s = min(AROUND_S, film.duration_s)
    begin_s, end_s = before_s, before_s + clip.duration_s
    return StreamPlan(
        name,
        (picture.width, picture.height),
        (
            PlanSegment(film.path, film.name, None, film.duration_s - before_s, 0.0, begin_s),
            PlanSegment(path, name, "fight", 0.0, begin_s, end_s),
            PlanSegment(film.path, film.name, None, 0.0, end_s, end_s + before_s),
        ),
    )
