"""How alerts reach the sinks, and what a sink that is slow or broken does to the others."""

import contextlib
import errno
import itertools
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from monitor.errors import SinkError
from monitor.events import dispatcher
from monitor.events.alert import AlertEvent
from monitor.events.alert_log import AlertLogSink
from monitor.events.dispatcher import SLOW_S, Dispatcher
from monitor.events.sink import Sink
from monitor.records import Window
from testkit.alerts import alert
from testkit.fakes import wait_until
from testkit.patience import LIMIT_S


class Recorder:
    """Keeps what it is given."""

    name = "recorder"

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.closed = 0

    def write(self, alert: AlertEvent) -> None:
        self.ids.append(alert.id)

    def close(self) -> None:
        self.closed += 1


class Blocked(Recorder):
    """Holds up whoever calls it, until it is let go."""

    name = "blocked"

    def __init__(self) -> None:
        super().__init__()
        self.held = threading.Event()
        self.free = threading.Event()

    def write(self, alert: AlertEvent) -> None:
        self.held.set()
        assert self.free.wait(LIMIT_S)
        super().write(alert)


class Seer(Blocked):
    """Is also shown windows."""

    name = "seer"

    def __init__(self) -> None:
        super().__init__()
        self.windows: list[Window | None] = []

    def write_window(self, alert: AlertEvent, window: Window | None) -> None:
        self.write(alert)
        self.windows.append(window)


class Broken(Recorder):
    """Fails at every second alert."""

    name = "broken"

    def write(self, alert: AlertEvent) -> None:
        if int(alert.id) % 2:
            raise ZeroDivisionError("this sink is broken")
        super().write(alert)


class Failing(Recorder):
    """Refuses what it is given so many times, before it takes anything."""

    name = "failing"

    def __init__(self, failures: float = float("inf")) -> None:
        super().__init__()
        self.failures = failures
        self.tries: list[str] = []

    def write(self, alert: AlertEvent) -> None:
        self.tries.append(alert.id)
        if self.failures > 0:
            self.failures -= 1
            raise SinkError("the server does not answer")
        super().write(alert)


@pytest.fixture
def blocked() -> Iterator[Blocked]:
    sink = Blocked()
    yield sink
    sink.free.set()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses between two tries."""
    monkeypatch.setattr(dispatcher, "RETRY_MIN_S", 0.01)
    monkeypatch.setattr(dispatcher, "RETRY_MAX_S", 0.01)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds between two tries, of which none is waited for."""
    found: list[float] = []
    monkeypatch.setattr(
        dispatcher._SinkThread, "_pause", lambda self, pause_s: found.append(pause_s)
    )
    return found


def started(*sinks: Sink, clock: Callable[[], float] = lambda: 0.0) -> Dispatcher:
    found = Dispatcher(sinks, clock)
    found.start()
    return found


def passing() -> Callable[[], float]:
    """A clock on which half a second passes whenever it is looked at."""
    return itertools.count(100.0, 0.5).__next__


def write(found: Dispatcher, *numbers: int) -> None:
    for number in numbers:
        found.write(alert(str(number)))


def test_a_sink_that_blocks_holds_up_neither_a_worker_nor_another_sink(blocked: Blocked) -> None:
    other = Recorder()
    found = started(blocked, other)
    write(found, *range(100))  # would hang here
    wait_until(lambda: len(other.ids) == 100)
    assert blocked.ids == []
    wait_until(lambda: found.sinks == (("blocked", 100, 0, 0), ("recorder", 0, 0, 0)))
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
    write(found, 0, 1, 2)
    assert blocked.held.wait(LIMIT_S)
    (error,) = found.close()
    assert str(error) == (
        "blocked: 3 alerts were not written: it did not finish within 0.85 s"
    )  # the end, a pause between two tries, and half a second
    assert (len(other.ids), other.closed) == (3, 1)


def test_a_slow_sink_is_told_of(blocked: Blocked, caplog: pytest.LogCaptureFixture) -> None:
    now_s = [100.0]
    found = started(blocked, clock=lambda: now_s[0])
    write(found, 0, 1)
    assert blocked.held.wait(LIMIT_S)
    found.report()
    assert caplog.messages == []
    now_s[0] += SLOW_S
    found.report()
    assert caplog.messages == ["blocked has been at one alert for 10 s; 1 wait"]
    blocked.free.set()
    assert found.close() == []


