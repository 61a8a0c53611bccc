"""When what holds a lease may write, by a clock that the test sets."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from monitor.errors import OvertakenError, SinkError
from monitor.lease import holder
from monitor.lease import keeper as module
from monitor.lease.holder import this_process
from monitor.lease.keeper import GRACE_S, LOOK_EVERY, SURE_S, LeaseKeeper
from monitor.lease.sinks import LeasedSink, LeasedWindowSink, leased
from monitor.records import LeaseStatus, Window
from monitor.states import LeaseState
from monitor.store.database import StoreError
from monitor.store.lease import Fence, Holder, Leases, Overtaken, Site, Taken
from monitor.store.store import EventStore
from testkit.alerts import alert
from testkit.fakes import Clock, RecordingSink

ANN = Holder("a", "ann")
HOME = Site("home", 2, "c1")
GONE = StoreError("event store db: connection refused")


class FakeLeases(Leases):
    """Answers as a test says."""

    def __init__(self) -> None:
        self.answer: Fence | Taken = Fence("shard 1", 7)
        self.fault: StoreError | None = None
        self.takes_s = 0.0
        self.clock = Clock()
        self.known: list[Taken] = []
        self.released: list[Fence] = []
        self.patient: list[bool] = []

    def acquire(
        self, name: str, holder: Holder, of: Site | None = None, *, patient: bool = False
    ) -> Fence | Taken:
        self._work()
        self.patient.append(patient)
        return self.answer

    def renew(self, held: Fence, cameras: str = "") -> None:
        self._work()

    def others(self, name: str) -> list[Taken]:
        return self.known

    def release(self, held: Fence) -> None:
        self.released.append(held)

    def _work(self) -> None:
        self.clock.now_s += self.takes_s
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def leases() -> FakeLeases:
    return FakeLeases()


@pytest.fixture
def keeper(leases: FakeLeases) -> LeaseKeeper:
    return LeaseKeeper(leases, "shard 1", ANN, HOME, leases.clock)


def test_it_may_write_from_the_taking_until_a_renewal_is_due(
    leases: FakeLeases, keeper: LeaseKeeper
) -> None:
    assert not keeper.may_write
    assert keeper.acquire()
    assert keeper.may_write
    leases.clock.now_s += SURE_S - 0.1
    assert keeper.may_write
    leases.clock.now_s += 0.1
    assert not keeper.may_write
    with pytest.raises(SinkError) as error:
        keeper.check("alert log a")
    assert str(error.value) == (
        "alert log a: lease shard 1 was not renewed for 9 s: another may have taken it over"
    )
    keeper.renew()
    assert keeper.may_write


def test_the_time_counts_from_when_a_renewal_was_asked_for(
    leases: FakeLeases, keeper: LeaseKeeper
) -> None:
    keeper.acquire()
    leases.takes_s = SURE_S  # the answer was that late
    keeper.renew()
    assert not keeper.may_write


def test_while_the_store_is_gone_nothing_is_written_and_nothing_is_given_up(
    leases: FakeLeases, keeper: LeaseKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    keeper.acquire()
    leases.fault = GONE
    for _ in range(60):
        leases.clock.now_s += 1
        keeper.renew()
    assert not keeper.may_write
    assert keeper.status == LeaseStatus("shard 1", LeaseState.UNKNOWN, 7, "")
    leases.fault = None
    keeper.renew()
    assert keeper.status == LeaseStatus("shard 1", LeaseState.HELD, 7, "")
    said = [record.getMessage() for record in caplog.records]
    assert said[:2] == [
        "lease shard 1: held, epoch 7",
        "lease shard 1: it cannot be renewed: event store db: connection refused; nothing is "
        "written if that lasts for 9 s",
    ]
    assert said[-1] == "lease shard 1: it is renewed again"
    assert len(said) <= 4


def test_what_was_overtaken_never_writes_again(leases: FakeLeases, keeper: LeaseKeeper) -> None:
    keeper.acquire()
    leases.fault = Overtaken("it has epoch 8, of ben; this process had epoch 7")
    with pytest.raises(OvertakenError) as error:
        keeper.renew()
    assert str(error.value) == (
        "lease shard 1 was taken over: it has epoch 8, of ben; this process had epoch 7"
    )
    assert not keeper.may_write
    with pytest.raises(SinkError, match=r"^evidence: lease shard 1 was taken over: "):
        keeper.check("evidence")
    keeper.close()
    assert leases.released == []


def test_a_standby_says_once_who_holds_it(
    leases: FakeLeases, keeper: LeaseKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    leases.answer = Taken("ben", 3, "c1")
    for _ in range(5):
        assert not keeper.acquire()
    assert keeper.status == LeaseStatus("shard 1", LeaseState.STANDBY, 3, "ben")
    assert caplog.messages == [
        "lease shard 1: held by ben, epoch 3; this process stands by, and takes it over if it is "
        "not renewed for 10 s"
    ]
    leases.fault = GONE
    assert not keeper.acquire()
    assert keeper.status == LeaseStatus("shard 1", LeaseState.UNKNOWN, None, "")
    leases.fault = None
    leases.answer = Fence("shard 1", 4)
    assert keeper.acquire()
    assert caplog.messages[1:] == [
        "lease shard 1: event store db: connection refused; it is waited for",
        "lease shard 1: held, epoch 4",
    ]


def test_a_standby_lets_the_holder_renew_first_when_the_store_is_back(
    leases: FakeLeases, keeper: LeaseKeeper
) -> None:
    leases.answer = Taken("ben", 3, "c1")
    keeper.acquire()
    leases.fault = GONE
    keeper.acquire()
    leases.clock.now_s += 60
    leases.fault = None
    keeper.acquire()
    leases.clock.now_s += GRACE_S - 0.1
    keeper.acquire()
    leases.clock.now_s += 0.2
    keeper.acquire()
    assert leases.patient == [False, True, True, False]


def test_other_cameras_in_another_shards_configuration_are_said(
    leases: FakeLeases, keeper: LeaseKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    keeper.acquire()
    leases.known = [Taken("ben", 3, "c1"), Taken("cay", 3, "c2")]
    for _ in range(LOOK_EVERY):
        keeper.renew()
    assert caplog.messages == [], "it may be about to be reloaded"
    for _ in range(LOOK_EVERY):
        keeper.renew()
    assert caplog.messages == [
        "lease shard 1: cay knows other cameras than this process: some may be watched by nobody; "
        "give both one configuration, and reload them"
    ]
    keeper.know(Site("home", 2, "c2"))
    leases.known = [Taken("cay", 3, "c2")]
    for _ in range(2 * LOOK_EVERY):
        keeper.renew()
    assert len(caplog.messages) == 1


def test_it_is_given_back_once(leases: FakeLeases, keeper: LeaseKeeper) -> None:
    keeper.acquire()
    keeper.close()
    keeper.close()
    assert leases.released == [Fence("shard 1", 7)]
    assert not keeper.may_write


def test_what_may_be_anothers_is_not_given_back(leases: FakeLeases, keeper: LeaseKeeper) -> None:
    keeper.acquire()
    leases.clock.now_s += SURE_S
    keeper.close()
    assert leases.released == []


def test_a_thread_renews_it_and_tells_of_the_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RENEW_S", 0.02)
    store = EventStore(str(tmp_path / "events.sqlite"))
    keeper = LeaseKeeper(Leases(store), "shard 1", ANN)
    assert keeper.acquire()
    lost: list[BaseException] = []
    told = threading.Event()

    def on_lost(error: BaseException) -> None:
        lost.append(error)
        told.set()

    keeper.keep(on_lost)
    assert isinstance(Leases(store).acquire("shard 1", Holder("b", "ben")), Taken)
    assert isinstance(Leases(store).acquire("shard 1", ANN), Fence), "the same identity"
    assert told.wait(10)
    assert [type(error) for error in lost] == [OvertakenError]
    assert not keeper.may_write
    keeper.close()
    store.close()


class RecordingWindowSink(RecordingSink):
    """Is also shown what the model saw."""

    def write_window(self, one: object, window: Window | None) -> None:
        self.write(one)  # type: ignore[arg-type]


def test_a_sink_under_a_lease_is_given_stamped_alerts_while_it_is_held(
    leases: FakeLeases, keeper: LeaseKeeper
) -> None:
    inner, shown = RecordingSink(), RecordingWindowSink()
    sink, window_sink = leased([inner, shown], keeper, "1/2")
    assert type(sink) is LeasedSink
    assert isinstance(window_sink, LeasedWindowSink)
    with pytest.raises(SinkError, match="lease shard 1 is not held"):
        sink.write(alert("a"))
    keeper.acquire()
    sink.write(alert("a"))
    window_sink.write_window(alert("b"), None)
    leases.clock.now_s += SURE_S
    with pytest.raises(SinkError, match="was not renewed"):
        sink.write(alert("c"))
    with pytest.raises(SinkError, match="was not renewed"):
        window_sink.write_window(alert("c"), None)
    kept = [(one.id, one.shard, one.epoch) for one in (*inner.alerts, *shown.alerts)]
    assert kept == [("a", "1/2", 7), ("b", "1/2", 7)]
    assert not sink.takes(alert("s", shadow=True))


def test_who_comes_after_a_kill_is_known_by_the_file_that_it_locks(tmp_path: Path) -> None:
    log = tmp_path / "alerts.jsonl"
    script = "import sys; from pathlib import Path; from monitor.lease.holder import this_process"
    script += "; print(this_process(Path(sys.argv[1])).identity)"

    def of_another_process(path: Path) -> str:
        command = [sys.executable, "-c", script, str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    own = this_process(log)
    assert of_another_process(log) == own.identity
    assert of_another_process(tmp_path / "other.jsonl") != own.identity
    assert this_process(None).identity != this_process(None).identity
    assert own.described == f"process {os.getpid()} on {os.uname().nodename}"


def test_a_machine_that_hides_its_start_is_known_by_its_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, machine = tmp_path / "alerts.jsonl", tmp_path / "machine-id"
    machine.write_text("m1\n")
    monkeypatch.setattr(holder, "_MACHINE", (tmp_path / "none", machine))
    own = this_process(log).identity
    assert this_process(log).identity == own
    machine.write_text("m2\n")
    assert this_process(log).identity != own
    machine.unlink()
    assert this_process(log).identity != this_process(log).identity
