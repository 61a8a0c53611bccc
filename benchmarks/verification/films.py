"""The films that are watched: some with what is to be found, and some without.

A clip that is shorter than a window is played slower, until it is as long as one.
"""

import math
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby
from pathlib import Path

import numpy as np
from av import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from benchmarks.recognition.insets import place
from monitor.sources.file import read_frames
from testkit import ROOT
from train.data.footage import Footage, find_footage
from train.data.listed import listed_clips, listed_videos

Frames = Iterator[tuple[float, VideoFrame]]
Interval = tuple[float, float]  # start and end, seconds

SMALL = ", small"  # in the name of a set: its films are laid small into a room
ROADS = ("street", "cars", "traffic", "car-detection")
_BLOWS = ("kick", "punch", "push")
_HOCKEY = 150  # clips, drawn once
_ROOM = Path("surveillance", "one-by-one-person-detection.mp4")  # empty in its first picture
_LEAST_S = 2.0  # from the first picture of a clip to its last: a window surely lies in it
_ALWAYS = (0.0, math.inf)
_SAMPLE = ROOT / "monitor" / "samples" / "bus.mp4"


@dataclass(frozen=True)
class Film:
    """What a camera would show."""

    name: str
    play: Callable[[], Frames]
    events: tuple[Interval, ...] = ()  # what is to be found


@dataclass(frozen=True)
class FilmSet:
    """Films of one kind, watched by one model."""

    model: str  # of the package
    name: str
    films: tuple[Film, ...]

    @property
    def quiet(self) -> bool:
        """Whether nothing is to be found in it."""
        return not any(film.events for film in self.films)


def film_sets(data: Path) -> list[FilmSet]:
    """All sets, of the folder of data sets."""
    fights = _clips(data / "fight-surv", {"fight"})
    hockey = _clips(data / "hockey", {"fight"})
    falls, videos = _clips(data / "falls", {"Fall"}), _videos(data / "le2i")
    (room,) = find_footage(data / _ROOM)
    with_fall = [film for film in videos if film.events]
    quiet = _quiet(data)
    (bus,) = find_footage(_SAMPLE)
    return [
        FilmSet("fight", "fight-surv", fights),
        FilmSet("fight", "ut-interaction", _clips(data / "ut-interaction", _BLOWS)),
        FilmSet("fight", "hockey", tuple(random.Random(1).sample(hockey, _HOCKEY))),
        FilmSet("fight", f"fight-surv{SMALL}", _laid(fights[::2], room)),
        *(FilmSet("fight", name, films) for name, films in quiet.items()),
        FilmSet("fall", "le2i", videos),
        FilmSet("fall", "falls", falls),
        FilmSet("fall", f"le2i and falls{SMALL}", _laid([*with_fall[::2], *falls], room)),
        *(FilmSet("fall", name, films) for name, films in quiet.items()),
        FilmSet("fall", "the sample", (_film(bus),)),
    ]


def _clips(folder: Path, labels: Collection[str]) -> tuple[Film, ...]:
    """Films that are events from start to end."""
    return tuple(
        Film(clip.file, partial(_slowed, folder / clip.file), (_ALWAYS,))
        for clip in listed_clips(folder)
        if clip.label in labels
    )


def _slowed(path: Path) -> Frames:
    last_s = 0.0
    for time_s, _ in read_frames(path):
        last_s = time_s
    slower = max(1.0, _LEAST_S / last_s)
    return ((time_s * slower, picture) for time_s, picture in read_frames(path))


def _videos(folder: Path) -> tuple[Film, ...]:
    return tuple(
        Film(
            video.whole.file,
            partial(read_frames, folder / video.whole.file),
            tuple((fall.start_s, fall.end_s) for fall in video.events),
        )
        for video in listed_videos(folder)
    )


def _quiet(data: Path) -> dict[str, tuple[Film, ...]]:
    """Films in which nothing is to be found, by kind."""
    footage = find_footage(data / "background")
    kinds = {
        kind: tuple(map(_film, films))
        for kind, films in groupby(footage, key=lambda film: film.name.partition("/")[0])
    }
    other = find_footage(data / "surveillance")
    return kinds | {Path(film.name).stem: (_film(film),) for film in other}


def _film(footage: Footage) -> Film:
    return Film(footage.name, partial(read_frames, footage.path))


def _laid(films: Sequence[Film], room: Footage) -> tuple[Film, ...]:
    """The films a third as high as the room that they are laid into, each at its own place."""
    _, picture = next(read_frames(room.path))
    pixels: NDArray[np.uint8] = picture.to_ndarray(format="rgb24")  # type: ignore[assignment]
    return tuple(Film(one.name, partial(_lay, one, pixels), one.events) for one in films)


def _lay(film: Film, room: NDArray[np.uint8]) -> Frames:
    """A film within one picture of an empty room, which stands still."""
    frames = film.play()
    first = next(frames)
    size = first[1].width, first[1].height
    inset = place(film.name, size, [((room.shape[1], room.shape[0]), 0.0)], 0.0)
    right, bottom = inset.left + inset.width, inset.top + inset.height
    for time_s, picture in chain((first,), frames):
        whole = room.copy()
        small = picture.reformat(
            inset.width, inset.height, "rgb24", interpolation=Interpolation.AREA, threads=1
        )
        whole[inset.top : bottom, inset.left : right] = small.to_ndarray()
        yield time_s, VideoFrame.from_ndarray(whole, "rgb24").reformat(format="yuv420p", threads=1)
