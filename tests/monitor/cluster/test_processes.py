"""Processes that outlive who began them: real ones, that are killed, found again and ended."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from monitor.cluster import launch
from monitor.cluster import shard_process as module
from monitor.cluster.agent import NodeAgent, SiteConfig
from monitor.cluster.alive import Pid, cpu_of_sessions, wait_for_end
from monitor.cluster.launching import AGAIN_S, Launcher, launched
from monitor.cluster.plan import Actions, Place, ProcessState
from monitor.cluster.shard_process import FAILURES, RETRY_MIN_S, Orders, ShardProcess, left_logs
from monitor.errors import MonitorError
from monitor.health.health_file import examine, write_health
from monitor.records import LeaseStatus
from monitor.states import LeaseState
from testkit.fakes import Clock
from testkit.patience import LIMIT_S

LAUNCH = Path(launch.__file__)
ORDERS = Orders("1/1", "abc")
CLOSED = "closed"
ECHOES = f"""
import os, sys
print("ready", flush=True)
said = sys.stdin.read()
print(said + str(os.getpid()) if said else "{CLOSED}", flush=True)
"""
MORTAL = """
import os, sys, time
print("ready", flush=True)
while not os.path.exists("end"):
    time.sleep(0.01)
sys.exit("error: its end was asked for")
"""
BROKEN = "cameras: nothing\n"  # har-monitor ends at once


def wait_for(condition: Callable[[], bool]) -> None:
    began_s = time.monotonic()
    while not condition():
        assert time.monotonic() - began_s < LIMIT_S
        time.sleep(0.05)


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Pid]:
    """A process that was launched."""
    command = [sys.executable, "-S", "-E", str(LAUNCH), "output", "sleep", "1000"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    pid = Pid.of(int(done.stdout))
    assert pid is not None
    yield pid
    pid.signal(signal.SIGKILL)


def test_what_is_launched_has_a_session_of_its_own_and_goes_on_without_its_parent(
    sleeper: Pid,
) -> None:
    assert os.getsid(sleeper.number) == sleeper.number
    assert sleeper.lives
    assert sleeper.number in cpu_of_sessions()
    sleeper.signal(signal.SIGTERM)
    wait_for(lambda: not sleeper.lives)
    sleeper.signal(signal.SIGTERM)  # nobody is there


def test_the_end_of_a_process_is_noticed_at_once_and_waited_for_no_longer_than_said(
    sleeper: Pid,
) -> None:
    wait_for_end([sleeper.number], 0.01)
    assert sleeper.lives
    sleeper.signal(signal.SIGKILL)
    wait_for_end([sleeper.number], LIMIT_S)
    wait_for(lambda: not sleeper.lives)
    wait_for_end([sleeper.number], LIMIT_S)


def test_a_spare_process_is_given_its_orders_and_another_one_is_begun(
    tmp_path: Path,
) -> None:
    (tmp_path / "echoes.py").write_text(ECHOES)
    launcher = Launcher(tmp_path, "echoes")
    output = tmp_path / "output"
    launcher.prepare()
    wait_for(lambda: output.read_text() == "ready\n")
    pid = launcher.begin(tmp_path / "x", ["--shard", "1/2"])
    wait_for(lambda: not pid.lives)
    orders = [str(tmp_path / "x"), "--shard", "1/2"]
    assert output.read_text() == f"ready\n{json.dumps(orders)}{pid.number}\n"
    launcher.prepare()
    wait_for(lambda: output.read_text().count("ready") == 2)
    launcher.close()
    wait_for(lambda: output.read_text().endswith(f"ready\n{CLOSED}\n"))


def test_a_spare_process_that_ends_is_said_and_begun_again_a_while_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mortal.py").write_text(MORTAL)
    clock = Clock()
    launcher = Launcher(tmp_path, "mortal", clock)
    output = tmp_path / "output"
    end = tmp_path / "end"

    def alive(times: int) -> bool:
        return output.exists() and output.read_text().count("ready") == times

    launcher.prepare()
    wait_for(lambda: alive(1))
    launcher.prepare()
    assert not caplog.text
    end.touch()
    wait_for(lambda: launcher.prepare() is None and bool(caplog.text))
    assert "the spare process ended: its end was asked for" in caplog.text
    end.unlink()
    clock.now_s += AGAIN_S - 1
    launcher.prepare()
    assert alive(1)
    clock.now_s += 1
    launcher.prepare()
    wait_for(lambda: alive(2))
    launcher.close()
    end.touch()


def test_if_no_spare_process_can_be_begun_a_new_one_has_the_orders(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    launcher = Launcher(tmp_path, "nothing_of_this_name", Clock())
    # It ends before or after it is known as begun; the reason is said in both cases.
    wait_for(lambda: launcher.prepare() is None and bool(caplog.text))
    assert "No module named nothing_of_this_name" in caplog.text
    (tmp_path / "x").mkdir()
    pid = launcher.begin(tmp_path / "x", ["--no-such-option"])
    wait_for(lambda: not pid.lives)
    assert "--no-such-option" in (tmp_path / "x" / "output").read_text()


def test_another_process_with_the_same_number_is_not_the_same(sleeper: Pid) -> None:
    for other in (
        Pid(sleeper.number, sleeper.began + 1, sleeper.boot),
        Pid(sleeper.number, sleeper.began, "another start of the machine"),
    ):
        assert not other.lives
        other.signal(signal.SIGKILL)
    assert sleeper.lives


def test_a_process_that_ends_again_and_again_has_failed_and_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "shard-1" / "a"
    process = ShardProcess.begun(folder, ORDERS, BROKEN, Launcher(tmp_path).begin)
    assert process.state is ProcessState.STARTING
    assert (folder / "monitor.yaml").stat().st_mode & 0o777 == 0o600
    ends = 0

    def failed() -> bool:
        nonlocal ends
        before = process.pid
        process.look()
        ends += before is not None and process.pid != before
        return process.state is ProcessState.FAILED

    wait_for(failed)
    assert ends == FAILURES
    assert process.error.startswith("monitor.yaml:1: cameras: ")
    process.stop()
    wait_for(lambda: process.look() is None and process.ended)


@dataclass
class Begun:
    """Begins processes that sleep."""

    pids: list[Pid] = field(default_factory=list)

    def __call__(self, folder: Path, arguments: Sequence[str]) -> Pid:
        (folder / "sleeps.py").write_text("import time\ntime.sleep(1000)\n")
        self.pids.append(launched(folder, "sleeps"))
        return self.pids[-1]

    @property
    def count(self) -> int:
        return len(self.pids)

    def kill(self) -> None:
        """End the last one, and wait until that shows."""
        self.pids[-1].signal(signal.SIGKILL)
        wait_for(lambda: not self.pids[-1].lives)


@pytest.fixture
def begun() -> Iterator[Begun]:
    made = Begun()
    yield made
    for pid in made.pids:
        pid.signal(signal.SIGKILL)


def take_lease(process: ShardProcess) -> None:
    lease = LeaseStatus("1/1", LeaseState.HELD, 7, "")
    write_health(process.folder / "health.json", examine((), (), lease))
    process.look()
    assert process.state is ProcessState.HELD


def test_one_that_watched_is_begun_again_at_once_though_it_was_ended_a_moment_ago(
    tmp_path: Path, sleeper: Pid, begun: Begun
) -> None:
    """As after a node that was switched off, a process that hung and one that was killed.

    If it counted as failed, its shard would begin elsewhere, and wait until the lease has run out.
    """
    gone = Pid(sleeper.number, sleeper.began + 1, sleeper.boot)
    kept = {"orders": vars(ORDERS), "pid": vars(gone)}
    (tmp_path / "process.json").write_text(json.dumps(kept))
    process = ShardProcess.found(tmp_path, begun, Clock())
    assert process is not None
    assert not process.ended
    process.look()
    for times in (1, 2):
        take_lease(process)
        begun.kill()
        process.look()
        assert begun.count == times + 1
        assert process.state is ProcessState.STARTING


def test_one_that_is_ended_again_and_again_has_failed_though_it_watched_and_then_waits(
    tmp_path: Path, begun: Begun
) -> None:
    clock = Clock()
    process = ShardProcess(tmp_path, ORDERS, begun, clock)
    process.look()
    for _ in range(FAILURES):
        take_lease(process)
        begun.kill()
        process.look()
    assert process.state is ProcessState.FAILED
    assert begun.count == FAILURES
    clock.now_s += RETRY_MIN_S * 2
    process.look()
    assert begun.count == FAILURES + 1


def test_one_that_never_had_the_lease_waits_from_the_second_time_on(
    tmp_path: Path, begun: Begun
) -> None:
    clock = Clock()
    process = ShardProcess(tmp_path, ORDERS, begun, clock)
    process.look()
    begun.kill()
    process.look()
    assert begun.count == 2
    begun.kill()
    process.look()
    assert begun.count == 2
    clock.now_s += RETRY_MIN_S
    process.look()
    assert begun.count == 3


def test_what_a_folder_says_is_taken_over_and_ended(tmp_path: Path, sleeper: Pid) -> None:
    kept = {"orders": vars(ORDERS), "pid": vars(sleeper)}
    (tmp_path / "process.json").write_text(json.dumps(kept))
    found = ShardProcess.found(tmp_path, Launcher(tmp_path).begin)
    assert found is not None
    assert (found.orders, found.pid) == (ORDERS, sleeper.number)
    found.look()
    assert found.state is ProcessState.STARTING
    found.stop()
    assert found.state is ProcessState.STOPPING
    wait_for(lambda: found.ended)
    found.look()
    assert ShardProcess.found(tmp_path, Launcher(tmp_path).begin) is None


def test_a_log_is_left_if_no_process_lives_in_its_folder(tmp_path: Path, sleeper: Pid) -> None:
    lives, died, ended, empty = (tmp_path / "shard-1" / name for name in ("a", "b", "c", "d"))
    gone = Pid(sleeper.number, sleeper.began + 1, sleeper.boot)
    for folder, pid in ((lives, sleeper), (died, gone), (ended, None), (empty, None)):
        folder.mkdir(parents=True)
        if pid is not None:
            kept = {"orders": vars(ORDERS), "pid": vars(pid)}
            (folder / "process.json").write_text(json.dumps(kept))
        if folder != empty:
            (folder / "alerts.jsonl").touch()
    assert left_logs(tmp_path) == [died / "alerts.jsonl", ended / "alerts.jsonl"]


def test_a_process_that_says_nothing_is_let_be_while_its_machine_stood_still_too(
    tmp_path: Path, sleeper: Pid
) -> None:
    clock = Clock()
    (tmp_path / "process.json").write_text(
        json.dumps({"orders": vars(ORDERS), "pid": vars(sleeper)})
    )
    found = ShardProcess.found(tmp_path, Launcher(tmp_path).begin, clock)
    assert found is not None
    clock.now_s += 1000
    found.look()
    assert sleeper.lives


@pytest.mark.parametrize("text", ["", "{}", '{"orders": 1, "pid": 2}'])
def test_a_folder_with_a_damaged_file_has_no_process(tmp_path: Path, text: str) -> None:
    (tmp_path / "process.json").write_text(text)
    assert ShardProcess.found(tmp_path, Launcher(tmp_path).begin) is None


@pytest.mark.expects_errors
def test_a_process_that_says_nothing_is_killed(
    tmp_path: Path, sleeper: Pid, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "BEGIN_S", 0.0)
    (tmp_path / "process.json").write_text(
        json.dumps({"orders": vars(ORDERS), "pid": vars(sleeper)})
    )
    found = ShardProcess.found(tmp_path, Launcher(tmp_path).begin)
    assert found is not None
    found.look()
    wait_for(lambda: not sleeper.lives)
    assert f"nothing heard of process {sleeper.number}: it is killed" in caplog.text


def test_an_agent_finds_what_runs_in_its_folder_and_of_two_agents_one_waits(
    tmp_path: Path, sleeper: Pid
) -> None:
    folder = tmp_path / "shard-3" / "b"
    folder.mkdir(parents=True)
    (folder / "process.json").write_text(json.dumps({"orders": vars(ORDERS), "pid": vars(sleeper)}))
    agents = [NodeAgent("a", 4, tmp_path) for _ in range(2)]
    ends = [threading.Event() for _ in agents]
    config = SiteConfig("home", ("",) * 3, {}, str(tmp_path), "abc", "")
    threads = [
        threading.Thread(target=agent.run, args=(end,))
        for agent, end in zip(agents, ends, strict=True)
    ]
    threads[0].start()
    wait_for(lambda: agents[0].follow(Actions(), None).processes != ())
    threads[1].start()
    try:
        (report,) = agents[0].follow(Actions(), None).processes
        assert (report.place, report.config) == (Place(3, "a", "b"), "abc")
        other = agents[1].follow(Actions(start=(Place(1, "a", "a"),)), config)
        assert (other.processes, other.fault) == ((), "its agent waits for another one to end")
        assert not agents[1].stop_all()
        wait_for(agents[0].stop_all)
        assert not sleeper.lives
    finally:
        for end, thread in zip(ends, threads, strict=True):
            end.set()
            thread.join(LIMIT_S)


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MonitorError, match="cannot be made"):
        ShardProcess.begun(tmp_path / "file" / "shard-1", ORDERS, BROKEN, Launcher(tmp_path).begin)
    agent, ended = NodeAgent("a", 4, tmp_path / "file"), threading.Event()
    thread = threading.Thread(target=agent.run, args=(ended,))
    thread.start()
    try:
        wait_for(lambda: "cannot be made" in agent.follow(Actions(), None).fault)
    finally:
        ended.set()
        thread.join(LIMIT_S)
