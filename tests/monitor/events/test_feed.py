"""Alerts for a program."""

import itertools

import pytest

from monitor.errors import SinkError
from monitor.events import dispatcher, feed
from monitor.events.alert import AlertEvent
from monitor.events.dispatcher import Dispatcher
from monitor.events.feed import Callback, Feed
from testkit.alerts import alert
from testkit.fakes import wait_until


def test_a_feed_gives_what_it_took_and_ends_when_it_is_closed() -> None:
    given = Feed()
    alerts = [alert(str(number)) for number in range(3)]
    for one in alerts:
        given.write(one)
    given.close()
    assert list(given) == alerts


def test_if_nobody_asks_alerts_wait_in_the_dispatcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "QUEUE_LIMIT", 2)
    monkeypatch.setattr(dispatcher, "RETRY_MIN_S", 0.01)
    monkeypatch.setattr(dispatcher, "RETRY_MAX_S", 0.01)
    given = Feed()
    found = Dispatcher([given], lambda: 0.0)
    found.start()
    for number in range(5):
        found.write(alert(str(number)))
    wait_until(lambda: found.sinks[0].retried > 0)
    assert found.sinks[0].waiting == 3
    with pytest.raises(SinkError, match=r"^2 alerts wait to be asked for$"):
        given.write(alert("5"))
    asked = list(itertools.islice(given, 5))
    assert [one.id for one in asked] == ["0", "1", "2", "3", "4"]
    assert found.close() == []


def test_a_callback_is_called_with_each_alert() -> None:
    came: list[AlertEvent] = []
    sink = Callback(came.append)
    sink.write(alert("1"))
    sink.close()
    assert came == [alert("1")]
