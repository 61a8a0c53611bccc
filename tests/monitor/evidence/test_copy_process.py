"""The process that makes a copy: what it says, and how it ends."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.evidence.copy_process import COMMAND, UNFIT
from testkit.fakes import wait_until
from testkit.media import make_video
from testkit.patience import LIMIT_S


@contextmanager
def process(clip: Path, copy: Path) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        [*COMMAND, str(clip), str(copy)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert started.stdout is not None
    assert started.stdin is not None
    with started.stdin, started.stdout:
        yield started
        started.kill()
        started.wait(LIMIT_S)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Its exit code and all that it said."""
    assert process.stdout is not None
    return process.wait(LIMIT_S), process.stdout.read()


def test_the_process_says_why_it_fails_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no film" * 1000)
    with process(tmp_path / "a.mp4", tmp_path / "c.mp4") as unfit:
        code, said = ended(unfit)
        assert code == UNFIT
        assert re.fullmatch("the clip cannot be read: .+\n", said)
    clip = make_video(tmp_path / "b.mp4", codec="hevc").path
    with process(clip, tmp_path / "gone" / "c.mp4") as unwritten:
        assert ended(unwritten) == (
            1, f"cannot write {tmp_path}/gone/c.mp4: there is no folder {tmp_path}/gone\n"
        )  # fmt: skip


@pytest.mark.parametrize("by", ["signal", "input"])
def test_a_process_that_is_ended_leaves_nothing(tmp_path: Path, by: str) -> None:
    clip = make_video(tmp_path / "a.mp4", duration_s=40, size=(640, 360), codec="mpeg4").path
    with process(clip, tmp_path / "a.h264.mp4") as given_up:
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
        if by == "signal":
            given_up.send_signal(signal.SIGTERM)
        else:
            assert given_up.stdin is not None
            given_up.stdin.close()
        assert ended(given_up) == (1, "it was given up\n")
    assert list(tmp_path.iterdir()) == [clip]


def test_its_clearing_up_is_not_disturbed_by_a_second_signal() -> None:
    text = """
import signal
from monitor.errors import MonitorError
from monitor.evidence import copy_process
signal.signal(signal.SIGTERM, copy_process._give_up)
try:
    signal.raise_signal(signal.SIGTERM)
except MonitorError as error:
    signal.raise_signal(signal.SIGTERM)
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("it was given up\n", "")
