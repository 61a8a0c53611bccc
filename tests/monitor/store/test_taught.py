"""Events that people taught."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.store.event import EventFilter, Origin, Review, Verdict
from monitor.store.journal import DeletedLine, Journal, ReviewLine, SpanLine, journal_path
from monitor.store.rebuild import KeptStore, rebuild
from monitor.store.store import EventStore, UnknownEvent
from monitor.store.taught import NOTHING, take_back, taught_of, teach
from testkit.alerts import alert

START = datetime(2026, 5, 4, 8, tzinfo=UTC)


def span(name: str, label: str | None = "hug", camera: str = "door") -> SpanLine:
    return SpanLine(
        id=name,
        time=START + timedelta(hours=1),
        by="ann",
        camera=camera,
        label=label,
        start_time=START,
        end_time=START + timedelta(seconds=2.5),
    )


def test_a_span_is_an_event_that_is_reviewed_and_kept(store: EventStore) -> None:
    event = teach(store, span("s1"))
    assert event == store.event("s1")
    assert (event.origin, event.label, event.review) == (Origin.TAUGHT, "hug", Review.CONFIRMED)
    assert (event.at, event.end_time) == (START, START + timedelta(seconds=2.5))
    assert (event.start_s, event.end_s, event.open, event.marked) == (0, 2.5, False, True)
    assert (event.reviewer, event.reviewed_at) == ("ann", START + timedelta(hours=1))
    assert [one.id for one in store.all(EventFilter(label=("hug",)))] == ["s1"]


def test_nothing_is_dismissed(store: EventStore) -> None:
    event = teach(store, span("s1", None))
    assert (event.label, event.review) == (NOTHING, Review.DISMISSED)


def test_a_repeat_changes_nothing_and_what_is_not_written_is_not_kept(
    store: EventStore,
) -> None:
    teach(store, span("s1"))
    store.review("s1", Verdict(review=Review.DISMISSED), "rob")
    assert teach(store, span("s1")).review == Review.DISMISSED

    def fail() -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        teach(store, span("s2"), fail)
    with pytest.raises(OSError, match="full"):
        take_back(store, "s1", fail)
    assert [one.id for one in store.all()] == ["s1"]


def test_only_what_was_taught_is_taken_back(store: EventStore) -> None:
    store.record(alert("a1"))
    teach(store, span("s1"))
    take_back(store, "s1")
    for name in ("s1", "a1"):
        with pytest.raises(UnknownEvent):
            take_back(store, name)
    assert [one.id for one in store.all()] == ["a1"]


def test_what_was_taught_is_counted_by_what_people_say_now(store: EventStore) -> None:
    for number, label in enumerate(("hug", "hug", "hug", None)):
        teach(store, span(f"s{number}", label))
    teach(store, span("other", camera="yard"))
    store.review("s1", Verdict(review=Review.RELABELLED, review_label="kiss"), "ann")
    store.review("s2", Verdict(review=Review.DISMISSED), "ann")
    assert taught_of(store, "door") == {"hug": 1, "kiss": 1, "nothing": 2}


def test_what_was_taught_and_is_not_kept_longer_is_pruned(store: EventStore) -> None:
    teach(store, span("s1"))
    teach(store, span("s2"))
    store.review("s2", Verdict(marked=False), "ann")
    assert store.prune(START + timedelta(days=1)) == 1
    assert [one.id for one in store.all()] == ["s1"]


def test_the_journal_brings_back_what_was_taught(tmp_path: Path) -> None:
    log = tmp_path / "alerts.jsonl"
    log.touch()
    journal = Journal(journal_path(log))
    journal.write(span("s1"))
    journal.write(span("s2", None))
    verdict = Verdict(review=Review.RELABELLED, review_label="kiss")
    journal.write(ReviewLine(id="s1", time=START, by="rob", verdict=verdict))
    journal.write(DeletedLine(id="s2", time=START, by="rob"))
    journal.close()
    assert '{"schema":"har-monitor.span.v1","id":"s1"' in journal.path.read_text()

    store = EventStore(str(tmp_path / "events.sqlite"))
    assert rebuild(store, log) == (0, 4)
    rebuild(store, log)
    (event,) = store.all()
    assert (event.id, event.label, event.review_label, event.reviewer) == (
        "s1", "hug", "kiss", "rob",
    )  # fmt: skip
    store.close()

    lost = KeptStore(str(tmp_path / "new.sqlite"), log)
    assert [one.id for one in lost.all()] == ["s1"]
    lost.close()


def test_a_store_whose_filling_was_killed_is_filled_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, where = tmp_path / "alerts.jsonl", str(tmp_path / "events.sqlite")
    lines = [alert(name).model_dump_json(exclude_none=True) for name in ("a1", "a2")]
    log.write_text("".join(f"{line}\n" for line in lines))
    journal = Journal(journal_path(log))
    journal.write(span("s1"))
    journal.close()

    def die(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr("monitor.store.rebuild.teach", die)
        with pytest.raises(KeyboardInterrupt):
            KeptStore(where, log).open()
    store = KeptStore(where, log)
    assert sorted(one.id for one in store.all()) == ["a1", "a2", "s1"]
    store.close()
