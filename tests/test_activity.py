"""From scores to activities."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.activity import ActivityTracker, Rules
from monitor.records import Activity, Prediction

STEP_S = 0.5
WINDOW_S = 1.9


def rules(**changes: object) -> Rules:
    values: dict[str, object] = {
        "thresholds": {"fight": 0.6},
        "hysteresis": 0.2,
        "smoothing_s": 0.0,
        "min_s": 0.5,
        "hold_s": 1.0,
        "cooldown_s": 2.0,
    }
    return Rules(**(values | changes))  # type: ignore[arg-type]


def run(scores: Iterable[float], held_to: Rules) -> list[Activity]:
    """The events of one window every half second with these scores of `fight`."""
    numbers = itertools.count(1)
    tracker = ActivityTracker("door", held_to, new_id=lambda: f"a{next(numbers)}")
    events = []
    for index, score in enumerate(scores):
        end_s = WINDOW_S + index * STEP_S
        scored = {"fight": score, "nofight": 1 - score}
        events += tracker.update(Prediction("door", end_s - WINDOW_S, end_s, scored, end_s))
    return events + tracker.close()


def test_one_act_gives_one_start_and_one_end() -> None:
    start, end = run([0.1, 0.9, 0.8, 0.9, 0.1, 0.1, 0.1, 0.1], rules())
    assert (start.id, start.label, start.camera) == ("a1", "fight", "door")
    assert start.end_s is None
    assert start.start_s == pytest.approx(0.5), "from the start of the first window"
    assert end.id == "a1"
    assert end.end_s == pytest.approx(WINDOW_S + 3 * STEP_S), "to the end of the last"
    assert end.peak_score == 0.9


def test_a_single_high_window_is_no_activity() -> None:
    assert run([0.1, 0.95, 0.1, 0.1], rules()) == []


def test_without_a_minimum_a_single_window_starts_one() -> None:
    assert len(run([0.1, 0.95, 0.1, 0.1], rules(min_s=0.0))) == 2


def test_a_dip_between_the_two_thresholds_changes_nothing() -> None:
    assert len(run([0.9, 0.9, 0.45, 0.45, 0.45, 0.45, 0.9], rules())) == 2


def test_a_dip_shorter_than_the_hold_does_not_part_one_act() -> None:
    assert len(run([0.9, 0.9, 0.1, 0.9, 0.9], rules())) == 2


def test_a_longer_dip_ends_the_activity() -> None:
    events = run([0.9, 0.9, 0.1, 0.1, 0.1], rules())
    assert [event.end_s is None for event in events] == [True, False]
    assert events[1].end_s == pytest.approx(WINDOW_S + STEP_S)


@pytest.mark.parametrize("threshold", [0.05, 0.15, 0.2])
def test_a_low_threshold_is_left_too(threshold: float) -> None:
    held = rules(thresholds={"fight": threshold}, hysteresis=0.2)
    events = run([0.9, 0.9, 0.01, 0.01, 0.01, 0.01], held)
    assert events[1].end_s == pytest.approx(WINDOW_S + STEP_S)


def test_the_cooldown_outlasts_a_lost_stream() -> None:
    tracker = ActivityTracker("door", rules(min_s=0.0, cooldown_s=5.0))
    starts = []
    for index in range(30):  # a camera that is lost every second, while the act goes on
        scored = Prediction("door", index - 2.0, float(index), {"fight": 0.9}, 0.0)
        starts += [a.start_s for a in tracker.update(scored) if a.end_s is None]
        tracker.close()
    assert len(starts) == 6


def test_nothing_starts_during_the_cooldown() -> None:
    act = [0.9, 0.9, 0.1, 0.1, 0.1]
    assert len(run(act + act, rules())) == 2
    assert len(run(act + [0.1] * 8 + act, rules())) == 4


def test_an_act_that_outlasts_the_cooldown_starts_again() -> None:
    events = run([0.9, 0.9, 0.1, 0.1, *[0.9] * 8], rules())
    assert [event.end_s is None for event in events] == [True, False, True, False]


def test_background_labels_never_start() -> None:
    assert run([0.0] * 20, rules()) == []


def test_what_is_open_ends_with_the_stream() -> None:
    events = run([0.9, 0.9, 0.9], rules())
    assert events[-1].end_s == pytest.approx(WINDOW_S + 2 * STEP_S)


def test_smoothing_follows_time_and_not_the_number_of_windows() -> None:
    def smoothed_after_two_seconds(step_s: float) -> float:
        tracker = ActivityTracker("door", rules(smoothing_s=1.0))
        for index in range(round(2 / step_s) + 1):
            score = 1.0 if index else 0.0
            end_s = index * step_s
            tracker.update(Prediction("door", end_s - 1.9, end_s, {"fight": score}, 0.0))
        return tracker.scores["fight"]

    assert smoothed_after_two_seconds(0.1) == pytest.approx(smoothed_after_two_seconds(1.0))
    assert smoothed_after_two_seconds(0.1) == pytest.approx(0.8647, abs=1e-4)


def test_several_labels_are_followed_apart() -> None:
    both = rules(thresholds={"fight": 0.4, "run": 0.4}, min_s=0.0)
    tracker = ActivityTracker("door", both)
    started = tracker.update(Prediction("door", 0, 2, {"fight": 0.5, "run": 0.5}, 0.0))
    assert {activity.label for activity in started} == {"fight", "run"}
    assert len(tracker.open) == 2


@given(st.lists(st.floats(0, 1), max_size=80))
def test_every_start_has_one_end_and_activities_never_overlap(scores: list[float]) -> None:
    events = run(scores, rules())
    assert [event.end_s is None for event in events] == [True, False] * (len(events) // 2)
    assert [event.id for event in events[::2]] == [event.id for event in events[1::2]]
    last_end_s = 0.0
    for start, end in zip(events[::2], events[1::2], strict=True):
        assert end.end_s is not None
        assert start.start_s < end.end_s
        assert end.end_s > last_end_s
        assert end.peak_score >= 0.6
        last_end_s = end.end_s