@pytest.mark.expects_errors
def test_of_too_many_that_wait_the_oldest_are_lost_and_counted(
    blocked: Blocked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatcher, "QUEUE_LIMIT", 2)
    found = started(blocked)
    write(found, 0)
    assert blocked.held.wait(LIMIT_S)
    write(found, *range(1, 6))
    found.report()
    assert found.sinks == (("blocked", 3, 0, 3),)
    assert caplog.messages == ["blocked: 3 alerts were lost: more than 2 waited"]
    blocked.free.set()
    (error,) = found.close()
    assert str(error) == "blocked: 3 alerts were not written: more than 2 waited"
    assert blocked.ids == ["0", "4", "5"]


@pytest.mark.expects_errors
def test_a_sink_with_a_fault_of_its_own_loses_that_alert_and_gets_the_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink, other = Broken(), Recorder()
    found = started(sink, other)
    write(found, *range(4))
    wait_until(lambda: found.sinks == (("broken", 0, 0, 2), ("recorder", 0, 0, 0)))
    found.report()
    assert "broken: 2 alerts were lost: ZeroDivisionError: this sink is broken" in caplog.messages
    (error,) = found.close()
    assert str(error) == (
        "broken: 2 alerts were not written: ZeroDivisionError: this sink is broken"
    )
    assert (sink.ids, sink.closed) == (["0", "2"], 1)
    assert other.ids == ["0", "1", "2", "3"]
    failures = [record for record in caplog.records if record.exc_info]
    assert [record.getMessage() for record in failures] == 2 * ["broken could not take an alert"]
    assert [record.exc_info[0] for record in failures if record.exc_info] == 2 * [ZeroDivisionError]


@pytest.mark.usefixtures("quick")
def test_a_sink_that_fails_gets_the_same_alert_again_and_all_in_their_order(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink, other = Failing(3), Recorder()
    found = started(sink, other)
    write(found, *range(5))
    wait_until(lambda: found.sinks == (("failing", 0, 3, 0), ("recorder", 0, 0, 0)))
    assert sink.tries == ["0", "0", "0", "0", "1", "2", "3", "4"]
    assert sink.ids == other.ids == ["0", "1", "2", "3", "4"]
    assert caplog.messages == [
        "the server does not answer; alerts wait in memory",
        "failing: writing works again",
    ]
    assert found.close() == []


def test_pauses_between_tries_double_up_to_the_longest_and_begin_anew_with_the_next_alert(
    pauses: list[float],
) -> None:
    sink = Failing(8)
    found = started(sink)
    write(found, 0)
    wait_until(lambda: len(sink.ids) == 1)
    assert pauses == [0.25, 0.5, 1, 2, 4, 5, 5, 5]
    sink.failures = 2
    write(found, 1)
    wait_until(lambda: len(sink.ids) == 2)
    assert pauses[8:] == [0.25, 0.5]
    wait_until(lambda: found.sinks == (("failing", 0, 10, 0),))
    assert found.close() == []


def test_while_a_sink_fails_alerts_wait_and_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "RETRY_MIN_S", LIMIT_S)
    sink = Failing(1)
    found = started(sink)
    write(found, *range(3))
    wait_until(lambda: sink.tries == ["0"])
    assert found.sinks == (("failing", 3, 0, 0),)
    monkeypatch.setattr(dispatcher, "RETRY_MIN_S", 0.01)
    assert found.close() == [], "the end cuts a pause short"
    assert sink.ids == ["0", "1", "2"]


@pytest.mark.expects_errors
def test_while_a_sink_fails_too_the_oldest_that_wait_are_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatcher, "QUEUE_LIMIT", 2)
    monkeypatch.setattr(dispatcher, "RETRY_MIN_S", LIMIT_S)
    sink = Failing(1)
    found = started(sink)
    write(found, 0)
    wait_until(lambda: sink.tries == ["0"])
    write(found, *range(1, 6))
    assert found.sinks == (("failing", 3, 0, 3),)
    monkeypatch.setattr(dispatcher, "RETRY_MIN_S", 0.01)
    (error,) = found.close()
    assert str(error) == "failing: 3 alerts were not written: more than 2 waited"
    assert sink.ids == ["0", "4", "5"], "what it failed at is no part of what waits"


