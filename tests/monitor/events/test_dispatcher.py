"""How activities reach the sinks, and what a sink that is slow or broken does to the others."""

import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from monitor.events import dispatcher
from monitor.events.dispatcher import SLOW_S, Dispatcher
from monitor.records import Activity
from testkit.fakes import wait_until
from testkit.patience import LIMIT_S


def activity(number: int) -> Activity:
    return Activity(str(number), "door", "fight", 1.0, None, 0.9, 0.9, 100.0, 3.0)


class Recorder:
    """Keeps what it is given."""

    name = "recorder"
    waiting = lost = 0

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.flushed = 0
        self.closed = 0

    def write(self, activity: Activity) -> None:
        self.ids.append(activity.id)

    def flush(self) -> None:
        self.flushed += 1

    def close(self) -> None:
        self.closed += 1


class Blocked(Recorder):
    """Holds up whoever calls it, until it is let go."""

    name = "blocked"

    def __init__(self) -> None:
        super().__init__()
        self.held = threading.Event()
        self.free = threading.Event()

    def write(self, activity: Activity) -> None:
        self.held.set()
        assert self.free.wait(LIMIT_S)
        super().write(activity)


class Broken(Recorder):
    """Fails at every second activity."""

    def write(self, activity: Activity) -> None:
        if int(activity.id) % 2:
            raise ZeroDivisionError("this sink is broken")
        super().write(activity)


@pytest.fixture
def blocked() -> Iterator[Blocked]:
    sink = Blocked()
    yield sink
    sink.free.set()


def started(*sinks: Recorder, clock: Callable[[], float] = lambda: 0.0) -> Dispatcher:
    found = Dispatcher(sinks, clock)
    found.start()
    return found


def test_a_sink_that_blocks_holds_up_neither_a_worker_nor_another_sink(blocked: Blocked) -> None:
    other = Recorder()
    found = started(blocked, other)
    for number in range(100):
        found.write(activity(number))  # would hang here
    wait_until(lambda: len(other.ids) == 100)
    assert blocked.ids == []
    assert found.sinks == (("blocked", 99, 0), ("recorder", 0, 0))
    blocked.free.set()
    assert found.close() == []
    assert blocked.ids == other.ids == [str(number) for number in range(100)]
    assert (blocked.closed, other.closed) == (1, 1)


def test_a_sink_that_never_comes_back_is_an_error_at_the_end_and_the_others_finish(
    blocked: Blocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "END_S", 0.1)
    other = Recorder()
    found = started(blocked, other)
    for number in range(3):
        found.write(activity(number))
    assert blocked.held.wait(LIMIT_S)
    (error,) = found.close()
    assert str(error) == ("blocked: did not finish within 0.1 s; 2 activities were not handed over")
    assert (len(other.ids), other.closed) == (3, 1)


def test_a_slow_sink_is_told_of(blocked: Blocked, caplog: pytest.LogCaptureFixture) -> None:
    now_s = [100.0]
    found = started(blocked, clock=lambda: now_s[0])
    found.write(activity(0))
    found.write(activity(1))
    assert blocked.held.wait(LIMIT_S)
    found.report()
    assert caplog.messages == []
    now_s[0] += SLOW_S
    found.report()
    assert caplog.messages == ["blocked has been at one activity for 10 s; 1 wait"]
    blocked.free.set()
    assert found.close() == []


@pytest.mark.expects_errors
def test_of_too_many_that_wait_the_oldest_are_lost_and_counted(
    blocked: Blocked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatcher, "ROOM", 2)
    found = started(blocked)
    found.write(activity(0))
    assert blocked.held.wait(LIMIT_S)
    for number in range(1, 6):
        found.write(activity(number))
    found.report()
    assert found.sinks == (("blocked", 2, 3),)
    assert caplog.messages == ["blocked takes too few activities: 3 were lost"]
    blocked.free.set()
    assert found.close() == []
    assert blocked.ids == ["0", "4", "5"]


@pytest.mark.expects_errors
def test_a_sink_that_fails_gets_the_next_activity(caplog: pytest.LogCaptureFixture) -> None:
    sink = Broken()
    found = started(sink)
    for number in range(4):
        found.write(activity(number))
    assert found.close() == []
    assert sink.ids == ["0", "2"]
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.exc_info[0] for record in failures if record.exc_info] == 2 * [ZeroDivisionError]


def test_a_sink_tries_again_while_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "RETRY_S", 0.01)
    sink = Recorder()
    found = started(sink)
    wait_until(lambda: sink.flushed > 2)
    assert found.close() == []


def test_sinks_are_closed_if_no_thread_could_be_started() -> None:
    sink = Recorder()
    assert Dispatcher([sink]).close() == []
    assert sink.closed == 1
