"""What a soak of a cluster counts: alerts that are owed, doubles, what is lost, and gaps."""

import random
import time
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import av
import pytest

from benchmarks.cluster_soak.faults import KINDS, Fault, kinds
from benchmarks.cluster_soak.judge import (
    APART,
    RecordedEvent,
    gaps,
    judge_acts,
    judge_records,
    watched,
)
from benchmarks.cluster_soak.page import page
from benchmarks.cluster_soak.results import Failure, Memory, Soak, broken
from benchmarks.machine import Machine
from testkit.media import make_video
from testkit.servers.lasting_rtsp import Camera, Look, lasting_cameras

DOOR = frozenset({"door"})
KILLED = Fault("process killed", "shard 1", 104.0, DOOR, 3.0)
QUICK = {"rtsp_transport": "tcp", "analyzeduration": "0", "probesize": "32"}
MACHINE = Machine(cpu="cpu", cores=2, memory_gib=8, kernel="Linux", versions={})


def event(id: str, epoch: int, start_s: float, end_s: float | None) -> RecordedEvent:
    return RecordedEvent(
        id=id, camera="door", epoch=epoch, start_s=start_s, end_s=end_s, died=end_s is None
    )


def test_a_camera_is_watched_until_what_watches_it_hangs_up_or_is_frozen() -> None:
    camera = Camera("door", 0, [Look(105.5, 120), Look(90, 110)])
    frozen = replace(KILLED, kind="node frozen")
    elsewhere = replace(frozen, at_s=115, cameras=frozenset())
    assert watched(camera, [KILLED, elsewhere]) == [Look(90, 110), Look(105.5, 120)]
    assert watched(camera, [frozen, elsewhere]) == [Look(90, 104), Look(105.5, 120)]


def test_gaps_are_told_by_the_fault_that_began_them() -> None:
    looks = [Look(90, 104), Look(106, 110), Look(110.1, 115), Look(116, 119)]
    found = list(gaps("door", looks, [KILLED, replace(KILLED, at_s=112)], 100, 120))
    assert [(gap.after, gap.at_s, gap.lasted_s) for gap in found] == [
        ("process killed", 4.0, 2.0),
        (APART, 15.0, 1.0),
        (APART, 19.0, 1.0),
    ]
    (never,) = gaps("door", [], [], 100, 120)
    assert never.lasted_s == 20


@pytest.mark.parametrize(
    ("looks", "alerts", "found"),
    [
        ([Look(90, 120)], [99.5], (1, 0, 0, 0)),
        ([Look(90, 120)], [], (1, 1, 0, 0)),
        ([Look(90, 101), Look(102, 120)], [100, 102.5], (0, 0, 1, 1)),
        ([Look(90, 101), Look(103, 120)], [], (0, 0, 1, 0)),
        ([Look(90, 120)], [100, 107], (1, 0, 0, 0)),
        ([], [], (0, 0, 1, 0)),
    ],
    ids=["seen", "missed", "seen in part", "unwatched", "another", "never watched"],
)
def test_an_alert_is_owed_if_enough_of_an_act_was_watched(
    looks: list[Look], alerts: list[float], found: tuple[int, ...]
) -> None:
    acts = judge_acts({"door": ([100.0], looks)}, {"door": alerts}, 90)
    assert (acts.owed, len(acts.missed), acts.unwatched, acts.unwatched_seen) == found
    assert acts.unexpected == (107 in alerts)


def test_lines_without_an_event_are_lost_and_one_that_is_there_twice_is_told() -> None:
    told = [("a", "start", 1), ("a", "end", 1), ("a", "end", 2), ("b", "start", 1)]
    lines = [{"id": id, "event": what, "epoch": epoch} for id, what, epoch in told]
    found = judge_records([*lines, lines[1]], [event("a", 1, 100, 104)])
    assert (found.lines, found.events, found.lost, found.twice) == (5, 1, ("b",), ("a",))


@pytest.mark.parametrize(
    ("events", "doubles"),
    [
        ([event("a", 1, 100, None), event("b", 2, 102, 104)], ()),
        ([event("a", 1, 100, 101.9), event("b", 2, 102, 104)], ()),
        ([event("a", 1, 100, 103), event("b", 2, 102, 104)], ("a",)),
        ([event("b", 2, 102, 104), event("a", 1, 112, None)], ("a",)),
        ([event("a", 1, 100, 101), event("b", 1, 101.5, 104)], ()),
    ],
    ids=["killed", "gave it back", "went on", "began later", "one process"],
)
def test_doubles_are_events_of_a_process_that_was_overtaken(
    events: list[RecordedEvent], doubles: tuple[str, ...]
) -> None:
    assert judge_records([], events).doubles == doubles


def test_faults_come_in_rounds_that_have_all_of_them_and_a_seed_repeats_them() -> None:
    drawn = [list(islice(kinds(random.Random(7)), 10)) for _ in range(2)]
    assert drawn[0] == drawn[1]
    counts = Counter(kind for kind, _ in drawn[0])
    assert counts == Counter(KINDS) | Counter({"process killed": 3})


def test_the_page_has_the_figures_and_what_is_not_as_it_should_be() -> None:
    acts = judge_acts({"door": ([100.0, 112.0], [Look(90, 120)])}, {"door": [100.0]}, 90)
    soak = Soak(
        date="2026-05-04", version="1.0", machine=MACHINE, minutes=30, lasted_min=30.2, seed=1,
        cameras=24, shards=6, nodes=3,
        failures=(Failure(kind="process killed", what="shard 1", at_s=14, well=True),),
        acts=acts, records=judge_records([], [event("a", 1, 100, 103), event("b", 2, 102, 104)]),
        gaps=tuple(gaps("door", [Look(90, 104), Look(108, 120)], [KILLED], 90, 120)),
        memory=(Memory(at_s=1, mib={"shard": 100, "agent": 50, "controller": 60}),),
        tracebacks=0, broke_off="",
    )  # fmt: skip
    faults = list(broken(soak))
    assert faults == [
        "1 alerts were owed and never came",
        "1 events were recorded by two processes side by side",
        "process killed: 1 times a camera was not watched for more than 3 s",
    ]
    text = page([soak])
    assert all(f"- {fault}\n" in text for fault in faults)
    assert "make cluster-soak MINUTES=30`" in text
    assert "for 30.2 minutes." in text
    assert "| of those without an alert | 1 |" in text
    assert (
        "| process killed | SIGKILL to the process of a shard | 1 | 1 | 4.0 s | 4.0 s | 3 s |"
        in text
    )
    assert "- door, 22.0 s after the start; 4.0 s of it were watched" in text
    well = soak.model_copy(update={"acts": judge_acts({}, {}, 0), "gaps": ()})
    assert "owed and did not come" not in page([well])


def test_cameras_go_on_while_nobody_looks_and_who_looks_comes_in_at_a_key_frame(
    tmp_path: Path,
) -> None:
    film = make_video(tmp_path / "film.mp4", fps=25, duration_s=2, gop=5).path
    with lasting_cameras(film, 25, ["door", "yard"]) as cameras:
        for name in ("door", "yard", "yard"):
            with av.open(cameras.url(name), options=QUICK) as stream:
                assert next(stream.demux(stream.streams.video[0])).is_keyframe
        door, yard = cameras.cameras.values()
        assert (door.delay_s, yard.delay_s) == (0, 1)
        first, second = yard.looks
        assert len(door.looks) == 1
        assert door.looks[0].first_s < first.first_s <= first.last_s < second.first_s < time.time()
