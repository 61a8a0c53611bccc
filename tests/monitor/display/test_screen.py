"""Windows on a real X server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.display.screen import has_display
from testkit import ROOT
from testkit.fakes import wait_until
from testkit.films import repeated
from testkit.models import motion_model
from testkit.patience import LIMIT_S
from testkit.servers.display import x_server

SAMPLE = ROOT / "monitor" / "samples" / "bus.mp4"


def xdotool(display: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DISPLAY": display}
    return subprocess.run(
        ["xdotool", *arguments], env=environment, capture_output=True, text=True, timeout=LIMIT_S
    )


@pytest.mark.slow
def test_a_camera_has_a_window_and_q_in_it_ends_the_monitor(tmp_path: Path) -> None:
    model = motion_model(tmp_path / "motion.onnx")
    film = repeated(tmp_path / "film.mp4", SAMPLE, 20)  # six minutes
    with x_server() as display:
        options = ["--display", "--realtime", "--model", str(model)]
        process = subprocess.Popen(
            [sys.executable, "-m", "monitor", *options, "--source", f"door={film}"],
            cwd=tmp_path,
            env=os.environ | {"DISPLAY": display},
            stderr=subprocess.PIPE,
            text=True,
        )
        windows: list[str] = []

        def has_window() -> bool:
            assert process.poll() is None, "it ended before it had a window"
            windows[:] = xdotool(display, "search", "--name", "har-monitor: door").stdout.split()
            return bool(windows)

        try:
            wait_until(has_window)

            def ended_by_q() -> bool:
                xdotool(display, "windowfocus", windows[-1])
                xdotool(display, "key", "q")
                return process.poll() is not None

            wait_until(ended_by_q)
        finally:
            process.kill()
            _, errors = process.communicate()
            print(errors)
    assert process.returncode == 0
    assert "camera door: stopped: " in errors, "it was ended by q, not by the end of the file"
    assert "QFont" not in errors


@pytest.mark.parametrize("display", ["", ":4711", "nonsense", "localhost:4711"])
def test_a_display_that_does_not_answer_is_none(
    display: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", display)
    assert not has_display()


def test_what_is_imported_before_a_window_is_made_does_not_load_pyav() -> None:
    program = "import sys, monitor.cli.app, monitor.display.screen; sys.exit('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=LIMIT_S).returncode == 0
