"""The recipes for UCF50, on a folder that is laid out as it is unpacked."""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

import train.data.decoding
from export.keras_file import load_model
from testkit import ROOT
from train.cli.train import app

CONFIGS = ROOT / "configs"
CLASSES = ("Biking", "HorseRace", "PizzaTossing", "Swing")
GROUPS, CLIPS, FRAMES = 4, 2, 60  # of each class, of each group, of each clip
# Real clips that a class is made from; PizzaTossing is made of noise.
REAL = {
    "Biking": "v_Biking_g05_c02.mp4",
    "HorseRace": "v_HorseRiding_g01_c03.mp4",
    "Swing": "v_Swing_g11_c02.mp4",
}


@pytest.fixture(scope="session")
def ucf50(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    """`UCF50/<Class>/v_<Class>_gNN_cNN.avi` of 50 classes; those that no recipe names hold text."""
    root = tmp_path_factory.mktemp("unpacked") / "UCF50"
    for name in CLASSES:
        (root / name).mkdir(parents=True)
        for number in range(GROUPS * CLIPS):
            group, part = divmod(number, CLIPS)
            write(
                root / name / f"v_{name}_g{group + 1:02d}_c{part + 1:02d}.avi",
                pictures(name, number, shared_data / "ucf-named"),
            )
    for number in range(50 - len(CLASSES)):
        other = root / f"Other{number}"
        other.mkdir()
        (other / f"v_Other{number}_g01_c01.avi").write_text("not a video")
    return root


def pictures(name: str, number: int, real: Path) -> np.ndarray:
    """(FRAMES, 120, 160, 3) of a class; every `number` gives others."""
    if name not in REAL:
        noise = np.random.default_rng(number).integers(0, 256, (FRAMES, 12, 16, 3), dtype=np.uint8)
        return noise.repeat(10, axis=1).repeat(10, axis=2)
    with av.open(str(real / REAL[name])) as container:
        frames = [
            frame.to_ndarray(format="rgb24", width=160, height=120)
            for frame in container.decode(video=0)
        ]
    start = number * (len(frames) - FRAMES) // (GROUPS * CLIPS)
    return np.stack(frames[start : start + FRAMES])


def write(path: Path, frames: np.ndarray) -> None:
    """An AVI file with MPEG-4 video at 25 frames a second, as UCF50's are."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("recipe", "network", "split"),
    [
        pytest.param("ucf50-paper.yaml", "convlstm", "random", id="the paper's ConvLSTM"),
        pytest.param("ucf50-paper-lrcn.yaml", "lrcn", "random", id="the paper's LRCN"),
        pytest.param("ucf50.yaml", "r2plus1d", "grouped", id="ours"),
    ],
)
def test_a_recipe_runs_on_the_unpacked_folder_and_reads_its_own_classes_only(
    ucf50: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recipe: str,
    network: str,
    split: str,
) -> None:
    hashed: set[str] = set()
    sha256 = train.data.decoding.file_sha256

    def noted(path: Path) -> str:
        hashed.add(path.parent.name)
        return sha256(path)

    monkeypatch.setattr(train.data.decoding, "file_sha256", noted)
    arguments = ("--data", ucf50, "--out", tmp_path / "out", "--config", CONFIGS / recipe,
                 "--epochs", 2, "--cache", ucf50.parent / "cache")  # fmt: skip

    result = CliRunner().invoke(app, [str(argument) for argument in arguments])

    assert result.exit_code == 0, result.output
    assert hashed == set(CLASSES)
    assert "skipped" not in result.stderr
    _, metadata = load_model(tmp_path / "out" / "model.keras")
    assert (metadata.labels, metadata.network) == (CLASSES, network)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["split"] == split
    assert metrics["counts"]["clips"] == len(CLASSES) * GROUPS * CLIPS // 4
    if split == "grouped":  # every clip of one group
        assert metrics["counts"]["groups"] == 1
