"""What two models found that watched a camera side by side."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.events.alert import AlertEvent
from monitor.states import EndReason
from monitor.store.comparison import Compared, Comparison, Found, compare
from monitor.store.event import Review, Verdict
from monitor.store.states import StateLog
from monitor.store.store import EventStore
from monitor.store.tables import pairs
from testkit.alerts import alert

OLD, NEW, OTHER = "a" * 64, "b" * 64, "c" * 64
DAY = datetime(2026, 5, 4, tzinfo=UTC)


def at(minute: float) -> datetime:
    return DAY + timedelta(minutes=minute)


def act(
    store: EventStore, name: str, model: str, minute: float, last_s: float = 10, **changes: Any
) -> None:
    """An activity of a live camera from a minute on; it goes on if it lasts no time."""
    start = alert(
        name,
        model=model,
        time=at(minute),
        **({"start_time": at(minute), "shadow": model == NEW} | changes),
    )
    store.record(start)
    if last_s:
        end = {"event": "end", "end_s": start.start_s + last_s, "reason": EndReason.SCORE_FELL}
        store.record(AlertEvent.model_validate(start.model_dump() | end))


@pytest.fixture
def watched(store: EventStore) -> EventStore:
    """Both models watch from minute 10 on, and were last seen at minute 100."""
    log = StateLog(store, pairs)
    log.note({"door": (OLD, NEW)}, at(10.01), at(10))
    log.note({"door": (OLD, NEW)}, at(100))
    return store


def found(store: EventStore, since: float = 0, until: float = 200) -> Comparison:
    return compare(store, "door", OLD, NEW, at(since), at(until))


def pairs_of(comparison: Comparison) -> dict[str, str]:
    return {one.id: one.found.value for one in comparison.events}


def test_what_overlaps_was_found_by_both(watched: EventStore) -> None:
    act(watched, "m1", OLD, 20)
    act(watched, "s1", NEW, 20.1)
    act(watched, "m2", OLD, 30)
    act(watched, "s2", NEW, 30.5)
    act(watched, "m3", OLD, 40, last_s=300)
    act(watched, "m4", OLD, 47)
    act(watched, "s4", NEW, 41, last_s=600)
    act(watched, "m5", OLD, 60, last_s=0)
    act(watched, "s5", NEW, 61)
    assert pairs_of(found(watched)) == {
        "m1": "both", "m2": "model", "s2": "shadow", "m3": "both", "m4": "both", "m5": "both",
    }  # fmt: skip
    assert found(watched).events[0].id == "m5", "the newest first"


@pytest.mark.parametrize(
    "changes", [{"label": "fall"}, {"region": "gate"}, {"start_time": None}, {"camera": "yard"}]
)
def test_another_label_region_axis_or_camera_is_another_event(
    watched: EventStore, changes: dict[str, Any]
) -> None:
    act(watched, "m", OLD, 20)
    act(watched, "s", NEW, 20, **changes)
    assert pairs_of(found(watched))["m"] == "model"


def test_events_of_a_film_overlap_by_its_own_seconds(watched: EventStore) -> None:
    act(watched, "m1", OLD, 20, start_time=None, start_s=5.0)
    act(watched, "s1", NEW, 20.9, start_time=None, start_s=14.0)
    act(watched, "s2", NEW, 20, start_time=None, start_s=16.0)
    assert pairs_of(found(watched)) == {"m1": "both", "s2": "shadow"}


def test_only_the_time_counts_in_which_both_watched(watched: EventStore) -> None:
    act(watched, "before", OLD, 5)
    act(watched, "in", OLD, 50)
    act(watched, "at the end", OLD, 100.9)
    act(watched, "after", OLD, 102)
    act(watched, "of another model", OTHER, 50)
    assert set(pairs_of(found(watched))) == {"in", "at the end"}
    assert found(watched).side_by_side == timedelta(minutes=91)
    part = found(watched, since=40, until=60)
    assert (set(pairs_of(part)), part.side_by_side) == ({"in"}, timedelta(minutes=20))


def test_models_that_change_places_are_compared_as_before(watched: EventStore) -> None:
    log = StateLog(watched, pairs)
    log.note({"door": (NEW, OLD)}, at(100.6), at(100.5))
    log.note({"door": (NEW, OLD)}, at(110))
    log.note({"door": (NEW, OTHER)}, at(110))
    act(watched, "m1", OLD, 20)
    act(watched, "s1", NEW, 20)
    act(watched, "m2", OLD, 105, shadow=True)
    act(watched, "s2", NEW, 106, shadow=False)
    act(watched, "s3", NEW, 111, shadow=False)
    expected = {"m1": "both", "m2": "model", "s2": "shadow"}
    assert pairs_of(found(watched)) == expected
    assert found(watched).side_by_side == timedelta(minutes=100), "no time twice"
    swapped = compare(watched, "door", NEW, OLD, at(0), at(200))
    assert pairs_of(swapped) == {"s1": "both", "m2": "shadow", "s2": "model"}


def test_a_process_that_starts_anew_goes_on_with_what_it_said_before(watched: EventStore) -> None:
    log = StateLog(watched, pairs)
    log.note({"door": (OLD, NEW)}, at(105), at(10))
    assert found(watched).side_by_side == timedelta(minutes=96)


def test_reviews_are_counted(watched: EventStore) -> None:
    for minute, name in enumerate("abc"):
        act(watched, name, OLD, 20 + minute)
    act(watched, "s", NEW, 20)
    assert not found(watched).reviewed
    watched.review("a", Verdict(review=Review.CONFIRMED), "ann")
    watched.review("b", Verdict(review=Review.DISMISSED), "ann")
    watched.review("s", Verdict(review=Review.DISMISSED), "ann")
    comparison = found(watched)
    assert comparison.events[-1] == Compared("a", Found.BOTH, Review.CONFIRMED)
    assert comparison.count(Found.MODEL) == 2
    assert comparison.ids(Found.MODEL, Review.DISMISSED) == ["b"]
    assert comparison.count(Found.BOTH, Review.CONFIRMED) == 1
    assert comparison.count(Found.SHADOW) == 0
    assert comparison.reviewed


def test_pruning_forgets_who_watched(watched: EventStore) -> None:
    watched.prune(at(150))
    assert found(watched).side_by_side == timedelta(0)
