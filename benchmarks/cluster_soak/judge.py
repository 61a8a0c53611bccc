"""Which acts a site owed alerts of, which of them it raised, and what else is in its records."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.cluster_soak.faults import FREEZE, Fault
from benchmarks.results import Facts
from testkit.servers.lasting_rtsp import Camera, Look

ACT_S, STILL_S = 4.0, 8.0  # something moves, and nothing does, in turn
# An alert is owed if one process watched so much of an act: its first key frame after a second, the
# window that shows it, and a second and a half for a machine at work.
OWED_S = 3.0
BEFORE_S, AFTER_S = 1.0, 0.5  # an alert may begin so much before its act, and after it
# The last picture may have come so much before a fault, or after it: a node has many processes.
_SAME_S, _LATER_S = 0.3, 2.0
APART = "no fault of its own"  # changes of hands, and whatever else there is


class Gap(Facts):
    """A time in which a camera was not watched."""

    camera: str
    after: str  # the fault that ended the watching, or `APART`
    at_s: float  # since the start
    lasted_s: float


class Missed(Facts):
    """An act of which an alert was owed that never came."""

    camera: str
    at_s: float  # since the start
    watched_s: float  # of the act, by one process


class Acts(Facts):
    """What became of the acts."""

    owed: int
    missed: tuple[Missed, ...]
    unwatched: int  # too little of them was watched
    unwatched_seen: int  # alerts came all the same
    unexpected: int  # alerts without an act


class Records(Facts):
    """What the alert logs and the event store have."""

    lines: int
    events: int
    lost: tuple[str, ...]  # ids of lines that have no event
    twice: tuple[str, ...]  # ids of which something was told twice under one epoch
    doubles: tuple[str, ...]  # ids of events that two processes of a shard recorded side by side
    died: int  # events that the next process ended


def watched(camera: Camera, faults: Iterable[Fault]) -> list[Look]:
    """When it was looked at by somebody who was not frozen."""
    own = [fault for fault in faults if camera.name in fault.cameras and fault.kind in FREEZE]
    ends = [fault.at_s for fault in own]  # of those that are killed, their connections end, too
    return [
        Look(look.first_s, min([look.last_s, *(end for end in ends if end > look.first_s)]))
        for look in sorted(camera.looks, key=lambda look: look.first_s)
    ]


def gaps(
    camera: str, looks: Sequence[Look], faults: Iterable[Fault], began_s: float, ended_s: float
) -> Iterator[Gap]:
    """When nobody looked at it between the start and the end, and after what."""
    own = [fault for fault in faults if camera in fault.cameras]
    until_s = began_s
    for look in [*looks, Look(ended_s, ended_s)]:
        if look.first_s > until_s and until_s < ended_s:
            after = [one.kind for one in own if -_SAME_S <= until_s - one.at_s <= _LATER_S]
            lasted_s = min(look.first_s, ended_s) - until_s
            if lasted_s > _SAME_S or after:
                yield Gap(
                    camera=camera,
                    after=after[0] if after else APART,
                    at_s=round(until_s - began_s, 1),
                    lasted_s=round(lasted_s, 2),
                )
        until_s = max(until_s, look.last_s)


def judge_acts(
    cameras: Mapping[str, tuple[Sequence[float], Sequence[Look]]],
    alerts_s: Mapping[str, Sequence[float]],
    began_s: float,
) -> Acts:
    """Of cameras by name with the starts of their acts, and of the starts of their alerts."""
    owed = unwatched = unwatched_seen = unexpected = 0
    missed = []
    for name, (acts, looks) in cameras.items():
        left = list(alerts_s.get(name, ()))
        for at_s in acts:
            own = [one for one in left if at_s - BEFORE_S <= one <= at_s + ACT_S + AFTER_S]
            left = [one for one in left if one not in own]
            watched_s = max((_overlap_s(look, at_s) for look in looks), default=0.0)
            if watched_s < OWED_S:
                unwatched += 1
                unwatched_seen += bool(own)
                continue
            owed += 1
            if not own:
                at_s, watched_s = round(at_s - began_s, 1), round(watched_s, 2)
                missed.append(Missed(camera=name, at_s=at_s, watched_s=watched_s))
        if acts:
            first_s, last_s = acts[0] - BEFORE_S, acts[-1] + ACT_S + STILL_S - BEFORE_S
            unexpected += sum(first_s <= one < last_s for one in left)
    return Acts(
        owed=owed,
        missed=tuple(missed),
        unwatched=unwatched,
        unwatched_seen=unwatched_seen,
        unexpected=unexpected,
    )


def judge_records(lines: Sequence[Mapping[str, Any]], events: Sequence[RecordedEvent]) -> Records:
    """Of all alert logs, and of the event store."""
    known = {event.id for event in events}
    told = Counter((line["id"], line["event"], line["epoch"]) for line in lines)
    return Records(
        lines=len(lines),
        events=len(events),
        lost=tuple(sorted({line["id"] for line in lines} - known)),
        twice=tuple(sorted({id for (id, _, _), count in told.items() if count > 1})),
        doubles=tuple(sorted(set(_doubles(events)))),
        died=sum(event.died for event in events),
    )


class RecordedEvent(Facts):
    """An event, as far as it matters here."""

    id: str
    camera: str
    epoch: int
    start_s: float  # by the clock
    end_s: float | None  # None: nobody knows
    died: bool


def _doubles(events: Iterable[RecordedEvent]) -> Iterator[str]:
    """Events of a camera that began when a later process of its shard had begun one already.

    And those of an earlier one that ended after that.
    """
    cameras: dict[str, list[RecordedEvent]] = defaultdict(list)
    for event in events:
        cameras[event.camera].append(event)
    for own in cameras.values():
        first = {epoch: min(one.start_s for one in own if one.epoch == epoch) for epoch in
                 sorted({one.epoch for one in own})}  # fmt: skip
        for event in own:
            ended_s = event.start_s if event.end_s is None else event.end_s
            if any(ended_s > at_s for epoch, at_s in first.items() if epoch > event.epoch):
                yield event.id


def _overlap_s(look: Look, act_s: float) -> float:
    return min(look.last_s, act_s + ACT_S) - max(look.first_s, act_s)
