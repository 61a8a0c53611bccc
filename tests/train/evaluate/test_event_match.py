"""Which alerts match which events, and the metrics of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.evaluate.event_match import (
    Alert,
    Event,
    EventMetrics,
    event_metrics,
    grace_s,
    match_events,
)

GRACE_S = 3.0


def fight(start_s: float, end_s: float) -> Event:
    return Event("fight", start_s, end_s)


def alert(decided_s: float, label: str = "fight") -> Alert:
    return Alert(label, decided_s, 0.9)


@pytest.mark.parametrize(
    ("decided_s", "finds"),
    [
        pytest.param(9.99, False, id="just before it"),
        pytest.param(10.0, True, id="with its first picture"),
        pytest.param(11.0, True, id="in it"),
        pytest.param(15.0, True, id="with the end of the grace"),
        pytest.param(15.01, False, id="after the grace"),
    ],
)
def test_an_alert_matches_an_event_from_its_start_to_the_end_of_the_grace(
    decided_s: float, finds: bool
) -> None:
    matches = match_events([fight(10, 12)], [alert(decided_s)], GRACE_S)

    ((_, found),) = matches.events
    assert bool(found) is finds
    assert bool(matches.false_alarms) is not finds


def test_an_alert_of_another_label_matches_nothing() -> None:
    matches = match_events([fight(10, 12)], [alert(11, "fall")], GRACE_S)

    assert matches.events == ((fight(10, 12), ()),)
    assert matches.false_alarms == (alert(11, "fall"),)


def test_two_alerts_in_one_event_are_fragments_and_none_is_false() -> None:
    found = event_metrics([match_events([fight(10, 20)], [alert(18), alert(12)], GRACE_S)], hours=1)

    assert (found.found, found.false_alarms, found.alerts) == (1, 0, 2)
    assert found.fragments == 2
    assert found.delays_s == (2.0,), "the first of them counts"


def test_an_alert_that_fits_two_events_matches_the_first_without_an_alert() -> None:
    first, second = fight(0, 2), fight(4, 6)

    one = match_events([second, first], [alert(4.5)], GRACE_S)
    two = match_events([second, first], [alert(4.5), alert(4.8)], GRACE_S)
    three = match_events([second, first], [alert(1), alert(4.5), alert(4.8)], GRACE_S)

    assert one.events == ((first, (alert(4.5),)), (second, ()))
    assert two.events == ((first, (alert(4.5),)), (second, (alert(4.8),)))
    assert three.events == ((first, (alert(1),)), (second, (alert(4.5), alert(4.8))))


def test_two_events_at_the_same_time_count_separately() -> None:
    found = event_metrics([match_events([fight(0, 2), fight(0, 2)], [alert(1)], GRACE_S)], hours=1)

    assert (found.events, found.found) == (2, 1)


def test_the_metrics_of_several_streams_are_counted_together() -> None:
    streams = [
        match_events([fight(10, 12), fight(30, 32)], [alert(12), alert(50)], GRACE_S),
        match_events([fight(10, 12)], [alert(11)], GRACE_S),
        match_events([], [], GRACE_S),
    ]

    found = event_metrics(streams, hours=0.5)

    assert (found.events, found.found, found.false_alarms) == (3, 2, 1)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert found.f1 == pytest.approx(2 / 3)
    assert found.false_per_hour == 2
    assert found.delays_s == (1.0, 2.0)


def test_metrics_of_one_label_ignore_the_others() -> None:
    events = [fight(0, 2), Event("fall", 20, 22)]
    streams = [match_events(events, [alert(1), alert(40), alert(60, "fall")], GRACE_S)]

    of_fight, of_fall = (event_metrics(streams, 1, label) for label in ("fight", "fall"))

    assert (of_fight.events, of_fight.found, of_fight.false_alarms) == (1, 1, 1)
    assert (of_fall.events, of_fall.found, of_fall.false_alarms) == (1, 0, 1)


def test_a_metric_without_data_is_none_and_not_zero() -> None:
    quiet = event_metrics([match_events([], [], GRACE_S)], hours=2)

    assert (quiet.precision, quiet.recall, quiet.f1, quiet.fragments) == (None,) * 4
    assert quiet.delay_s(0.5) is None
    assert quiet.false_per_hour == 0
    assert event_metrics([match_events([fight(0, 2)], [], GRACE_S)], hours=2).f1 == 0


@pytest.mark.parametrize(
    ("share", "delay_s"), [(0.0, 1.0), (0.5, 2.0), (0.75, 3.0), (0.76, 4.0), (0.95, 4.0), (1, 4.0)]
)
def test_delays_are_quantiles_over_the_found_events(share: float, delay_s: float) -> None:
    found = EventMetrics(4, 4, 0, 1.0, (1.0, 2.0, 3.0, 4.0), 4)

    assert found.delay_s(share) == delay_s


def test_no_false_alarm_in_two_hours_bounds_the_rate_at_three_in_two_hours() -> None:
    quiet = EventMetrics(0, 0, 0, 2.0, (), 0)

    assert quiet.false_per_hour_high == pytest.approx(1.5, abs=0.01)


def test_the_grace_is_a_window_and_a_second() -> None:
    assert grace_s(2.0) == 3.0


times = st.floats(0, 60)


@given(st.lists(st.tuples(times, st.floats(0.1, 5))), st.lists(times))
def test_every_alert_and_every_event_is_counted_once(
    spans: list[tuple[float, float]], decided: list[float]
) -> None:
    events = [fight(start, start + length) for start, length in spans]

    matches = match_events(events, [alert(at) for at in decided], GRACE_S)

    used = [one for _, alerts in matches.events for one in alerts]
    assert sorted(a.decided_s for a in [*used, *matches.false_alarms]) == sorted(decided)
    assert sorted(event.start_s for event, _ in matches.events) == sorted(s for s, _ in spans)
    for event, alerts in matches.events:
        assert all(event.start_s <= a.decided_s <= event.end_s + GRACE_S for a in alerts)
        assert list(alerts) == sorted(alerts, key=lambda a: a.decided_s)
