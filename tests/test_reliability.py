"""What a soak counts as owed, seen and lost; and its page."""

import itertools

import pytest

from benchmarks.reliability.expected import Due, Session, Spell, judge, slope_an_hour
from benchmarks.reliability.page import page
from benchmarks.reliability.results import Dropped, Results
from benchmarks.reliability.schedule import FAULTS, REST_S, planned
from benchmarks.reliability.soak import Sample, Soak
from monitor import __version__
from tests.drops import Held
from tests.kills import Killed

FILM = (Due(5, 7, True), Due(12, 14, False), Due(20, 22, True), Due(40, 42, True))


@pytest.mark.parametrize(
    ("sessions", "spells", "alerts_s", "expected"),
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
def test_an_alert_is_owed_where_it_was_sent_whole(
    sessions: list[tuple[float, float]],
    spells: list[tuple[float, float]],
    alerts_s: list[float],
    expected: tuple[int, ...],
) -> None:
    found = judge(
        FILM,
        [Session(*times) for times in sessions],
        [Spell("cut", *times) for times in spells],
        alerts_s,
    )
    assert (found.expected, found.seen, len(found.lost), found.unexpected) == expected


def test_a_slope_is_that_of_the_line_through_the_samples() -> None:
    assert slope_an_hour([(0, 10), (1800, 11), (3600, 12)]) == pytest.approx(2)
    assert slope_an_hour([(0, 10)]) == slope_an_hour([]) == 0


def test_faults_are_drawn_alike_for_a_seed_and_each_as_often_as_any_other() -> None:
    drawn = list(itertools.islice(planned(3), 3 * len(FAULTS)))
    assert drawn == list(itertools.islice(planned(3), 3 * len(FAULTS)))
    assert drawn != list(itertools.islice(planned(4), 3 * len(FAULTS)))
    assert all(sum(one.kind == kind for one in drawn) == 3 for kind in FAULTS)
    assert all(REST_S[0] <= one.rest_s <= REST_S[1] for one in drawn)


def test_the_page_says_what_was_lost_and_what_grew() -> None:
    from benchmarks.performance.origin import machine

    held = [Held(100 + n, 15, 15) for n in range(7)]
    samples = tuple(Sample(600.0 * n, one, 10.0 * n) for n, one in enumerate(held))
    judged = judge(FILM, [Session(0, 100)], [], [5, 20, 61])
    latencies = tuple((100.0 * n, 10.0 + n) for n in range(36))
    soak = Soak(
        60, 8, {"cut": 3, "frozen": 2}, 4, {"c": judged}, latencies, samples, {"live": 99.0}, 0, 0
    )
    text = page(
        Results(
            "2026-01-01",
            __version__,
            machine(),
            soak,
            Dropped(200, held[0], held[1]),
            Killed(100, 400, 0, 0, 1, 90),
        )
    )
    for line in (
        "| alerts owed | 3 |",
        "| of these lost | 1 |",
        "| alerts where the film has none | 1 |",
        "| latency of healthy cameras, 50 of 100, by thirds of the run | 16, 28, 40 ms |",
        "| memory slope after warming up | +6.00 MiB an hour |",
        "| memory | 100, 101 MiB |",
        "| starts without exactly one end after them | 1 |",
    ):
        assert line in text.splitlines()
