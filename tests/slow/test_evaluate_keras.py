import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from export.keras_file import save_model
from monitor.windows.clip import ClipSpec
from testkit.models import metadata
from train.cli.evaluate import app
from train.networks.architectures import build


def test_a_keras_model_is_tested_with_the_same_report(
    tmp_path: Path, fight_clip: Path, nofight_clip: Path
) -> None:
    rows = ["path,label,group,fold"]
    for label, clip in (("fight", fight_clip), ("nofight", nofight_clip)):
        (tmp_path / "data" / label).mkdir(parents=True)
        (tmp_path / "data" / label / "a.mp4").write_bytes(clip.read_bytes())
        rows.append(f"{label}/a.mp4,{label},{label},0")
    (tmp_path / "data" / "clips.csv").write_text("\n".join(rows) + "\n")
    about = metadata(
        labels=("fight", "nofight"), background=("nofight",), thresholds={"fight": 0.5}
    )
    model = tmp_path / "model.keras"
    save_model(build("lrcn", ClipSpec(20, 64, 10.0), 2), about, model)
    folders = {"--data": "data", "--out": "out", "--cache": "cache"}

    result = CliRunner().invoke(
        app, [str(model), *(part for n, f in folders.items() for part in (n, str(tmp_path / f)))]
    )

    assert result.exit_code == 0, result.stderr
    content = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert content["counts"]["clips"] == 2
    assert content["model"]["labels"] == ["fight", "nofight"]
    assert all(sum(clip["scores"]) == pytest.approx(1, abs=1e-4) for clip in content["clips"])
    assert (tmp_path / "out" / "report.html").is_file()
