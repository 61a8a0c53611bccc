"""What is planned of what happened: by rules, limits and people, in SQLite and PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from monitor.config.notifications import NotifyOptions
from monitor.events.alert import AlertEvent
from monitor.notify.arming import all_arming, dismissed_since, obey
from monitor.notify.notification import NotificationKind, Order, OrderKind
from monitor.notify.outbox import Outbox, RowState
from monitor.notify.planner import Planner
from monitor.states import EndReason
from monitor.store.event import Review, Verdict, milliseconds
from monitor.store.store import EventStore
from monitor.store.tables import news, outbox
from testkit.alerts import alert

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)  # a Monday
NOON_MS = milliseconds(NOON)
TARGETS = [
    {"name": "hook", "type": "webhook", "url": "https://example.com/"},
    {"name": "chat", "type": "apprise", "url": "ntfy://topic"},
    {"name": "boss", "type": "syslog"},
]
Told = list[tuple[str, str, str]]  # target, kind, event


def began(name: str, minute: float = 0.0, **changes: Any) -> AlertEvent:
    at = NOON + timedelta(minutes=minute)
    return alert(name, **({"time": at, "start_time": at - timedelta(seconds=2)} | changes))


def ended(of: AlertEvent, minute: float = 1.0) -> AlertEvent:
    at = NOON + timedelta(minutes=minute)
    changes = {"event": "end", "time": at, "end_s": 9.0, "reason": EndReason.SCORE_FELL}
    return of.model_copy(update=changes)


@pytest.fixture
def happen(store: EventStore) -> Callable[..., None]:
    """Lets alerts be recorded, and plans them at the time of the last one."""

    def happen(rules: list[dict[str, Any]], *alerts: AlertEvent, **more: Any) -> None:
        options = NotifyOptions.model_validate({"targets": TARGETS, "rules": rules} | more)
        planner = Planner(Outbox(store), options)
        for one in alerts:
            store.record(one, notified=True)
            planner.plan(milliseconds(one.time))

    return happen


def planned(store: EventStore, state: RowState = RowState.WAITING) -> Told:
    query = sa.select(outbox).where(outbox.c.state == state.value).order_by(outbox.c.seq)
    with store.reading() as connection:
        return [(row.target, row.kind, row.event) for row in connection.execute(query)]


def due(store: EventStore, target: str, minute: float) -> list[str]:
    """What a target is sent, all at once, at this minute."""
    box, now_ms, found = Outbox(store), NOON_MS + round(minute * 60_000), []
    while (row := box.head(target, now_ms)) is not None:
        counted = f" {row.held_back}" if row.held_back else ""
        found.append(f"{row.kind} {row.alert.id}{counted}")
        box.sent(row, now_ms)
    return found


def test_without_rules_every_target_is_told_and_messages_come_once(
    store: EventStore, happen: Callable[..., None]
) -> None:
    a = began("a")
    happen([], a, ended(a))
    assert planned(store) == [
        ("hook", "start", "a"),
        ("chat", "start", "a"),
        ("boss", "start", "a"),
        ("hook", "end", "a"),
        ("boss", "end", "a"),
    ], "who chats is not told twice of one event"

    happen([], ended(a), a)
    assert len(planned(store)) == 5, "what the dispatcher gives again is planned once"


def test_a_film_that_is_watched_again_is_told_again(
    store: EventStore, happen: Callable[..., None]
) -> None:
    happen([], began("a", start_time=None), began("a", 5, start_time=None))
    assert [target for target, _, _ in planned(store)].count("hook") == 2


def test_what_nobody_planned_before_a_kill_is_planned_later(
    store: EventStore, happen: Callable[..., None]
) -> None:
    store.record(began("a"), began("s", shadow=True))
    assert planned(store) == []
    store.record(began("b"), notified=True)
    happen([{"to": ["hook"]}], began("c", 3))
    assert planned(store) == [("hook", "start", "b"), ("hook", "start", "c")]


def test_an_alert_and_its_news_are_recorded_together_or_not_at_all(store: EventStore) -> None:
    with store.transaction() as connection:
        connection.execute(sa.text("DROP TABLE news"))
    with pytest.raises(Exception, match="event store"):
        store.record(began("a"), notified=True)
    assert store.count() == 0
    with store.transaction() as connection:
        news.create(connection)


def test_an_end_whose_start_was_lost_is_told_by_the_rules(
    store: EventStore, happen: Callable[..., None]
) -> None:
    happen([{"to": ["chat"]}], ended(began("a")))
    assert planned(store) == [("chat", "end", "a")]


@pytest.mark.parametrize(
    ("rule", "events"),
    [
        ({"cameras": ["yard"]}, ["yard"]),
        ({"labels": ["fall"]}, ["fall"]),
        ({"regions": ["till"]}, ["till"]),
        ({"cameras": ["yard", "door"], "labels": ["fight"]}, ["plain", "yard", "till"]),
        ({"schedule": [{"begin": "12:00", "end": "13:00"}]}, ["plain", "yard", "fall", "till"]),
        ({"schedule": [{"begin": "13:00", "end": "12:00"}]}, []),
        ({"quiet": [{"days": ["mon"]}]}, []),
        ({"quiet": [{"days": ["tue"]}]}, ["plain", "yard", "fall", "till"]),
    ],
)
def test_a_rule_chooses_events(
    store: EventStore, happen: Callable[..., None], rule: dict[str, Any], events: list[str]
) -> None:
    happen(
        [{"to": ["hook"]} | rule],
        began("plain"),
        began("yard", camera="yard"),
        began("fall", label="fall"),
        began("till", region="till"),
        zone="UTC",
    )
    assert [event for _, _, event in planned(store)] == events


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        # Berlin's clocks go from 02:00 to 03:00 on 2026-03-29, and back from 03:00 on 2026-10-25.
        ("2026-03-29T00:59:00+00:00", False),  # 01:59
        ("2026-03-29T01:00:00+00:00", True),  # 03:00
        ("2026-10-25T00:30:00+00:00", False),  # 02:30, the first time
        ("2026-10-25T01:30:00+00:00", False),  # 02:30, the second time
        ("2026-10-25T02:00:00+00:00", True),  # 03:00
    ],
)
def test_clocks_are_those_on_the_wall_also_when_they_are_changed(
    store: EventStore, happen: Callable[..., None], moment: str, told: bool
) -> None:
    at = datetime.fromisoformat(moment)
    quiet = [{"begin": "23:00", "end": "03:00"}]
    happen([{"to": ["hook"], "quiet": quiet}], began("a", time=at), zone="Europe/Berlin")
    assert bool(planned(store)) is told


def test_a_target_of_two_rules_is_told_once(store: EventStore, happen: Callable[..., None]) -> None:
    happen([{"to": ["hook"], "labels": ["fight"]}, {"to": ["hook", "boss"]}], began("a"))
    assert planned(store) == [("hook", "start", "a"), ("boss", "start", "a")]


def test_of_too_many_events_one_message_counts_the_rest(
    store: EventStore, happen: Callable[..., None]
) -> None:
    rules = [{"to": ["hook"], "at_most": {"count": 2, "minutes": 10}}]
    alerts = [began(str(n), n) for n in range(6)]
    happen(rules, *alerts, ended(alerts[5], 6), ended(alerts[1], 7))

    assert due(store, "hook", 8) == ["start 0", "start 1", "end 1"], "nor ends of what is held back"
    assert due(store, "hook", 10.5) == ["summary 5 4"]
    happen(rules, began("6", 11), began("7", 11.5), began("8", 12))
    assert due(store, "hook", 12) == ["start 6", "start 7"]
    assert due(store, "hook", 22) == ["summary 8 1"]
    assert due(store, "hook", 60) == []


def test_what_is_held_back_while_a_summary_cannot_be_sent_is_counted_by_the_next(
    store: EventStore, happen: Callable[..., None]
) -> None:
    rules = [{"to": ["hook"], "at_most": {"count": 1, "minutes": 10}}]
    happen(rules, began("0"), began("1", 1))
    box = Outbox(store)
    first = box.head("hook", NOON_MS)
    assert first is not None
    box.sent(first, NOON_MS)
    summary = box.head("hook", NOON_MS + 11 * 60_000)
    assert summary is not None
    assert summary.held_back == 1
    box.failed(summary, "refused")

    happen(rules, began("2", 12), began("3", 13), began("4", 14))
    assert due(store, "hook", 30) == ["summary 1 1", "start 2", "summary 4 2"]


def test_others_are_told_if_nobody_reviews_in_time(
    store: EventStore, happen: Callable[..., None]
) -> None:
    rules = [{"to": ["chat"], "escalate_min": 15, "escalate_to": ["boss"]}]
    happen(rules, began("a"), began("b"), began("c"))
    store.review("b", Verdict(review=Review.DISMISSED), "ann")
    store.prune(NOON - timedelta(days=1))

    assert due(store, "boss", 14) == []
    assert due(store, "boss", 15) == ["escalation a", "escalation c"]
    assert planned(store, RowState.NEEDLESS) == [("boss", "escalation", "b")]


def test_nobody_is_told_of_a_camera_that_is_disarmed_or_snoozed(
    store: EventStore, happen: Callable[..., None]
) -> None:
    rules = [{"to": ["hook"]}]
    obey(store, Order(OrderKind.DISARM, "door"), NOON_MS)
    obey(store, Order(OrderKind.SNOOZE, "yard", 10), NOON_MS)
    yard = {"camera": "yard"}
    happen(rules, began("1", 1), began("2", 9, **yard), began("3", 10, **yard))
    obey(store, Order(OrderKind.ARM, "door"), NOON_MS)
    obey(store, Order(OrderKind.SNOOZE, "yard", 60), NOON_MS)
    obey(store, Order(OrderKind.SNOOZE, "yard", 0), NOON_MS)
    happen(rules, began("4", 11), began("5", 12, **yard))

    assert [event for _, _, event in planned(store)] == ["3", "4", "5"]
    assert store.count() == 5, "they are recorded"
    assert not any(one.silent(NOON_MS) for one in all_arming(store).values())


def test_what_waits_too_long_is_given_up_and_seen(
    store: EventStore, happen: Callable[..., None]
) -> None:
    happen([], began("a"), began("b", 60))
    box = Outbox(store)
    head = box.head("hook", NOON_MS)
    assert head is not None
    box.failed(head, "no route to host")

    given_up = box.give_up(NOON_MS + 1, NOON_MS + 1000)
    assert given_up == {"hook": (1, "no route to host"), "chat": (1, ""), "boss": (1, "")}
    assert box.counts()["hook"] == {RowState.WAITING: 1, RowState.GIVEN_UP: 1}
    assert box.last_error("hook") == "no route to host"
    assert due(store, "hook", 60) == ["start b"]
    box.prune(NOON_MS + 2000)
    assert box.counts()["hook"] == {RowState.SENT: 1}


def test_what_happened_while_nobody_was_notified_counts_from_when_it_was(
    store: EventStore, happen: Callable[..., None]
) -> None:
    store.record(began("old", -2000), began("a"), began("b", 1), notified=True)
    rules = [{"to": ["hook"], "at_most": {"count": 1, "minutes": 2}}]
    happen(rules, began("c", 3))
    hour_ms = 3_600_000
    assert Outbox(store).give_up(NOON_MS - 24 * hour_ms, NOON_MS) == {"hook": (1, "")}
    assert due(store, "hook", 3) == ["start a", "summary b 1", "start c"]


def test_a_clock_that_is_set_back_delays_nothing(
    store: EventStore, happen: Callable[..., None]
) -> None:
    happen([{"to": ["hook"]}], began("a"))
    head = Outbox(store).head("hook", NOON_MS - 3_600_000)
    assert head is not None
    assert head.kind is NotificationKind.START


def test_a_clock_that_was_a_year_ahead_holds_nothing_back(
    store: EventStore, happen: Callable[..., None]
) -> None:
    rules = [{"to": ["hook"], "at_most": {"count": 1, "minutes": 10}}]
    year = 365 * 24 * 60
    happen(rules, began("x", year), began("y", year + 1))
    happen(rules, began("a"), began("b", 1), began("c", 2))
    assert due(store, "hook", 1) == ["start x", "start a"]
    assert due(store, "hook", 10) == ["summary c 3"]


def test_news_that_got_the_number_of_others_are_not_taken_for_them(store: EventStore) -> None:
    box = Outbox(store)
    store.record(began("a"), notified=True)
    ((seq, text, _),) = box.news(10)
    with store.transaction() as connection:
        assert box.take(connection, seq, text)
        connection.execute(sa.insert(news).values(seq=seq, alert="b", fresh=True))
    with store.transaction() as connection:
        assert not box.take(connection, seq, text), "another process was faster"
    assert [text for _, text, _ in box.news(10)] == ["b"]


def test_a_limit_does_not_read_all_that_was_ever_sent(
    store: EventStore, happen: Callable[..., None]
) -> None:
    happen([{"to": ["hook"], "at_most": {"count": 1, "minutes": 10}}], began("a"))
    columns = [one["column_names"] for one in sa.inspect(store._connected()).get_indexes("outbox")]
    assert ["target", "rule", "kind", "at_ms"] in columns


@pytest.mark.expects_errors
def test_what_another_version_wrote_holds_up_nothing(
    store: EventStore, happen: Callable[..., None]
) -> None:
    with store.transaction() as connection:
        connection.execute(sa.insert(news).values(alert='{"schema": "v9"}', fresh=True))
    happen([{"to": ["hook"]}], began("a"), began("b"))
    with store.transaction() as connection:
        first = outbox.c.event == "a"
        connection.execute(sa.update(outbox).where(first).values(alert='{"schema": "v9"}'))

    assert due(store, "hook", 1) == ["start b"]
    assert planned(store, RowState.GIVEN_UP) == [("hook", "start", "a")]


def test_false_alarms_of_today_are_counted(store: EventStore) -> None:
    store.record(began("a", -60), began("b"), began("c"), began("s", shadow=True))
    for name in "abs":
        store.review(name, Verdict(review=Review.DISMISSED), "ann")
    store.review("c", Verdict(review=Review.CONFIRMED), "ann")
    assert dismissed_since(store, NOON_MS - 600_000) == {"door": 1}
