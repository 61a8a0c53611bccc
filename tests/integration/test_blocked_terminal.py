"""A standard error that nobody reads: a dead ssh, a terminal that is stopped, a pipe."""

import json
import os
import pty
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from monitor.cli.backlog import QUEUE_LIMIT, Backlog, unblocked
from testkit import ROOT
from testkit.fakes import wait_until
from testkit.films import lively
from testkit.models import metadata, motion_model
from testkit.patience import LIMIT_S, Stopwatch
from testkit.process import COMMAND
from testkit.terminal import full_pipe, leave_no_room

QUICK = """
defaults:
  activity: {smoothing_s: 0, min_s: 0, hold_s: 0, cooldown_s: 0, threshold: 0.97}
realtime: true
"""


def read_on(reader: int, until: bytes) -> bytes:
    read = b""
    while until not in read:
        read += os.read(reader, 1 << 16)
    return read.lstrip(b".")


def test_lines_that_nobody_reads_hold_nobody_up_and_come_in_their_order() -> None:
    with full_pipe() as (reader, writer):
        out = unblocked(writer, "ascii")
        for number in range(1000):
            print(f"line {number} \N{LATIN SMALL LETTER E WITH ACUTE}", file=out)
        lines = read_on(reader, b"line 999 \\xe9\n").decode().splitlines()
        out.buffer.finish()
    assert lines == [f"line {number} \\xe9" for number in range(1000)]


def test_lines_without_room_are_counted_when_it_flows_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with full_pipe() as (reader, writer):
        backlog = Backlog(writer)
        line = b"x" * 1023 + b"\n"
        for _ in range(QUEUE_LIMIT // 1024 + 10):
            backlog.write(line)
        taken = 0
        while "missing" not in caplog.text:
            taken += os.read(reader, 1 << 16).count(b"\n")
        backlog.write(b"again\n")
        while not (read := os.read(reader, 1 << 16)).endswith(b"again\n"):
            taken += read.count(b"\n")
        taken += read.count(b"\n") - 1
        backlog.finish()
    (said,) = caplog.messages
    assert said == "lines missing here, while nobody read standard error: 10"
    assert taken == QUEUE_LIMIT // 1024


def test_the_pictures_of_a_terminal_leave_room_for_its_lines() -> None:
    terminal, ours = pty.openpty()
    backlog = Backlog(ours)
    for _ in range(1000):
        backlog.write(b"picture " * 200)
    with backlog.line():
        backlog.write(b"line\r\n")
    shown = read_on(terminal, b"line")
    assert len(shown) < QUEUE_LIMIT // 2
    backlog.finish()
    os.close(ours)
    os.close(terminal)


def test_the_end_does_not_wait_for_a_reader() -> None:
    with full_pipe() as (reader, writer):
        backlog = Backlog(writer)
        backlog.write(b"line\n")
        watch = Stopwatch()
        backlog.finish()
        backlog.finish()
        assert watch.seconds < 3
        read_on(reader, b"line\n")  # lets its thread go


def test_a_terminal_that_is_gone_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    backlog = Backlog(writer)
    backlog.write(b"line\n")
    backlog.finish()
    os.close(writer)


@pytest.fixture(scope="module")
def film(fight_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return lively(path, fight_clip)


@pytest.fixture
def command(film: Path, tmp_path: Path) -> list[str]:
    """A monitor that writes alerts all the time, in this folder."""
    model = motion_model(tmp_path / "m.onnx", metadata(frames=5))
    cameras = f"cameras: [{{name: hall, source: {film}}}]\n"
    (tmp_path / "m.yaml").write_text(cameras + QUICK)
    return [*COMMAND, "--headless", "--config", "m.yaml", "--model", str(model), "-v"]


def alerts(folder: Path) -> int:
    path = folder / "alerts.jsonl"
    return len(path.read_bytes().splitlines()) if path.exists() else 0


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def watches_and_ends(command: list[str], folder: Path, stderr: int, **more: str) -> None:
    """Run it until alerts came, and end it in time."""
    popen = subprocess.Popen(command, cwd=folder, stderr=stderr, env=ENVIRONMENT | more)
    try:
        wait_until(lambda: alerts(folder) > 2)
        watch = Stopwatch()
        popen.send_signal(signal.SIGTERM)
        assert popen.wait(LIMIT_S) == 0
        assert watch.seconds < 4
    finally:
        popen.kill()
        popen.wait(LIMIT_S)


@pytest.mark.slow
def test_a_pipe_that_nobody_reads_stops_no_camera_and_no_end(
    command: list[str], tmp_path: Path
) -> None:
    with full_pipe() as (_, writer):
        watches_and_ends(command, tmp_path, writer)
    lines = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", "end"] * (len(lines) // 2)


@pytest.mark.slow
def test_a_terminal_that_nobody_reads_stops_no_camera_and_no_end(
    command: list[str], tmp_path: Path
) -> None:
    terminal, theirs = pty.openpty()
    leave_no_room(theirs)
    try:
        watches_and_ends(command, tmp_path, theirs, TERM="xterm")
    finally:
        os.close(theirs)
        os.close(terminal)


def test_what_is_read_late_is_whole_and_hides_passwords(command: list[str], tmp_path: Path) -> None:
    more = ["--source", "rtsp://user:hunter2@127.0.0.1:1/", "--source", "hall=none.mp4"]
    more += ["--health", "health.json"]
    with full_pipe() as (reader, writer):
        popen = subprocess.Popen([*command, *more], cwd=tmp_path, stderr=writer, env=ENVIRONMENT)
        wait_until((tmp_path / "health.json").exists)
        read = b""

        def drain() -> None:
            nonlocal read
            while piece := os.read(reader, 1 << 16):
                read += piece
                if b"error: " in read:
                    return

        thread = threading.Thread(target=drain)
        thread.start()
        popen.send_signal(signal.SIGTERM)
        assert popen.wait(LIMIT_S) == 1
        thread.join(LIMIT_S)
    said = read.lstrip(b".").decode()
    assert "rtsp://user:***@127.0.0.1:1/" in said
    assert "hunter2" not in said
    assert said.splitlines()[-1] == "error: none.mp4: no such file"
