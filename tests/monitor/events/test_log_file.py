"""A log that somebody takes away, or that leads where there is no room."""

import contextlib
import fcntl
import os
import pty
import sys
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.events.log_file import LogFile
from monitor.paths import STDOUT
from testkit.disks import fill, mounted

LINES = [b"%03d %s\n" % (number, b"x" * 300) for number in range(40)]


def test_a_log_in_whose_place_another_monitor_writes_gets_no_line_until_it_is_gone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "alerts.jsonl"
    log = LogFile(path, 1 << 20, 1)
    log.append(LINES[0])
    path.rename(tmp_path / "moved.jsonl")
    other = LogFile(path, 1 << 20, 1)
    for _ in range(3):
        with pytest.raises(OSError, match="another har-monitor writes to it"):
            log.append(LINES[1])
    other.close()
    log.append(LINES[1])
    log.close()
    assert (tmp_path / "moved.jsonl").read_bytes() == LINES[0]
    assert path.read_bytes() == LINES[1]


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk without room but for a part of a line in a file that is there."""
    with mounted(tmp_path / "disk", "size=64k") as disk:
        (disk / "out").write_bytes(b"x" * 3994 + b"\n")
        fill(disk / "ballast")
        yield disk


@pytest.mark.parametrize("mode", ["ab", "r+b"], ids=["appending", "at an offset"])
def test_a_full_disk_behind_standard_output_takes_no_part_of_a_line(
    full_disk: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (full_disk / "out").open(mode, buffering=0) as out:
        out.seek(0, os.SEEK_END)
        monkeypatch.setattr(sys, "stdout", out)
        log = LogFile(STDOUT, 1 << 20, 1)
        for _ in range(2):
            with pytest.raises(OSError, match="no room for a whole line"):
                log.append(LINES[0])
        assert (full_disk / "out").stat().st_size == 3995
        (full_disk / "ballast").unlink()
        for line in LINES:
            log.append(line)
        log.close()
    written = (full_disk / "out").read_bytes().splitlines(keepends=True)
    assert written[1:] == LINES


def test_a_terminal_that_takes_a_part_of_a_line_gets_the_rest_of_it_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal, ours = pty.openpty()
    tty.setraw(ours)
    fcntl.fcntl(ours, fcntl.F_SETFL, os.O_WRONLY | os.O_NONBLOCK)
    os.set_blocking(terminal, False)
    with os.fdopen(ours, "wb", buffering=0) as out:
        monkeypatch.setattr(sys, "stdout", out)
        log = LogFile(STDOUT, 1 << 20, 1)
        waiting, shown, refused = [line * 30 for line in LINES], b"", 0
        while waiting:
            try:
                log.append(waiting[0])
            except OSError:
                refused += 1
                with contextlib.suppress(BlockingIOError):
                    shown += os.read(terminal, 1000)
            else:
                waiting.pop(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                shown += os.read(terminal, 4096)
        log.close()
    os.close(terminal)
    assert refused
    assert shown == b"".join(line * 30 for line in LINES)
