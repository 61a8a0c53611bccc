"""What the event store keeps and gives back, in a SQLite file and in a PostgreSQL server."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic import ValidationError

import monitor.store.database
from monitor.events.alert import AlertEvent
from monitor.events.alert_log import line
from monitor.notify.outbox import Outbox
from monitor.states import EndReason
from monitor.store.database import StoreDamaged, StoreError, place, server, upgrade
from monitor.store.event import Cursor, EventFilter, Origin, Review, Verdict, milliseconds
from monitor.store.store import EventStore, UnknownEvent, newest_first
from monitor.store.tables import REVISION, metadata
from testkit.alerts import alert

DAY = datetime(2026, 5, 4, tzinfo=UTC)


def start(name: str, hour: float = 1.0, **changes: Any) -> AlertEvent:
    at = DAY + timedelta(hours=hour)
    return alert(name, **({"time": at, "start_time": at - timedelta(seconds=2)} | changes))


def end(of: AlertEvent, **changes: Any) -> AlertEvent:
    values = {
        "event": "end", "end_s": 9.0, "end_time": of.time + timedelta(seconds=6), "score": 0.1,
        "peak_score": 0.97, "reason": EndReason.SCORE_FELL, "decided_s": 11.0, "peak_s": 4.5,
        "trace": ((-1.0, 0.25), (2.0, 0.97)), "threshold": 0.8, "box": (0.1, 0.2, 0.5, 0.75),
    }  # fmt: skip
    return of.model_copy(update=values | changes)


def told(store: EventStore) -> list[AlertEvent]:
    """What is to be notified."""
    return [AlertEvent.model_validate_json(text) for _, text, _ in Outbox(store).news(9)]


def test_an_event_has_what_its_start_and_its_end_said(store: EventStore) -> None:
    began = start("a", region="till")
    store.record(began)

    event = store.event("a")
    assert event.open
    assert (event.camera, event.region, event.label) == ("door", "till", "fight")
    assert (event.start_time, event.end_time) == (began.start_time, None)
    assert event.review == Review.UNREVIEWED

    store.record(end(began))

    event = store.event("a")
    assert not event.open
    assert (event.end_s, event.reason, event.peak_score) == (9.0, EndReason.SCORE_FELL, 0.97)
    assert event.trace == ((-1.0, 0.25), (2.0, 0.97))
    assert (event.threshold, event.box, event.peak_s) == (0.8, (0.1, 0.2, 0.5, 0.75), 4.5)
    assert event.duration_s == 8.0


def test_events_of_a_model_that_is_tried_out_are_found_only_if_asked_for(store: EventStore) -> None:
    store.record(start("a"), start("s", shadow=True))

    assert [event.id for event in store.all(EventFilter())] == ["a"]
    assert [event.id for event in store.all(EventFilter(origin=(Origin.SHADOW,)))] == ["s"]


def test_repeats_and_lines_out_of_order_change_nothing(store: EventStore) -> None:
    began = start("a")
    store.record(end(began), began, end(began, peak_score=0.99), began)

    assert store.count() == 1
    assert store.event("a").peak_score == 0.97


def test_the_newest_are_found_by_their_time(tmp_path: Path) -> None:
    store = EventStore(str(tmp_path / "events.sqlite"))
    plans = []
    with store.reading() as connection:
        for wanted in (EventFilter(), EventFilter(origin=(Origin.SHADOW,)), EventFilter(origin=())):
            query = newest_first(wanted).compile(connection, compile_kwargs={"literal_binds": True})
            rows = connection.execute(sa.text(f"EXPLAIN QUERY PLAN {query}")).all()
            plans.append(" ".join(row.detail for row in rows))
    store.close()
    assert "events_newest" in plans[0]
    assert "TEMP B-TREE" not in plans[0]
    assert "events_of_origin" in plans[1]
    assert "events_newest" in plans[2]


def test_several_may_record_the_same_at_once(where: str) -> None:
    alerts = [start(f"e{number}") for number in range(200)]
    stores = [EventStore(where) for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        done = [pool.submit(record_each, one, alerts) for one in stores]
    for one in done:
        one.result()
    assert stores[0].count() == len(alerts)
    for store in stores:
        store.close()


def record_each(store: EventStore, alerts: list[AlertEvent]) -> None:
    for one in alerts:
        store.record(one)


def test_a_film_that_is_watched_again_moves_its_event_and_keeps_its_review(
    store: EventStore,
) -> None:
    def watched(hour: float) -> tuple[AlertEvent, AlertEvent]:
        began = start("a", hour, start_time=None)
        return began, end(began, end_time=None)

    store.record(*watched(1))
    store.review("a", Verdict(review=Review.CONFIRMED), "ann")
    store.record(*watched(5), *watched(1))

    event = store.event("a")
    assert (event.at, event.open) == (DAY + timedelta(hours=5), False)
    assert event.review == Review.CONFIRMED


def test_events_come_page_by_page_from_the_newest(store: EventStore) -> None:
    times = [3.0, 1.0, 2.0, 2.0, 5.0, 4.0]
    store.record(*(start(f"e{n}", hour) for n, hour in enumerate(times)))

    pages, after = [], None
    while True:
        found, after = store.page(after=after, limit=2)
        pages.append([event.id for event in found])
        if after is None:
            break
        after = Cursor.parse(str(after))

    assert pages == [["e4", "e5"], ["e0", "e3"], ["e2", "e1"]]
    assert [event.id for event in store.all()] == [one for page in pages for one in page]


def test_events_that_come_meanwhile_shift_no_page(store: EventStore) -> None:
    store.record(*(start(f"e{n}", n) for n in range(4)))
    _, after = store.page(limit=2)
    store.record(start("new", 9.0))

    found, _ = store.page(after=after, limit=2)

    assert [event.id for event in found] == ["e1", "e0"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param({"camera": ["yard"]}, "c b", id="of a camera"),
        pytest.param({"camera": ["yard", "door"], "label": ["fall"]}, "b", id="of a label"),
        pytest.param({"since": DAY + timedelta(hours=2)}, "c", id="of a time on"),
        pytest.param({"until": DAY + timedelta(hours=1)}, "a", id="before a time"),
        pytest.param({"min_score": 0.95}, "c", id="of a score"),
        pytest.param({"review": ["dismissed"]}, "b", id="by review"),
        pytest.param({"marked": True}, "a", id="marked"),
        pytest.param({"camera": ["'; DROP TABLE events; --"]}, "", id="of a name that is text"),
    ],
)
def test_filters(store: EventStore, wanted: dict[str, Any], found: str) -> None:
    store.record(
        start("a", 0.5),
        start("b", 1.5, camera="yard", label="fall"),
        start("c", 2.5, camera="yard", peak_score=0.97),
    )
    store.review("b", Verdict(review=Review.DISMISSED), "ann")
    store.review("a", Verdict(marked=True), "ann")
    chosen = EventFilter.model_validate(wanted)

    assert " ".join(event.id for event in store.all(chosen)) == found
    assert store.count(chosen) == len(found.split())


def test_a_review_is_kept_and_can_be_taken_back(store: EventStore) -> None:
    store.record(start("a"))
    wrong = Verdict(review=Review.RELABELLED, review_label="hug", note=" <b>zwei</b> Männer ")

    event = store.review("a", wrong, "ann", DAY)
    assert (event.review, event.review_label, event.note) == (
        Review.RELABELLED, "hug", "<b>zwei</b> Männer",
    )  # fmt: skip
    assert (event.reviewer, event.reviewed_at) == ("ann", DAY)

    event = store.review("a", Verdict(review=Review.UNREVIEWED), "bob")
    assert (event.review, event.review_label) == (Review.UNREVIEWED, None)
    assert event.note == "<b>zwei</b> Männer", "what is not given stays"


def test_a_review_survives_the_end_of_the_activity(store: EventStore) -> None:
    store.record(start("a"))
    store.review("a", Verdict(review=Review.CONFIRMED, marked=True), "ann")
    store.record(end(start("a")))

    event = store.event("a")
    assert (event.review, event.marked, event.open) == (Review.CONFIRMED, True, False)


@pytest.mark.parametrize(
    "wrong",
    [{"review": "relabelled"}, {"review": "confirmed", "review_label": "hug"}, {"note": "x" * 2001},
     {"review": "maybe"}, {"label": "hug"}, {"review": "relabelled", "review_label": " "},
     {"note": "\x1b[2J"}, {"note": "\ud800"}, {"review": "relabelled", "review_label": "\x00"}],
)  # fmt: skip
def test_a_verdict_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Verdict.model_validate(wrong)


def test_an_unknown_event(store: EventStore) -> None:
    with pytest.raises(UnknownEvent):
        store.event("none")
    with pytest.raises(UnknownEvent):
        store.review("none", Verdict(marked=True), "ann")


def test_neighbours(store: EventStore) -> None:
    store.record(*(start(f"e{n}", n) for n in range(3)))
    newer, older = store.neighbours(store.event("e1"))
    assert newer is not None
    assert older is not None
    assert (newer.id, older.id) == ("e2", "e0")
    assert store.neighbours(newer)[0] is None


def test_pruning_spares_what_is_marked_or_open(store: EventStore) -> None:
    old, kept, going, new = (start(name, n) for n, name in enumerate("abcd"))
    store.record(old, end(old), kept, end(kept), going, new, end(new))
    store.review("b", Verdict(marked=True), "ann")

    assert store.prune(DAY + timedelta(hours=2.5)) == 1

    assert [event.id for event in store.all()] == ["d", "c", "b"]
    assert store.pruned_ms == milliseconds(DAY + timedelta(hours=2.5))
    store.prune(DAY)
    assert store.pruned_ms == milliseconds(DAY + timedelta(hours=2.5)), "those stay deleted"


def test_the_names_that_events_have(store: EventStore) -> None:
    store.record(start("a", camera="yard"), start("b", label="fall"), start("c"))
    assert store.values("camera") == ["door", "yard"]
    assert store.values("label") == ["fall", "fight"]


def test_a_store_is_opened_again_with_all_that_it_has(where: str) -> None:
    for expected in (1, 2):
        store = EventStore(where)
        store.record(start(f"e{expected}"))
        assert store.count() == expected
        store.close()


def test_another_end_of_what_has_ended_is_no_news(store: EventStore) -> None:
    began = start("a")
    died = end(began, reason=EndReason.MONITOR_DIED)
    store.record(began, end(began), died, notified=True)
    assert [news.reason for news in told(store)] == [None, EndReason.SCORE_FELL]


def test_an_end_is_news_though_the_store_had_it_from_the_alert_log(store: EventStore) -> None:
    at = datetime(2026, 5, 4, 3, 2, 1, 123_900, UTC)
    began = start("a", time=at, start_time=at)
    ended = end(began, end_time=at + timedelta(seconds=1))
    logged = [AlertEvent.model_validate_json(line(one)) for one in (began, ended)]
    store.record(*logged)
    store.record(began, notified=True)
    store.record(ended, notified=True)
    assert told(store) == logged


def test_the_tables_are_those_of_the_migrations(where: str) -> None:
    EventStore(where).close()
    engine = sa.create_engine(place(where))
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    scripts = ScriptDirectory(str(Path(monitor.store.database.__file__).parent / "migrations"))

    assert differences == []
    assert scripts.get_current_head() == REVISION


def older_store(where: str, reason: str | None) -> None:
    """Of the first revision, with an event."""
    engine = sa.create_engine(place(where))
    with engine.begin() as connection:
        upgrade(connection, "0001")
        insert = sa.text(
            "INSERT INTO events (id, camera, label, model, model_name, at_ms, start_s, reason,"
            " window_s, score, peak_score, trace, review, note, marked)"
            " VALUES ('old', 'door', 'fight', 'ff', 'fights', 5, 1, :reason, 2, 0.9, 0.9, '[]',"
            " 'unreviewed', '', false)"
        )
        connection.execute(insert, {"reason": reason})
    engine.dispose()


def test_a_store_of_an_older_har_monitor_is_brought_up_to_date(where: str) -> None:
    older_store(where, None)
    store = EventStore(where)
    store.record(start("new"))

    assert {event.id: event.origin for event in store.all(EventFilter())} == {
        "old": Origin.ALERT,
        "new": Origin.ALERT,
    }
    store.close()


@pytest.mark.parametrize(("reason", "pruned_ms"), [("score fell", 5), (None, 0)])
def test_what_an_older_store_deleted_is_guessed_by_the_oldest_that_it_has(
    where: str, reason: str | None, pruned_ms: int
) -> None:
    older_store(where, reason)
    store = EventStore(where)
    assert store.pruned_ms == pruned_ms
    store.close()


def test_a_store_of_a_newer_har_monitor_is_left_alone(where: str) -> None:
    EventStore(where).close()
    engine = sa.create_engine(place(where))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(StoreError, match="made by a newer har-monitor \\(revision 9999\\)"):
        EventStore(where)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    path.write_text("These are no events, and there are a few more words than needed." * 99)
    with pytest.raises(StoreDamaged, match=r"events\.sqlite: file is not a database"):
        EventStore(str(path))


def test_a_database_of_somebody_else(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE events (id INTEGER)"))
    engine.dispose()
    with pytest.raises(StoreError, match="its table events is not of har-monitor"):
        EventStore(str(path))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone/events\.sqlite: no such file or directory"):
        EventStore(str(tmp_path / "gone" / "events.sqlite"))


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (
            "mysql://ann:s3cret@db/har",
            r"mysql://ann:\*\*\*@db/har: unknown kind mysql",
        ),
        (
            "postgresql://har:s3cret@db:x/har",
            "event store: no address; allowed: the path",
        ),
    ],
)
def test_an_address_of_another_kind(where: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        EventStore(where)


def test_a_server_that_is_not_there_is_told_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as error:
        EventStore(f"postgresql://har:s3cret@/postgres?host={tmp_path}")
    assert "s3cret" not in str(error.value)
    assert "\n" not in str(error.value)


def test_the_file_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    EventStore(str(path)).close()
    assert path.stat().st_mode & 0o077 == 0


def test_the_sink_of_the_store_imports_no_sqlalchemy_before_it_is_needed() -> None:
    code = "import monitor.store.sink, sys; assert 'sqlalchemy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("where", "there"),
    [
        ("events.sqlite", None),
        ("postgresql://har:x@db.example/har", ("db.example", 5432)),
        ("postgresql://har:x@db.example:6000/har?sslmode=require", ("db.example", 6000)),
        ("postgresql://har:x@[2001:db8::1]/har", ("2001:db8::1", 5432)),
        ("postgresql:///har?host=db.example&port=6000", ("db.example", 6000)),
        ("postgresql:///har?host=db1.example&host=db2.example", ("db1.example", 5432)),
        ("postgresql:///har?host=/run/postgresql", None),
        ("postgresql:///har", None),
    ],
)
def test_where_the_server_of_a_store_is(where: str, there: tuple[str, int] | None) -> None:
    assert server(where) == there
