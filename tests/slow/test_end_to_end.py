"""har-train, har-export and har-monitor in turn, as a user types them, on real video."""

import csv
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from testkit import ROOT

BIN = Path(sys.executable).parent
SAMPLE = ROOT / "monitor" / "samples" / "bus.mp4"
# (label, group, fold, video, first second): two seconds each, of three real cameras.
CLIPS = [
    *(("nofight", "bus", 0, "bus", second) for second in (0.0, 2.1, 4.1, 6.1)),
    *(("fight", "bus", 0, "bus", second) for second in (8.2, 10.7, 12.7, 14.7)),
    *(("fight", "pub", 1, "fight", second) for second in (0.0, 1.2, 2.4)),
    *(("nofight", "hall", 1, "nofight", second) for second in (0.0, 0.6, 1.2)),
]


def run(command: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [BIN / command, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"HOME": str(cwd), "DISPLAY": ""},
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, fight_clip: Path, nofight_clip: Path) -> Path:
    """A folder of clips with clips.csv, cut from the sample and the clips of the tests."""
    folder = tmp_path_factory.mktemp("data") / "tiny"
    videos = {"bus": SAMPLE, "fight": fight_clip, "nofight": nofight_clip}
    rows = []
    for number, (label, group, fold, video, second) in enumerate(CLIPS):
        path = Path(label) / f"{number:02}.mp4"
        (folder / label).mkdir(parents=True, exist_ok=True)
        cut = ["-ss", str(second), "-i", str(videos[video]), "-t", "2.05"]
        encoder = ["-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "20"]
        command = ["ffmpeg", "-v", "error", *cut, *encoder, str(folder / path)]
        subprocess.run(command, check=True, timeout=60)
        rows.append([path, label, group, fold])
    with (folder / "clips.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "group", "fold"], *rows])
    return folder


def metrics(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return content


@pytest.mark.timeout(600)
def test_from_clips_to_alerts(clips: Path, tmp_path: Path, fight_clip: Path) -> None:
    run(
        *("har-train", "--data", clips, "--out", "run", "--fold", 1, "--epochs", 3),
        *("--background", "nofight"),
        cwd=tmp_path,
    )
    assert {"model.keras", "metrics.json", "report.html"} <= {
        file.name for file in (tmp_path / "run").iterdir()
    }

    done = run("har-export", "run/model.keras", "tiny.onnx", cwd=tmp_path)
    assert "tiny.onnx: " in done.stdout
    assert done.stderr == ""

    for model in ("run/model.keras", "tiny.onnx"):
        out = f"evaluated-{Path(model).suffix[1:]}"
        run("har-evaluate", model, "--data", clips, "--out", out, "--fold", 1, cwd=tmp_path)
    keras, onnx = metrics(tmp_path / "evaluated-keras"), metrics(tmp_path / "evaluated-onnx")
    trained = metrics(tmp_path / "run")
    assert [clip["path"] for clip in keras["clips"]] == [clip["path"] for clip in onnx["clips"]]
    for one, other, before in zip(keras["clips"], onnx["clips"], trained["clips"], strict=True):
        assert other["scores"] == pytest.approx(one["scores"], abs=1e-5)
        assert before["scores"] == pytest.approx(one["scores"], abs=1e-5)

    done = run("har-monitor", "--model", "tiny.onnx", "--check", cwd=tmp_path)
    assert "alerts   fight from 0.5; background: nofight" in done.stdout
    run(
        *("har-monitor", "--model", "tiny.onnx", "--source", f"pub={fight_clip}"),
        *("--threshold", 0, "--save-video", "seen.mp4"),
        cwd=tmp_path,
    )
    start, end = map(json.loads, (tmp_path / "alerts.jsonl").read_text().splitlines())
    assert (start["event"], end["event"]) == ("start", "end")
    assert (start["camera"], start["label"]) == ("pub", "fight")
    assert start["model"] == hashlib.sha256((tmp_path / "tiny.onnx").read_bytes()).hexdigest()
    assert (tmp_path / "seen.mp4").stat().st_size > 10_000