@pytest.mark.usefixtures("quick")
def test_the_end_gives_up_after_its_time_and_says_how_many_were_not_written_and_why() -> None:
    now_s = [100.0]

    class Slow(Failing):
        def write(self, alert: AlertEvent) -> None:
            now_s[0] += 0.5
            super().write(alert)

    sink, other = Slow(), Recorder()
    found = started(sink, other, clock=lambda: now_s[0])
    write(found, *range(3))
    (error,) = found.close()
    assert isinstance(error, SinkError)
    assert str(error) == "failing: 3 alerts were not written: the server does not answer"
    assert (set(sink.tries), sink.ids, sink.closed) == ({"0"}, [], 1)
    assert len(sink.tries) > 1, "it was tried until then"
    assert (other.ids, other.closed) == (["0", "1", "2"], 1)


@pytest.mark.usefixtures("quick")
def test_a_sink_that_works_again_before_the_end_is_over_loses_nothing() -> None:
    sink = Failing(5)
    found = started(sink)
    write(found, *range(3))
    assert found.close() == []
    assert (sink.ids, sink.closed) == (["0", "1", "2"], 1)


@pytest.mark.expects_errors
@pytest.mark.parametrize("error", [SinkError("the disk is gone"), ZeroDivisionError()], ids=repr)
def test_a_sink_that_cannot_be_closed_does_no_harm(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    class Unclosable(Recorder):
        def close(self) -> None:
            raise error

    sink, other = Unclosable(), Recorder()
    found = started(sink, other)
    write(found, 0)
    known = isinstance(error, SinkError)
    assert found.close() == ([error] if known else [])
    assert caplog.messages == ([] if known else ["recorder could not be closed"])
    assert (sink.ids, other.ids, other.closed) == (["0"], ["0"], 1)


def test_sinks_are_closed_if_no_thread_could_be_started() -> None:
    sink = Recorder()
    assert Dispatcher([sink]).close() == []
    assert sink.closed == 1


def test_alerts_of_sinks_whose_threads_could_not_be_started_are_told_as_lost() -> None:
    found = Dispatcher([Recorder()])
    write(found, 0, 1)
    (error,) = found.close()
    assert str(error) == "recorder: 2 alerts were not written: its thread was not started"


START, END = alert("a1"), alert("a1", event="end", end_s=8.0, reason="score fell")


def log_to(path: Path) -> AlertLogSink:
    return AlertLogSink(path, max_bytes=1 << 20, keep=2)


def events(path: Path) -> list[str]:
    return [json.loads(line)["event"] for line in path.read_text().splitlines()]


@pytest.mark.usefixtures("quick")
def test_alerts_wait_for_room_on_a_full_disk_and_keep_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "alerts.jsonl"
    found = started(log_to(path))
    found.write(START)
    wait_until(lambda: path.read_bytes().endswith(b"\n"))
    real = os.write
    full = True
    room = 10  # a disk takes what still fits, and nothing after that

    def write(file: int, data: bytes) -> int:
        nonlocal room
        if not full:
            return real(file, data)
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken, room = real(file, data[:room]), 0
        return taken

    monkeypatch.setattr(os, "write", write)
    found.write(END)
    found.write(START)
    wait_until(lambda: found.sinks[0].retried > 2)
    assert found.sinks[0].waiting == 2
    assert events(path) == ["start"]
    full = False
    found.write(END)
    assert found.close() == []
    assert events(path) == ["start", "end", "start", "end"]
    warnings = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    assert warnings == [
        f"alert log {path}: no room for a whole line; alerts wait in memory",
        f"alert log {path}: writing works again",
    ]


@pytest.mark.usefixtures("quick")
def test_waiting_alerts_are_written_without_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "alerts.jsonl"
    found = started(log_to(path))
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", lambda file, data: 0)
        found.write(START)
        wait_until(lambda: found.sinks[0].retried > 0)
        assert found.sinks[0].waiting == 1
    wait_until(lambda: found.sinks[0].waiting == 0)
    assert events(path) == ["start"]
    assert found.close() == []


@pytest.mark.usefixtures("quick")
def test_a_log_that_is_open_when_it_becomes_read_only_gets_what_waited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: int, data: bytes) -> int:  # as of a damaged file system
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    path = tmp_path / "alerts.jsonl"
    found = started(log_to(path))
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", refuse)
        write(found, *range(3))
        wait_until(lambda: found.sinks[0].retried > 0)
        assert found.sinks[0].waiting == 3
        assert path.read_bytes() == b""
    assert found.close() == []
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["0", "1", "2"]


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A pipe that is full, and the end to read it from."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4095 + b"\n")
    os.close(writer)
    yield path, reader
    os.close(reader)


