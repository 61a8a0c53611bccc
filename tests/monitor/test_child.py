"""A process beside the watching: what it says in a terminal."""

import logging
import sys
from pathlib import Path

import pytest

from monitor.child import ChildProcess
from testkit import ROOT
from testkit.fakes import wait_until

PROGRAM = """
import logging, sys, time
from rich.console import Console
from monitor.cli.command import start_logging
sys.stdin.read()
start_logging(Console(stderr=True), verbose=False)
logging.warning("the broker is gone")
print("a line of a library", file=sys.stderr, flush=True)
logging.info("it is back: %s", "\\x1b[1m")
time.sleep(3600)
"""


def test_in_a_terminal_its_lines_are_logged_here_so_that_no_table_covers_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "beside.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    process = ChildProcess("beside", "it", "beside", 1.0)
    with caplog.at_level(logging.INFO, "monitor.child"):
        process.give("", lambda link: link.close())
        wait_until(lambda: len(caplog.messages) == 3)
        process.close()
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("WARNING", "the broker is gone"),
        ("WARNING", "a line of a library"),
        ("INFO", "it is back: \\x1b[1m"),
    ]
