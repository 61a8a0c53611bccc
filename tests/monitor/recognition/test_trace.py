"""The scores that an alert carries."""

import itertools

import pytest

from monitor.recognition.trace import LEAD_S, ScoreTrace
from monitor.records import TRACE_MAX


def test_a_trace_begins_some_seconds_before_the_activity() -> None:
    trace = ScoreTrace()
    for second in range(60):
        trace.push(second, second / 100, is_open=False)
    trace.begin()
    trace.push(60.0, 0.9, is_open=True)

    assert trace.points[0] == (59 - LEAD_S, (59 - LEAD_S) / 100)
    assert trace.points[-2:] == ((59, 0.59), (60.0, 0.9))


def test_scores_of_long_ago_are_no_part_of_it() -> None:
    trace = ScoreTrace()
    trace.push(1.0, 0.2, is_open=False)
    trace.push(500.0, 0.8, is_open=False)  # nothing moved in between
    trace.begin()

    assert trace.points == ((500.0, 0.8),)


@pytest.mark.parametrize("windows", [TRACE_MAX, TRACE_MAX + 1, 777, 10_000])
def test_a_long_activity_has_few_points_and_keeps_its_highest_score(windows: int) -> None:
    trace = ScoreTrace()
    trace.push(0.0, 0.5, is_open=False)
    trace.begin()
    for number in range(1, windows):
        trace.push(number / 2, 0.97 if number == windows // 3 else 0.6, is_open=True)

    points = trace.points
    assert TRACE_MAX // 2 <= len(points) <= TRACE_MAX
    assert list(points) == sorted(points)
    assert ((windows // 3) / 2, 0.97) in points
    steps = [after - before for (before, _), (after, _) in itertools.pairwise(points)]
    assert max(steps) <= windows / TRACE_MAX * 2 + 1, "as dense everywhere"


def test_the_next_activity_has_a_trace_of_its_own() -> None:
    trace = ScoreTrace()
    trace.push(0.0, 0.9, is_open=False)
    trace.begin()
    trace.push(0.5, 0.8, is_open=True)
    trace.push(20.0, 0.7, is_open=False)
    trace.begin()

    assert trace.points == ((20.0, 0.7),)
