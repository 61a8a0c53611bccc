"""From scores to activities."""

import uuid
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.recognition.tracker import ActivityTracker, Rules
from monitor.records import Activity, Prediction, Window
from monitor.states import EndReason

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
    tracker = ActivityTracker("door", held_to)
    events = []
    for index, score in enumerate(scores):
        end_s = WINDOW_S + index * STEP_S
        scored = {"fight": score, "nofight": 1 - score}
        events += tracker.update(Prediction("door", end_s - WINDOW_S, end_s, scored, end_s))
    return events + tracker.close(EndReason.STREAM_LOST)


def test_one_act_gives_one_start_and_one_end() -> None:
    start, end = run([0.1, 0.9, 0.8, 0.9, 0.1, 0.1, 0.1, 0.1], rules())
    assert (start.label, start.camera) == ("fight", "door")
    assert start.end_s is None
    assert start.start_s == pytest.approx(0.5), "from the start of the first window"
    assert end.id == start.id
    assert end.end_s == pytest.approx(WINDOW_S + 3 * STEP_S), "to the end of the last"
    assert end.peak_score == 0.9


def test_an_activity_is_where_its_score_was_highest() -> None:
    tracker = ActivityTracker("door", rules())
    found = []
    for index, score in enumerate([0.1, 0.7, 0.9, 0.8, 0.1, 0.1, 0.1, 0.1]):
        end_s = WINDOW_S + index * STEP_S
        box = (index / 10, 0.0, index / 10 + 0.5, 0.5)
        scored = {"fight": score, "nofight": 1 - score}
        found += tracker.update(Prediction("door", end_s - WINDOW_S, end_s, scored, end_s, box=box))
    start, end = found

    assert start.box == end.box == (0.2, 0.0, 0.7, 0.5)


def test_an_activity_keeps_its_highest_window_and_its_scores() -> None:
    tracker = ActivityTracker("door", rules())
    found = []
    for index, score in enumerate([0.1, 0.7, 0.9, 0.8, 0.1, 0.1, 0.1, 0.1]):
        end_s = WINDOW_S + index * STEP_S
        clip = np.full((4, 8, 8, 3), index, np.uint8)
        window = Window("door", end_s - WINDOW_S, end_s, clip, 10, 10, 0, end_s)
        scored = {"fight": score, "nofight": 1 - score}
        found += tracker.update(Prediction("door", end_s - WINDOW_S, end_s, scored, end_s), window)
    start, end = found

    assert start.window is not None
    assert end.window is not None
    assert start.window.clip[0, 0, 0, 0] == end.window.clip[0, 0, 0, 0] == 2
    assert start.peak_s == end.peak_s == pytest.approx(WINDOW_S + 2 * STEP_S)
    assert start.threshold == end.threshold == 0.6
    assert [score for _, score in start.trace] == [0.1, 0.7, 0.9], "from before it on"
    scores = [score for _, score in end.trace]
    assert scores == pytest.approx([0.1, 0.7, 0.9, 0.8, 0.1, 0.1])


def ids(**told: object) -> list[str]:
    """Those of two acts of a film."""
    tracker = ActivityTracker(**({"camera": "door", "rules": rules()} | told))  # type: ignore[arg-type]
    found = []
    for index, score in enumerate([0.9, 0.9, *[0.1] * 10, 0.9, 0.9]):
        end_s = WINDOW_S + index * STEP_S
        scored = {"fight": score, "nofight": 1 - score}
        found += tracker.update(Prediction("door", end_s - WINDOW_S, end_s, scored, end_s))
    return [activity.id for activity in found if activity.end_s is None]


def test_the_same_film_has_the_same_activities_each_with_its_own_id() -> None:
    first, second = ids()
    assert first != second
    assert [first, second] == ids()
    assert uuid.UUID(first).version == 5
    others = ({"camera": "hall"}, {"region": "till"}, {"source": "another model"})
    assert len({one for told in others for one in ids(**told)} | {first, second}) == 8


