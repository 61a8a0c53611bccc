"""Plans of streams: labelled clips inserted into background footage at known times.

A clip begins and ends with its activity. In front of a camera the activity begins in the middle of
something else: a window may show only its first half second. Therefore clips are inserted into
footage in which nothing happens. A plan is made before anything is decoded.
"""

import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

import numpy as np

from monitor.errors import DataError
from train.data.footage import Footage
from train.evaluate.event_match import Event

SEED = 1
# Seconds of footage before, between and after the clips. With the monitor's defaults, hold and
# cooldown take about nine seconds after the last window of an activity. A clip that came sooner
# would be taken for the same activity.
GAP_S = (10.0, 16.0)


@dataclass(frozen=True)
class ClipInsert:
    """A labelled clip to insert into a stream."""

    path: Path
    name: str  # in reports
    label: str
    group: str  # its source video; each group has its own stream
    size: tuple[int, int]  # width and height, pixels
    duration_s: float  # to the end of its last frame
    offset_s: float = 0.0  # start in the file


@dataclass(frozen=True)
class PlanSegment:
    """A part of a stream: a clip, or a piece of footage."""

    path: Path
    name: str
    label: str | None  # None: footage
    offset_s: float  # start in the file
    start_s: float  # start in the stream
    end_s: float

    @property
    def kind(self) -> str | None:
        """The kind of footage, which is the first folder of its name; None if it has none."""
        folder, parted, _ = self.name.partition("/")
        return folder if parted and self.label is None else None


@dataclass(frozen=True)
class StreamPlan:
    """A stream as consecutive segments."""

    name: str
    size: tuple[int, int] | None  # footage is scaled to this; None: unscaled
    segments: tuple[PlanSegment, ...]
    annotated: tuple[Event, ...] = ()  # events that were filmed with what is around them

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return self.segments[-1].end_s

    @property
    def clips(self) -> tuple[PlanSegment, ...]:
        """The segments that are clips."""
        return tuple(segment for segment in self.segments if segment.label is not None)

    def events(self, labels: Collection[str]) -> tuple[Event, ...]:
        """The events to find: those of `labels`, which are the labels that alert."""
        clips = [
            Event(segment.label, segment.start_s, segment.end_s)
            for segment in self.clips
            if segment.label is not None
        ]
        return tuple(event for event in (*clips, *self.annotated) if event.label in labels)

    def segment_at(self, time_s: float) -> PlanSegment:
        """The segment at a time of the stream; the last one at its end."""
        return next(
            (segment for segment in self.segments if time_s < segment.end_s), self.segments[-1]
        )


def plan_streams(
    clips: Sequence[ClipInsert], footage: Sequence[Footage], seed: int = SEED
) -> tuple[StreamPlan, ...]:
    """A stream for each group of clips: footage, clip, footage, clip, ... footage.

    The clips of a group come in random order, and each gap is a random piece of random footage. A
    group with frames of several sizes has a stream for each size. A stream does not depend on the
    other groups. DataError if no footage is long enough.
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
        segments = [_gap(long_enough, 0.0, random)]
        for index in random.permutation(len(members)):
            clip, at_s = members[index], segments[-1].end_s
            end_s = at_s + clip.duration_s
            segments.append(
                PlanSegment(clip.path, clip.name, clip.label, clip.offset_s, at_s, end_s)
            )
            segments.append(_gap(long_enough, segments[-1].end_s, random))
        plans.append(StreamPlan(name, size, tuple(segments)))
    return tuple(plans)


def plan_footage(footage: Sequence[Footage]) -> tuple[StreamPlan, ...]:
    """A stream for each file of footage, without events."""
    return tuple(
        StreamPlan(
            film.name, None, (PlanSegment(film.path, film.name, None, 0.0, 0.0, film.duration_s),)
        )
        for film in footage
    )


def plan_videos(videos: Sequence[tuple[Footage, Sequence[Event]]]) -> tuple[StreamPlan, ...]:
    """A stream for each video that was filmed with the events in it."""
    return tuple(
        replace(plan, annotated=tuple(events))
        for (film, events) in videos
        for plan in plan_footage([film])
    )


def deal_footage(
    footage: Sequence[Footage], count: int, trained: Mapping[Path, int] | None = None
) -> list[tuple[Footage, ...]] | None:
    """The films in `count` parts, so that no part shows a film of another.

    `trained` names the part of films, by resolved path, that were also trained on as clips: the one
    whose network has not seen them. Each kind of other films is spread over the parts, the longest
    first. None if a part would have no film that is long enough for the gaps of a stream.
    """
    trained = trained or {}
    in_order = sorted(
        footage, key=lambda film: (film.name.rpartition("/")[0], -film.duration_s, film.name)
    )
    # There and back again, so that no part gets the longest film of every kind.
    places = [*range(count), *reversed(range(count))]
    dealt: list[list[Footage]] = [[] for _ in range(count)]
    turns = cycle(places)
    for film in in_order:
        part = trained.get(film.path.resolve())
        dealt[next(turns) if part is None else part].append(film)
    parts = [tuple(part) for part in dealt]
    enough = all(any(film.duration_s >= GAP_S[1] for film in part) for part in parts)
    return parts if enough and count > 1 else None


def _gap(footage: Sequence[Footage], start_s: float, random: np.random.Generator) -> PlanSegment:
    film = footage[int(random.integers(len(footage)))]
    duration_s = random.uniform(*GAP_S)
    offset_s = random.uniform(0, max(0.0, film.duration_s - duration_s))
    return PlanSegment(film.path, film.name, None, offset_s, start_s, start_s + duration_s)
