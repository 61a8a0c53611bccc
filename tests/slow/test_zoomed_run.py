"""A model that sees clips whole, and the part that moves most: from har-train to har-monitor."""

import json
from pathlib import Path

import pytest

import export.cli
import train.cli.evaluate
import train.cli.train
from export.keras_file import load_model
from monitor.recognition.classifier import OnnxClassifier
from testkit.clips import make_clips
from tests.slow.test_tune_run import brightness, invoke
from train.networks.architectures import NETWORKS

RECIPE = """
clip: {frames: 4, size: 16, fps: 10}
zoom: 2
batch: 4
epochs: 2
background: [dark]
augment: {crossing_share: 0.5, paste_share: 0.5}
"""


def scores(folder: Path) -> dict[str, list[float]]:
    found = json.loads((folder / "metrics.json").read_text())["clips"]
    return {clip["path"]: clip["scores"] for clip in found}


def test_a_run_with_zoom_is_trained_tested_exported_and_tested_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, "r2plus1d", brightness)
    data, run, onnx = make_clips(tmp_path / "clips"), tmp_path / "run", tmp_path / "m.onnx"
    (tmp_path / "train.yaml").write_text(RECIPE)
    cache = ("--cache", tmp_path / "cache")

    done = invoke(train.cli.train.app, "--data", data, "--out", run, "--fold", 0,
                  "--config", tmp_path / "train.yaml", *cache)  # fmt: skip
    assert done.exit_code == 0, done.output
    done = invoke(export.cli.app, run / "model.keras", onnx)
    assert done.exit_code == 0, done.output

    network, metadata = load_model(run / "model.keras")
    assert (metadata.zoom, metadata.clip.size, network.input_shape[2]) == (2, 32, 16)
    assert OnnxClassifier(onnx).metadata == metadata
    expected = scores(run)
    for model in (run / "model.keras", onnx):
        out = tmp_path / f"tested-{model.suffix[1:]}"
        line = (model, "--data", data, "--fold", 0, "--out", out, *cache)
        done = invoke(train.cli.evaluate.app, *line)
        assert done.exit_code == 0, done.output
        found = scores(out)
        assert set(found) == set(expected)
        for path, values in found.items():
            assert values == pytest.approx(expected[path], abs=1e-3)