@pytest.mark.usefixtures("quick")
def test_a_pipe_that_nobody_reads_holds_nobody_up(pipe: tuple[Path, int]) -> None:
    path, _ = pipe
    found = started(log_to(path), clock=passing())
    found.write(START)
    found.write(END)
    (error,) = found.close()
    assert str(error) == (f"alert log {path}: 2 alerts were not written: nobody reads it")


def events_from(reader: int, count: int) -> list[str]:
    """So many events, as somebody reads them who reads on."""
    found: list[str] = []
    read = b""

    def all_came() -> bool:
        nonlocal read
        with contextlib.suppress(BlockingIOError):
            read += os.read(reader, 1 << 20)
        lines = [line for line in read.splitlines() if not line.startswith(b"x")]
        found[:] = [json.loads(line)["event"] for line in lines]
        return len(found) >= count

    wait_until(all_came)
    return found


@pytest.mark.usefixtures("quick")
def test_a_pipe_that_is_read_again_gets_what_waited(pipe: tuple[Path, int]) -> None:
    path, reader = pipe
    found = started(log_to(path))
    found.write(START)
    wait_until(lambda: found.sinks[0].retried > 0)
    assert events_from(reader, 1) == ["start"]
    found.write(END)
    assert found.close() == []
    assert events_from(reader, 1) == ["end"]


@pytest.mark.usefixtures("quick")
def test_a_pipe_that_is_read_only_as_the_monitor_ends_gets_what_waited(
    pipe: tuple[Path, int],
) -> None:
    path, reader = pipe
    found = started(log_to(path))
    found.write(START)
    found.write(END)
    wait_until(lambda: found.sinks[0].retried > 0)
    ending = threading.Thread(target=found.close)
    ending.start()
    assert events_from(reader, 2) == ["start", "end"]
    ending.join()


def test_a_sink_that_asks_for_windows_has_them_unless_too_many_wait() -> None:
    clip = np.zeros((1, 8, 8, 3), np.uint8)
    window = Window("door", 0.0, 2.0, clip, 10.0, 10.0, 0, 2.0)
    seer, recorder = Seer(), Recorder()
    several = Dispatcher([seer, recorder])
    several.start()
    count = dispatcher.WINDOW_LIMIT + 7
    several.write(alert("first"), window)
    assert seer.held.wait(LIMIT_S)
    for number in range(count):
        several.write(alert(str(number)), window)
    seer.free.set()
    assert several.close() == []

    assert len(seer.ids) == len(recorder.ids) == count + 1
    assert seer.windows == [window] * (dispatcher.WINDOW_LIMIT + 1) + [None] * 7


def test_alerts_of_shadows_are_for_those_that_take_them() -> None:
    class Takes(Recorder):
        def __init__(self, *shadows: bool) -> None:
            super().__init__()
            self._shadows = shadows

        def takes(self, alert: AlertEvent) -> bool:
            return alert.shadow in self._shadows

    plain, both, only, later = Recorder(), Takes(False, True), Takes(True), Takes(True)
    given = Dispatcher([plain, both, only])
    given.start()
    given.add(later)
    given.write(alert("a"))
    given.write(alert("s", shadow=True))
    assert given.close() == []
    assert [sink.ids for sink in (plain, both, only, later)] == [["a"], ["a", "s"], ["s"], ["s"]]
