"""How many windows were not classified, as the timeline shows it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from monitor.store.database import StoreError
from monitor.store.skips import SkipLog, WindowCounts, skip_spans, skipped_minutes
from monitor.store.store import EventStore

BEGAN = datetime(2026, 5, 4, 8, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def counts(classified: int, **skipped: int) -> WindowCounts:
    return WindowCounts(classified, skipped)


def minutes(store: EventStore, *cameras: str) -> list[tuple[object, ...]]:
    """Camera, minute, classified windows, and those that were skipped by reason."""
    return [
        (
            one.camera,
            (one.start - BEGAN) / timedelta(minutes=1),
            one.counts.classified,
            dict(one.counts.skipped),
        )
        for one in skipped_minutes(store, cameras or ("door", "yard"), at(-9999), at(9999))
    ]


def test_each_minute_has_what_was_counted_in_it(store: EventStore) -> None:
    log = SkipLog(store)
    log.note({"door": counts(100, gaps=7), "yard": counts(0)}, at(1))
    log.note({"door": counts(130, gaps=9), "yard": counts(30)}, at(31))
    log.note({"door": counts(150, gaps=9, black=10), "yard": counts(59)}, at(59))
    assert minutes(store) == [], "the minute is not over"
    log.note({"door": counts(150, gaps=9, black=70), "yard": counts(120, busy=1)}, at(61))
    assert minutes(store) == [("door", 0, 50, {"black": 10, "gaps": 2})]
    log.close()
    assert minutes(store) == [
        ("door", 0, 50, {"black": 10, "gaps": 2}), ("door", 1, 0, {"black": 60}),
        ("yard", 1, 61, {"busy": 1}),
    ]  # fmt: skip
    assert minutes(store, "yard") == [("yard", 1, 61, {"busy": 1})]


def test_a_counter_that_went_back_begins_anew(store: EventStore) -> None:
    log = SkipLog(store)
    log.note({"door": counts(100, gaps=7)}, at(0))
    log.note({"door": counts(3, gaps=2)}, at(1))
    log.note({}, at(2))
    log.note({"door": counts(9, gaps=50)}, at(3))
    log.note({"door": counts(9, gaps=51)}, at(4))
    log.close()
    assert minutes(store) == [("door", 0, 3, {"gaps": 3})]


def test_the_next_process_adds_to_the_same_minute(store: EventStore) -> None:
    for begun_s in (0, 20):
        log = SkipLog(store)
        log.note({"door": counts(500, gaps=90)}, at(begun_s))
        log.note({"door": counts(510, gaps=95)}, at(begun_s + 10))
        log.close()
    assert minutes(store) == [("door", 0, 20, {"gaps": 10})]


def test_a_store_that_fails_gets_the_minutes_later(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def locked() -> Iterator[None]:
        raise StoreError("locked")
        yield

    log = SkipLog(store)
    log.note({"door": counts(0)}, at(0))
    tries = 0
    with monkeypatch.context() as broken:
        broken.setattr(store, "transaction", locked)
        for second in range(1, 90 * 60):
            try:
                log.note({"door": counts(0, gaps=second)}, at(second))
            except StoreError:
                tries += 1
    assert tries == 89, "once a minute"
    log.note({"door": counts(0, gaps=90 * 60)}, at(90 * 60))
    found = minutes(store)
    assert [one[1] for one in found] == list(range(30, 90)), "an hour of them waited"
    assert {str(one[3]) for one in found} == {"{'gaps': 60}"}


def test_minutes_that_follow_one_another_are_one_span_of_each_reason(store: EventStore) -> None:
    log = SkipLog(store)
    gaps = (0, 5, 5, 0, 5)  # in each minute
    for minute in range(len(gaps) + 1):
        for second in (0, 30):
            passed = minute + (second > 0)
            said = counts(10 * passed, gaps=sum(gaps[:passed]), black=passed)
            log.note({"door": said}, at(60 * minute + second))
    assert [
        (
            one.reason,
            (one.start - BEGAN).seconds,
            (one.end - BEGAN).seconds,
            one.windows,
            one.total,
        )
        for one in skip_spans(store, ["door"], at(0), at(300))
    ] == [
        ("black", 0, 300, 5, 5 * 11 + 15), ("gaps", 60, 180, 10, 32), ("gaps", 240, 300, 5, 16),
    ]  # fmt: skip
    assert [one.windows for one in skip_spans(store, ["door"], at(0), at(60))] == [1]
    assert skip_spans(store, ["yard"], at(0), at(300)) == []


def test_old_minutes_are_pruned_with_the_events(store: EventStore) -> None:
    log = SkipLog(store)
    for second in range(0, 200, 10):
        log.note({"door": counts(0, gaps=second)}, at(second))
    log.close()
    store.prune(at(120))
    assert [one[1] for one in minutes(store)] == [2, 3]