def test_an_event_says_which_window_decided_it() -> None:
    start, end = run([0.1, 0.9, 0.8, 0.9, 0.1, 0.1, 0.1, 0.1], rules())
    assert start.decided_s == pytest.approx(WINDOW_S + 2 * STEP_S), "the first, and half a second"
    assert end.decided_s == pytest.approx(WINDOW_S + 5 * STEP_S), "the hold after the last"


def test_the_end_of_a_stream_is_decided_by_its_last_window() -> None:
    _, end = run([0.9, 0.9, 0.9, 0.1], rules())
    assert end.decided_s == pytest.approx(WINDOW_S + 3 * STEP_S)


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
        tracker.close("stream lost")
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


def opened(**changes: object) -> ActivityTracker:
    """A tracker whose act began at 0 s and was last seen at 2.5 s."""
    tracker = ActivityTracker("hall", rules(**changes), region="till")
    for end_s in (2.0, 2.5):
        tracker.update(Prediction("hall", end_s - 2, end_s, {"fight": 0.9}, end_s, "till"))
    assert len(tracker.open) == 1
    return tracker


def test_an_activity_carries_its_region() -> None:
    assert [activity.region for activity in opened().open] == ["till"]


def test_windows_that_are_not_classified_end_an_activity_after_its_hold() -> None:
    tracker = opened(hold_s=2.0)
    assert tracker.skip(3.0, 3.1) == []
    assert tracker.skip(4.4, 4.5) == []
    (ended,) = tracker.skip(4.5, 4.6)
    assert (ended.end_s, ended.decided_s, ended.arrived_s) == (2.5, 4.5, 4.6)
    assert tracker.open == ()
    assert tracker.skip(5.0, 5.1) == []


def test_an_activity_outlasts_a_skip_that_is_shorter_than_its_hold() -> None:
    tracker = opened(hold_s=2.0)
    tracker.skip(4.0, 4.0)
    assert tracker.update(Prediction("hall", 2.2, 4.2, {"fight": 0.9}, 4.2)) == []
    assert tracker.skip(6.0, 6.0) == [], "the hold starts again"
    assert len(tracker.open) == 1


def test_the_cooldown_counts_from_an_end_by_skipping() -> None:
    tracker = opened(hold_s=1.0, cooldown_s=3.0, min_s=0.0)
    assert len(tracker.skip(4.0, 4.0)) == 1
    scored = [Prediction("hall", end_s - 2, end_s, {"fight": 0.9}, 0.0) for end_s in (6.9, 7.0)]
    assert [len(tracker.update(one)) for one in scored] == [0, 1]


def test_what_is_skipped_does_not_count_towards_the_minimum() -> None:
    tracker = ActivityTracker("hall", rules(min_s=1.0))
    assert tracker.update(Prediction("hall", 0, 2, {"fight": 0.9}, 0.0)) == []
    assert tracker.skip(2.5, 0.0) == []
    assert tracker.update(Prediction("hall", 1, 3, {"fight": 0.9}, 0.0)) == []
    assert len(tracker.update(Prediction("hall", 2, 4, {"fight": 0.9}, 0.0))) == 1


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=60))
def test_an_activity_is_never_open_longer_than_its_hold_without_a_score(
    scores: list[float | None],
) -> None:
    tracker = ActivityTracker("hall", rules(hold_s=1.0))
    for index, score in enumerate(scores):
        end_s = WINDOW_S + index * STEP_S
        if score is not None:
            tracker.update(Prediction("hall", end_s - 1.9, end_s, {"fight": score}, 0.0))
        else:
            tracker.skip(end_s, 0.0)
            if scores[max(0, index - 1) : index + 1] == [None, None]:
                assert not tracker.open


def test_smoothing_follows_time_and_not_the_number_of_windows() -> None:
    def smoothed_after_two_seconds(step_s: float) -> float:
        tracker = ActivityTracker("door", rules(smoothing_s=1.0))
        for index in range(round(2 / step_s) + 1):
            score = 1.0 if index else 0.0
            end_s = index * step_s
            tracker.update(Prediction("door", end_s - 1.9, end_s, {"fight": score}, 0.0))
        return tracker.smoothed_scores["fight"]

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
