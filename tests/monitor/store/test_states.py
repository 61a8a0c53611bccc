"""When cameras were watched, as the timeline shows it."""

from datetime import UTC, datetime, timedelta

from monitor.store.states import SEEN_S, StateLog, state_spans
from monitor.store.store import EventStore

BEGAN = datetime(2026, 5, 4, 8, tzinfo=UTC)
LIVE, LOST = ("live", ""), ("retrying", "connection refused")


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def spans(store: EventStore, since: float = -9999, until: float = 9999) -> list[tuple[object, ...]]:
    return [
        (
            one.camera,
            (one.start - BEGAN).total_seconds(),
            (one.end - BEGAN).total_seconds(),
            one.state,
        )
        for one in state_spans(store, at(since), at(until))
    ]


def test_a_state_lasts_until_the_next_one(store: EventStore) -> None:
    log = StateLog(store)
    for second in range(30):
        log.note({"door": LOST if 10 <= second < 20 else LIVE, "yard": LIVE}, at(second))
    log.note({}, at(30))

    assert spans(store) == [
        ("door", 0, 10, "live"), ("door", 10, 20, "retrying"), ("door", 20, 30, "live"),
        ("yard", 0, 30, "live"),
    ]  # fmt: skip
    assert state_spans(store, at(0), at(99))[1].cause == "connection refused"


def test_a_kill_leaves_a_state_that_lasted_to_the_last_minute(store: EventStore) -> None:
    log = StateLog(store)
    for second in range(int(2.5 * SEEN_S)):
        log.note({"door": LIVE}, at(second))
    StateLog(store).note({"door": LIVE}, at(1000))

    assert spans(store, until=500) == [("door", 0, 2 * SEEN_S, "live")]


def test_a_clock_that_is_set_back_begins_a_state_anew(store: EventStore) -> None:
    log = StateLog(store)
    for second in (1000, 1010, 500, 510, 520):
        log.note({"door": LIVE}, at(second))
    log.note({}, at(530))

    assert spans(store) == [("door", 500, 530, "live"), ("door", 1000, 1000, "live")]


def test_a_day_shows_its_part_of_a_long_state(store: EventStore) -> None:
    log = StateLog(store)
    log.note({"door": LIVE}, at(0))
    log.note({"door": LOST}, at(5000))
    assert spans(store, 1000, 2000) == [("door", 1000, 2000, "live")]
    assert spans(store, 6000, 7000) == []


def test_old_states_are_pruned_with_the_events(store: EventStore) -> None:
    log = StateLog(store)
    log.note({"door": LIVE}, at(0))
    log.note({"door": LOST}, at(10))
    log.note({"door": LIVE}, at(20))
    store.prune(at(15))
    assert [one[1] for one in spans(store)] == [10, 20]
