"""Whole streams made of clips and footage: what is shown when, decided before anything is decoded.

A clip by itself begins with the activity and ends with it. In front of a camera it comes out of
nothing in particular: windows catch its first half second, or half of it and half of what was
before. So clips are laid into footage in which nothing happens, at known times.
"""

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from monitor.errors import DataError
from train.data.footage import Footage
from train.evaluate.event_match import Event

SEED = 1
# Seconds of footage before, between and after the clips. An activity lasts until the hold after its
# last window and then rests for the cooldown: about nine seconds with the monitor's defaults. A
# clip that came sooner would be taken for the same act, and the stream measure its own haste.
GAP_S = (10.0, 16.0)


@dataclass(frozen=True)
class ClipInsert:
    """A labelled clip that is to be laid into a stream."""

    path: Path
    name: str  # in reports
    label: str
    group: str  # its source video: one stream each
    size: tuple[int, int]  # width and height, pixels
    duration_s: float  # to the end of its last picture


@dataclass(frozen=True)
class Segment:
    """What a stream shows for a while: a whole clip, or a part of some footage."""

    path: Path
    name: str
    label: str | None  # None: footage
    offset_s: float  # where it begins in the file
    start_s: float  # where it begins in the stream
    end_s: float


@dataclass(frozen=True)
class StreamPlan:
    """A stream, piece after piece without a pause."""

    name: str
    size: tuple[int, int] | None  # that footage is scaled to; None: as it is
    pieces: tuple[Segment, ...]

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return self.pieces[-1].end_s

    @property
    def clips(self) -> tuple[Segment, ...]:
        """The pieces that have a label."""
        return tuple(piece for piece in self.pieces if piece.label is not None)

    def events(self, labels: Collection[str]) -> tuple[Event, ...]:
        """What is to be found in it: the clips of `labels`, those that alert."""
        return tuple(
            Event(piece.label, piece.start_s, piece.end_s)
            for piece in self.clips
            if piece.label is not None and piece.label in labels
        )

    def shown(self, time_s: float) -> Segment:
        """The piece at a time of the stream; the last one at its end."""
        return next((piece for piece in self.pieces if time_s < piece.end_s), self.pieces[-1])


def plan_streams(
    clips: Sequence[ClipInsert], footage: Sequence[Footage], seed: int = SEED
) -> tuple[StreamPlan, ...]:
    """A stream for every group of clips: footage, clip, footage, clip, ... footage.

    The clips of a group come in random order, each gap from a random place in random footage. A
    group with pictures of several sizes has a stream for each. A stream is the same whichever other
    groups there are. DataError if no footage is long enough.
    """
    long_enough = [film for film in footage if film.duration_s >= GAP_S[1]]
    if not long_enough:
        longest = max(footage, key=lambda film: film.duration_s)
        raise DataError(
            f"{longest.path}: {longest.duration_s:.1f} s, and no footage is longer; "
            f"at least {GAP_S[1]:g} s in one file are needed"
        )
    streams: dict[tuple[str, tuple[int, int]], list[ClipInsert]] = {}
    for clip in clips:
        streams.setdefault((clip.group, clip.size), []).append(clip)
    groups = [group for group, _ in streams]
    plans = []
    for (group, size), members in sorted(streams.items()):
        name = group if groups.count(group) == 1 else f"{group} {size[0]}x{size[1]}"
        random = np.random.default_rng((seed, zlib.crc32(name.encode())))
        pieces = [_gap(long_enough, 0.0, random)]
        for index in random.permutation(len(members)):
            clip, at_s = members[index], pieces[-1].end_s
            pieces.append(
                Segment(clip.path, clip.name, clip.label, 0.0, at_s, at_s + clip.duration_s)
            )
            pieces.append(_gap(long_enough, pieces[-1].end_s, random))
        plans.append(StreamPlan(name, size, tuple(pieces)))
    return tuple(plans)


def plan_footage(footage: Sequence[Footage]) -> tuple[StreamPlan, ...]:
    """A stream for every file, as it is: in it nothing is to be found."""
    return tuple(
        StreamPlan(
            film.name, None, (Segment(film.path, film.name, None, 0.0, 0.0, film.duration_s),)
        )
        for film in footage
    )


def _gap(footage: Sequence[Footage], start_s: float, random: np.random.Generator) -> Segment:
    film = footage[int(random.integers(len(footage)))]
    duration_s = random.uniform(*GAP_S)
    offset_s = random.uniform(0, max(0.0, film.duration_s - duration_s))
    return Segment(film.path, film.name, None, offset_s, start_s, start_s + duration_s)
