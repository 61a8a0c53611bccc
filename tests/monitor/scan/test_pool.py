"""The processes of a scan."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.errors import ConfigError
from monitor.jobs import Outcome
from monitor.scan.pool import Pool
from testkit import ROOT
from testkit.patience import LIMIT_S


def own_pid(job: object, common: object) -> int:
    return os.getpid()


def both(job: object, common: object) -> tuple[object, object]:
    return job, common


def refuse(job: object, common: object) -> None:
    raise ConfigError(f"{job}: not allowed")


def fail(job: object, common: object) -> None:
    raise KeyError(job)


def die(job: object, common: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave(job: int, common: object) -> None:
    os._exit(job)


@pytest.fixture
def pool() -> Iterator[Pool[str]]:
    made: Pool[str] = Pool(1, "common")
    yield made
    made.close()


def outcome(pool: Pool[str], function: object, job: object = None) -> Outcome[str]:
    assert pool.has_room
    pool.start("job", function, job)  # type: ignore[arg-type]
    assert not pool.has_room
    while True:
        for found in pool.outcomes(LIMIT_S):
            return found


def test_one_process_does_job_after_job(pool: Pool[str]) -> None:
    first, second = outcome(pool, own_pid), outcome(pool, own_pid)
    assert first == second == Outcome("job", first.value)
    assert first.value != os.getpid()


def test_a_process_is_given_what_all_jobs_have_in_common(pool: Pool[str]) -> None:
    assert outcome(pool, both, "this").value == ("this", "common")


def test_an_error_is_a_line(pool: Pool[str]) -> None:
    assert outcome(pool, refuse, "this") == Outcome("job", failure="this: not allowed")


@pytest.mark.expects_errors
def test_a_fault_of_the_program_is_a_line_and_a_traceback(
    pool: Pool[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert outcome(pool, fail, "x") == Outcome("job", failure="KeyError: 'x'")
    assert "in fail" in caplog.text


def test_a_process_that_dies_is_replaced(pool: Pool[str]) -> None:
    before = outcome(pool, own_pid).value
    killed = "its process was ended by SIGKILL, as where memory runs out"
    assert outcome(pool, die) == Outcome("job", failure=killed, crashed=True)
    ended = "its process ended with code 3"
    assert outcome(pool, leave, 3) == Outcome("job", failure=ended, crashed=True)
    assert outcome(pool, own_pid).value not in (before, None)


def test_a_process_that_died_while_it_was_free_costs_one_try(pool: Pool[str]) -> None:
    os.kill(outcome(pool, own_pid).value, signal.SIGKILL)
    assert outcome(pool, own_pid).crashed
    assert not outcome(pool, own_pid).crashed


def test_processes_end_if_the_one_that_began_them_is_killed(tmp_path: Path) -> None:
    code = (
        "import time; from monitor.scan.pool import Pool; "
        "from tests.monitor.scan.test_pool import own_pid; "
        "pool = Pool(1, None); pool.start('job', own_pid, None); "
        "print(next(pool.outcomes(60)).value, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    until_s = time.monotonic() + LIMIT_S
    while Path(f"/proc/{child}/cmdline").exists() and Path(f"/proc/{child}/cmdline").read_bytes():
        assert time.monotonic() < until_s
        time.sleep(0.05)
