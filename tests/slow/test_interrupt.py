"""Ctrl-C while TensorFlow is imported and at work."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from monitor.cli.interrupt import EXIT_INTERRUPTED
from testkit import ROOT
from testkit.clips import make_clips
from testkit.process import script

RECIPE = "{clip: {frames: 4, size: 16, fps: 10}, background: [dark], epochs: 10000}"


@pytest.mark.parametrize("after_s", [0.5, 2, 4, 8, 16])
def test_training_that_is_interrupted_ends_without_a_traceback(
    tmp_path: Path, after_s: float
) -> None:
    """Any of its parts may be what is interrupted: a slow machine has got less far."""
    clips = make_clips(tmp_path / "clips")
    (tmp_path / "train.yaml").write_text(RECIPE)
    given = ("--data", clips, "--out", "run", "--config", "train.yaml", "--cache", "cache")
    said = tmp_path / "said"
    with said.open("wb") as file:
        process = subprocess.Popen(
            [*script("har-train"), *map(str, given), "--fold", "0"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONPROFILEIMPORTTIME": "1"},
            stderr=file,
        )
    while " monitor.cli.interrupt\n" not in said.read_text():  # Python itself has started
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)

    code = process.wait(90)
    assert "Traceback" not in said.read_text()
    assert code == EXIT_INTERRUPTED
