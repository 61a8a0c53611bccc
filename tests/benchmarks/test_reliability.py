"""What a soak counts as owed, seen and lost, and its page."""

import itertools
from dataclasses import replace
from typing import Any, cast

import pytest

from benchmarks.machine import machine
from benchmarks.reliability.expected import Due, FaultInterval, Session, judge, slope_an_hour
from benchmarks.reliability.page import page
from benchmarks.reliability.results import Dropped, Kept, broken
from benchmarks.reliability.schedule import FAULTS, REST_S, planned
from benchmarks.reliability.soak import FaultyCamera, Sample, Soak
from monitor import __version__
from testkit.drops import Held
from testkit.kills import Killed

FILM = (Due(5, 7, True), Due(12, 14, False), Due(20, 22, True), Due(40, 42, True))


@pytest.mark.parametrize(
    ("sessions", "intervals", "alerts_s", "expected"),
    [
        ([(100, 200)], [], [105, 120, 140], (3, 3, 0, 0)),
        ([(100, 200)], [], [105.9, 119.1, 140], (3, 3, 0, 0)),
        ([(100, 200)], [], [105, 140], (3, 2, 1, 0)),
        ([(100, 200)], [], [105, 112, 120, 140], (3, 3, 0, 0)),
        ([(100, 200)], [], [105, 120, 130, 140], (3, 3, 0, 1)),
        ([(100, 126)], [], [105, 120], (2, 2, 0, 0)),
        ([(100, 124)], [], [105], (1, 1, 0, 0)),
        ([(100, 130), (150, 158)], [], [105, 120, 155], (2, 2, 0, 0)),
        ([(100, 200)], [(111, 112)], [105], (1, 1, 0, 0)),
        ([(100, 200)], [(90, 99)], [105, 120], (3, 2, 1, 0)),
        ([(100, 200)], [(90, 101)], [], (0, 0, 0, 0)),
        ([], [], [50], (0, 0, 0, 1)),
    ],
    ids=[
        "all", "nearly", "one lost", "one not owed", "one elsewhere", "just in time", "cut short",
        "two connections", "gone wrong", "wrong before", "wrong at first", "nothing sent",
    ],
)  # fmt: skip
def test_an_alert_is_owed_if_it_was_sent_whole(
    sessions: list[tuple[float, float]],
    intervals: list[tuple[float, float]],
    alerts_s: list[float],
    expected: tuple[int, ...],
) -> None:
    found = judge(
        FILM,
        [Session(*times) for times in sessions],
        [FaultInterval("cut", *times) for times in intervals],
        alerts_s,
    )
    assert (found.expected, found.seen, len(found.lost), found.unexpected) == expected


def test_the_slope_is_that_of_the_line_through_the_samples() -> None:
    assert slope_an_hour([(0, 10), (1800, 11), (3600, 12)]) == pytest.approx(2)
    assert slope_an_hour([(0, 10)]) == slope_an_hour([]) == 0


def test_a_seed_always_draws_the_same_faults_and_each_as_often_as_any_other() -> None:
    drawn = list(itertools.islice(planned(3), 3 * len(FAULTS)))
    assert drawn == list(itertools.islice(planned(3), 3 * len(FAULTS)))
    assert drawn != list(itertools.islice(planned(4), 3 * len(FAULTS)))
    assert all(sum(one.kind == kind for one in drawn) == 3 for kind in FAULTS)
    assert all(REST_S[0] <= one.rest_s <= REST_S[1] for one in drawn)


@pytest.fixture
def results() -> dict[str, Kept]:
    """An hour in which one alert was lost and one activity never ended."""
    held = [Held(100 + n, 15, 15) for n in range(7)]
    soak = Soak(
        minutes=60,
        cameras=8,
        faults={"cut": 3, "frozen": 2},
        reconnects=4,
        judged={"c": judge(FILM, [Session(0, 100)], [], [5, 20, 61])},
        latencies_ms=tuple((100.0 * n, 10.0 + n) for n in range(36)),
        samples=tuple(Sample(600.0 * n, one, 10.0 * n) for n, one in enumerate(held)),
        states_s={"live": 99.0},
        again_s=(1.2, 3.6, 8.4),
        blind=0,
        exit_code=0,
        tracebacks=0,
    )
    dropped, killed = Dropped(200, held[0], held[1]), Killed(100, 400, 0, 0, 1, 90)
    return {
        "soak": kept("soak", soak),
        "drops": kept("drops", dropped),
        "kills": kept("kills", killed),
    }


def kept(what: Any, found: Soak | Dropped | Killed) -> Kept:
    return Kept(what=what, date="2026-01-01", version=__version__, machine=machine(), found=found)


def test_the_page_says_what_was_lost_and_what_grew(results: dict[str, Kept]) -> None:
    text = page(results)
    for line in (
        "| alerts owed | 3 |",
        "| alerts owed but lost | 1 |",
        "| alerts where the film has none | 1 |",
        "| p50 | 16 ms | 28 ms | 40 ms |",
        "| time from a fault's end until its camera was watched again "
        "| p50 4 s, p95 8 s, longest 8 s |",
        "| cut | the connection is closed once | 3 |",
        "| memory slope after warming up | +6.00 MiB an hour |",
        "| memory | 100 MiB | 101 MiB |",
        "| starts without exactly one end after them | 1 |",
    ):
        assert line in text.splitlines()


def test_every_broken_promise_is_named(results: dict[str, Kept]) -> None:
    lost = "1 alerts were owed and never came"
    torn = "after a kill the alert log had torn lines, ids given twice or starts without an end"
    assert list(broken(results.values())) == [lost, torn]
    grown = Dropped(200, Held(100, 7, 8), Held(106, 7, 9))
    soak = results["soak"].found
    assert isinstance(soak, Soak)
    blind = replace(soak, judged={}, blind=2, tracebacks=1)
    assert list(broken([kept("soak", blind), kept("drops", grown)])) == [
        "2 times a camera was not watched within 15 s of its fault",
        "har-monitor ended with 0 and 1 tracebacks",
        "drops left 6.0 MiB behind",
        "drops left threads or descriptors behind",
    ]


def test_a_camera_is_watched_again_when_its_frames_increase() -> None:
    camera = FaultyCamera("c", cast("Any", None), False, iter(()))
    for over_s, frames in (
        (10.0, [(11.0, 5), (12.0, 5), (14.5, 6), (15.0, 9)]),
        (50.0, [(66.0, 9)]),
    ):
        camera.over_s, camera.frames = over_s, None
        for at_s, count in frames:
            camera.look({"frames": count}, at_s)
    assert (camera.again_s, camera.blind) == ([4.5], 1)
