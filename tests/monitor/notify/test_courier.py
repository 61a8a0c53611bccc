"""A courier: in order, at least once, whatever its target and the store do."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from monitor.config.notifications import NotifyOptions
from monitor.evidence.folder import event_files
from monitor.notify.cameras import Cameras
from monitor.notify.compose import Composer
from monitor.notify.courier import POLL_S, RETRY_MAX_S, Courier
from monitor.notify.notification import CameraState, Notification, TargetError
from monitor.notify.outbox import Outbox, RowState
from monitor.notify.planner import Planner
from monitor.store.database import StoreError
from monitor.store.store import EventStore
from testkit.alerts import alert
from testkit.fakes import Clock

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
NOON_S = NOON.timestamp()
OPTIONS = NotifyOptions.model_validate(
    {"targets": [{"name": "a", "type": "syslog"}, {"name": "b", "type": "syslog"}]}
)


class Killed(BaseException):
    """The process is no more."""


@dataclass
class FakeTarget:
    """Takes notifications unless it has a fault."""

    fault: Exception | None = None
    got: list[Notification] = field(default_factory=list)
    states: list[Mapping[str, CameraState]] = field(default_factory=list)
    closed: int = 0

    def send(self, notification: Notification) -> None:
        if self.fault is not None:
            raise self.fault
        self.got.append(notification)

    def update(self, cameras: Mapping[str, CameraState]) -> None:
        self.states.append(cameras)

    def close(self) -> None:
        self.closed += 1

    @property
    def events(self) -> list[str]:
        return [one.alert.id for one in self.got]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    opened = EventStore(str(tmp_path / "events.sqlite"))
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON_S)


def courier(store: EventStore, target: FakeTarget, clock: Clock, **changes: Any) -> Courier:
    values: dict[str, Any] = {"composer": Composer(store, None, None), "name": "a"} | changes
    return Courier(target=target, outbox=Outbox(store), clock=clock, now=clock, **values)


def happen(store: EventStore, clock: Clock, *names: str) -> None:
    for name in names:
        at = datetime.fromtimestamp(clock(), UTC)
        store.record(alert(name, time=at, start_time=at), notified=True)
    Planner(Outbox(store), OPTIONS).plan(round(clock() * 1000))


def deliver(courier: Courier, clock: Clock, until_s: float) -> None:
    """Let a courier work until a time."""
    while True:
        pause_s = courier.step()
        if clock.now_s + pause_s > until_s:
            clock.now_s = until_s
            return
        clock.now_s += pause_s


def test_messages_come_in_their_order_each_once(store: EventStore, clock: Clock) -> None:
    target = FakeTarget()
    made = courier(store, target, clock)
    happen(store, clock, "1", "2", "3")
    deliver(made, clock, NOON_S + 1)
    happen(store, clock, "4")
    deliver(made, clock, NOON_S + 2 * POLL_S)
    assert target.events == ["1", "2", "3", "4"]
    assert Outbox(store).counts()["a"] == {RowState.SENT: 4}
    assert Outbox(store).counts()["b"] == {RowState.WAITING: 4}, "of another target"


def test_a_target_that_is_down_is_tried_at_longer_and_longer_pauses(
    store: EventStore, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[float] = []

    class Down(FakeTarget):
        def send(self, notification: Notification) -> None:
            tries.append(clock.now_s - NOON_S)
            super().send(notification)

    target = Down(TargetError("no route to host rtsp://me:s3cret@host/"))
    made = courier(store, target, clock)
    happen(store, clock, "1", "2")
    deliver(made, clock, NOON_S + 300)
    assert tries[:6] == [0, 1, 3, 7, 15, 31]
    assert max(after - before for before, after in pairwise(tries)) == RETRY_MAX_S

    row = Outbox(store).head("a", round(clock() * 1000))
    assert row is not None
    assert row.attempts == len(tries)
    assert "s3cret" not in Outbox(store).last_error("a")
    target.fault = None
    deliver(made, clock, NOON_S + 400)
    assert target.events == ["1", "2"]
    assert Outbox(store).last_error("a") == ""
    told = [record.getMessage() for record in caplog.records if record.name.endswith("courier")]
    assert len(told) == 1, "an outage is one line"
    assert "messages wait" in told[0]
    assert "s3cret" not in "".join(told)


def test_what_is_refused_for_good_holds_up_nothing(store: EventStore, clock: Clock) -> None:
    target = FakeTarget(TargetError("answered 404", final=True))
    made = courier(store, target, clock)
    happen(store, clock, "1")
    deliver(made, clock, NOON_S + 1)
    target.fault = None
    happen(store, clock, "2")
    deliver(made, clock, NOON_S + 10)
    assert target.events == ["2"]
    assert Outbox(store).counts()["a"] == {RowState.SENT: 1, RowState.GIVEN_UP: 1}
    assert Outbox(store).last_error("a") == "answered 404"


@pytest.mark.expects_errors
@pytest.mark.parametrize("fault", [OSError(24, "Too many open files"), MemoryError()])
def test_a_machine_that_lacked_something_loses_no_message(
    store: EventStore, clock: Clock, fault: Exception
) -> None:
    target = FakeTarget(fault)
    made = courier(store, target, clock)
    happen(store, clock, "1")
    deliver(made, clock, NOON_S + 1)
    target.fault = None
    deliver(made, clock, NOON_S + 10)
    assert target.events == ["1"]


@pytest.mark.expects_errors
def test_a_target_with_a_fault_of_its_own_is_told_of_the_next_event(
    store: EventStore, clock: Clock
) -> None:
    target = FakeTarget(ZeroDivisionError())
    made = courier(store, target, clock)
    happen(store, clock, "1")
    deliver(made, clock, NOON_S + 1)
    target.fault = None
    happen(store, clock, "2")
    deliver(made, clock, NOON_S + 10)
    assert target.events == ["2"]


def test_what_arrived_is_not_sent_again_while_the_store_cannot_note_it(
    store: EventStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = FakeTarget()
    made = courier(store, target, clock)
    happen(store, clock, "1", "2")
    with monkeypatch.context() as patched:

        def fail(*_: object, **__: object) -> None:
            raise StoreError("event store: database is locked")

        patched.setattr(Outbox, "sent", fail)
        deliver(made, clock, NOON_S + 60)
        assert target.events == ["1"]
    deliver(made, clock, NOON_S + 120)
    assert target.events == ["1", "2"]


def test_a_message_waits_for_its_snapshot_but_not_for_long(
    store: EventStore, clock: Clock, tmp_path: Path
) -> None:
    target = FakeTarget()
    composer = Composer(store, tmp_path, "https://har.example/")
    made = courier(store, target, clock, composer=composer, pictures=True)
    happen(store, clock, "1")
    deliver(made, clock, NOON_S + 1)
    assert target.events == []
    picture = event_files(tmp_path, "door", "1", NOON).snapshot
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"JPEG")
    deliver(made, clock, NOON_S + 2)
    assert [one.snapshot for one in target.got] == [picture]
    assert target.got[0].link == "https://har.example/events/1"

    happen(store, clock, "2")
    deliver(made, clock, NOON_S + 60)
    assert [one.snapshot for one in target.got] == [picture, None]


def test_targets_are_told_how_cameras_do(store: EventStore, clock: Clock) -> None:
    cameras = Cameras()
    target = FakeTarget()
    made = courier(store, target, clock, cameras=lambda: cameras.now)
    made.step()
    cameras.tell({"door": {"state": "live", "cause": "", "open": ["fight"]}})
    cameras.refresh(store, None, NOON)
    made.step()
    made.step()
    clock.now_s += POLL_S
    made.step()
    assert [list(states) for states in target.states] == [[], ["door"], ["door"]]
    door = target.states[-1]["door"]
    assert door == CameraState("live", "", frozenset({"fight"}), True, None, 0)


def test_at_its_end_it_delivers_what_waits_and_closes_the_target(store: EventStore) -> None:
    target = FakeTarget()
    made = Courier("a", target, Outbox(store), Composer(store, None, None))
    made.end(5.0)
    happen(store, Clock(NOON_S), "1", "2")
    made.start()
    made.join()
    assert target.events == ["1", "2"]
    assert target.closed == 1


class Shaky(FakeTarget):
    """Is up or down, and the connection may break after it took a message, or we are killed."""

    def __init__(self, draw: random.Random) -> None:
        super().__init__()
        self._draw = draw
        self.up = True
        self.unconfirmed: Counter[str] = Counter()

    def send(self, notification: Notification) -> None:
        if not self.up:
            raise TargetError("connection refused")
        self.got.append(notification)
        fate = self._draw.random()
        if fate < 0.2:
            self.unconfirmed[notification.id] += 1
            raise TargetError("connection reset") if fate < 0.15 else Killed()


@pytest.mark.parametrize("seed", range(3))
def test_in_an_hour_of_a_server_that_goes_up_and_down_nothing_is_lost(
    store: EventStore, clock: Clock, seed: int
) -> None:
    """Order is kept, and only what was not confirmed comes again."""
    draw = random.Random(seed)
    targets = {"a": Shaky(draw), "b": Shaky(draw)}
    couriers = {name: courier(store, target, clock, name=name) for name, target in targets.items()}
    wakes = dict.fromkeys(couriers, clock())
    names = []
    while clock.now_s < NOON_S + 3600:
        if draw.random() < 0.05:
            names.append(f"event {len(names)}")
            happen(store, clock, names[-1])
        for name, target in targets.items():
            if draw.random() < 0.02:
                target.up = not target.up
            while wakes[name] <= clock.now_s:
                try:
                    wakes[name] += max(couriers[name].step(), 0.001)
                except Killed:
                    couriers[name] = courier(store, target, clock, name=name)
        clock.now_s += draw.choice((0.5, 1.0, 7.0))
    assert len(names) > 20
    for name, target in targets.items():
        target.up, target.send = True, target.got.append  # type: ignore[method-assign]
        deliver(couriers[name], clock, clock.now_s + 200)

        assert list(dict.fromkeys(target.events)) == names
        assert target.unconfirmed
        times = Counter(one.id for one in target.got)
        assert {id: count - 1 for id, count in times.items() if count > 1} == target.unconfirmed
        assert Outbox(store).counts()[name] == {RowState.SENT: len(names)}
