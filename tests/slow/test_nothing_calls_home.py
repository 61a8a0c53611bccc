"""Neither do the commands that load TensorFlow, Keras and tf2onnx."""

from pathlib import Path

import pytest

from testkit.alone import overhear
from testkit.clips import make_clips
from testkit.process import script

RECIPE = "{clip: {frames: 4, size: 16, fps: 10}, background: [dark]}"


@pytest.mark.timeout(600)
def test_training_exporting_and_evaluating_contact_nobody(tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    clips = make_clips(work / "clips")
    (work / "train.yaml").write_text(RECIPE)
    run, onnx, cache = work / "run", work / "model.onnx", ("--cache", work / "cache")
    commands: dict[str, tuple[object, ...]] = {
        "har-train": (
            *("--data", clips, "--out", run, "--config", work / "train.yaml"),
            *("--epochs", 1, "--fold", 0, *cache),
        ),
        "har-export": (run / "model.keras", onnx, "--engine", "tf2onnx"),
        "har-evaluate": (onnx, "--data", clips, "--out", work / "tested", "--fold", 0, *cache),
    }
    for name, arguments in commands.items():
        found = overhear([*script(name), *map(str, arguments)], home)

        assert found.code == 0, found.output
        assert found.heard == [], name
        assert list(home.iterdir()) == [], name
