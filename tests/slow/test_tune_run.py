"""Tuning a run of har-train --folds, and what becomes of the rules."""

import json
import logging
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
import typer
from typer.testing import CliRunner, Result

import train.cli.evaluate
import train.cli.train
import train.evaluate.evaluation_set
from export.export import export_model
from export.keras_file import METADATA_MEMBER, load_model, save_model, write_metadata
from monitor.config.options import ActivityOptions
from monitor.errors import MonitorError
from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.metadata import INPUT, OUTPUT
from monitor.windows.clip import ClipSpec
from testkit.clips import make_clips
from testkit.footage import quiet_footage
from testkit.models import metadata
from testkit.trained import SMALL, trained_like
from train.evaluate.scores import Scored
from train.evaluate.scoring import score_clips
from train.networks.architectures import NETWORKS

RECIPE = """
clip: {frames: 4, size: 16, fps: 10}
stride: 3
batch: 4
epochs: 10
learning_rate: 0.05
background: [dark]
"""


def brightness(spec: ClipSpec, labels: int) -> keras.Model:
    """A network that sees how bright a clip is: one of the real ones takes a minute to compile."""
    layers = keras.layers
    clip = keras.Input(spec.shape, dtype="uint8", name=INPUT)
    level = layers.GlobalAveragePooling3D()(layers.Rescaling(1 / 64, offset=-2.0)(clip))
    return keras.Model(clip, layers.Dense(labels, activation="softmax", name=OUTPUT)(level))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return quiet_footage(tmp_path_factory.mktemp("footage") / "yard.mp4", 20)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A run with both of its folds."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "train.yaml").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(NETWORKS, "r2plus1d", brightness)
        done = invoke(
            train.cli.train.app,
            *("--data", data, "--out", folder / "run", "--config", folder / "train.yaml"),
            *("--folds", "--cache", folder / "cache"),
        )
    assert done.exit_code == 0, done.output
    return folder / "run"


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def invoke(app: typer.Typer, *arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def har_evaluate(*arguments: object) -> Result:
    return invoke(train.cli.evaluate.app, *arguments)


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_run_is_tuned_on_its_folds_and_the_rules_reach_the_monitor(
    run: Path, data: Path, footage: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = members(run / "model.keras")

    with caplog.at_level(logging.INFO):
        done = har_evaluate(
            *(run, "--tune", "--data", data, "--footage", footage, "--cache", tmp_path / "c"),
            *("--false-alarms-per-day", 100_000),
        )

    assert done.exit_code == 0, done.stderr + caplog.text
    _, about = load_model(run / "model.keras")
    assert about.tuning is not None
    assert about.tuning.metrics["events"] == 4
    assert about.tuning.metrics["false_alarms_per_day_wanted"] == 100_000
    assert {"event_f1", "event_precision", "event_recall", "hours"} <= set(about.tuning.metrics)
    assert about.tuning.evaluation.startswith(
        "for the highest event F1 with at most 100000 false alarms a day; event F1 "
    )
    assert "tuned on the other folds" in about.tuning.evaluation
    after = members(run / "model.keras")
    assert before.pop(METADATA_MEMBER) != after.pop(METADATA_MEMBER)
    assert before == after, "the network is what it was"
    report = json.loads((run / "tuning" / "metrics.json").read_text())
    assert report["warning"] is None
    assert len(report["streams"]) == 4
    assert report["clips"]["clips"] == 8
    assert (run / "tuning" / "report.html").is_file()

    export_model(run / "model.keras", tmp_path / "m.onnx")
    exported = OnnxClassifier(tmp_path / "m.onnx").metadata
    assert exported == about
    rules = ActivityOptions().rules(exported)
    assert (rules.smoothing_s, rules.min_s) == (about.tuning.smoothing_s, about.tuning.min_s)
    assert dict(rules.thresholds) == about.thresholds


def test_the_clips_by_themselves_are_scored_at_the_stride_of_the_run(
    run: Path, data: Path, footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strides = []

    def noted(*arguments: Any, stride: int, **options: Any) -> Scored:
        strides.append(stride)
        return score_clips(*arguments, stride=stride, **options)

    monkeypatch.setattr(train.evaluate.evaluation_set, "score_clips", noted)

    done = har_evaluate(
        run, "--tune", "--data", data, "--footage", footage, "--cache", tmp_path / "c"
    )

    assert done.exit_code == 0, done.stderr
    assert strides == [3, 3]


def test_a_tuned_run_can_be_tuned_again_and_its_rules_are_those_in_use(
    run: Path, data: Path, footage: Path, tmp_path: Path
) -> None:
    line = (run, "--tune", "--data", data, "--footage", footage, "--cache", tmp_path / "c")

    first = har_evaluate(*line)
    once = load_model(run / "model.keras")[1]
    again = har_evaluate(*line)

    assert (first.exit_code, again.exit_code) == (0, 0), first.stderr + again.stderr
    assert load_model(run / "model.keras")[1] == once


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(
            lambda run: shutil.rmtree(run),
            "{run}: no such folder; --tune takes the folder of har-train --folds",
            id="no run",
        ),
        pytest.param(
            lambda run: [shutil.rmtree(run / f"fold-{n}") for n in range(2)],
            "{run}: no fold-0/model.keras; --tune needs a run of har-train --folds",
            id="no folds",
        ),
        pytest.param(
            lambda run: shutil.rmtree(run / "fold-1"),
            "{run}/fold-1/model.keras: no such file",
            id="a fold is missing",
        ),
        pytest.param(
            lambda run: (run / "model.keras").unlink(),
            "{run}/model.keras: no such file",
            id="no final model",
        ),
        pytest.param(
            lambda run: (run / "metrics.json").unlink(),
            "{run}/metrics.json: no such file or directory",
            id="no report",
        ),
        pytest.param(
            lambda run: (run / "metrics.json").write_text("{}"),
            "{run}/metrics.json: holds no recipe of har-train",
            id="no recipe",
        ),
        pytest.param(
            lambda run: shutil.copy(run / "fold-1/model.keras", run / "fold-0/model.keras"),
            "{run}/fold-0/model.keras: was not fitted on what fold 0 of {data} leaves; "
            "--data must be the clips that the run was trained on",
            id="fitted on what it is to be tuned on",
        ),
    ],
)
def test_what_cannot_be_tuned_is_one_line(
    run: Path, data: Path, footage: Path, tmp_path: Path, spoil: Callable[[Path], object], says: str
) -> None:
    spoil(run)

    done = har_evaluate(
        run, "--tune", "--data", data, "--footage", footage, "--cache", tmp_path / "c"
    )

    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1] == "error: " + says.format(run=run, data=data)
    assert not (run / "tuning").exists()


def test_metadata_that_cannot_be_written_leaves_the_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.keras"
    about = metadata(network="r2plus1d", frames=SMALL.frames, size=SMALL.size, fps=SMALL.fps)
    save_model(trained_like("r2plus1d"), about, path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(MonitorError, match="No space left on device"):
        write_metadata(path, about.model_copy(update={"name": "other"}))

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_keras_model_watches_streams(
    finished: Path, data: Path, footage: Path, tmp_path: Path
) -> None:
    done = har_evaluate(
        *(finished / "fold-0" / "model.keras", "--stream", "--data", data, "--fold", 0),
        *("--footage", footage, "--out", tmp_path / "out", "--cache", tmp_path / "c"),
    )

    assert done.exit_code == 0, done.stderr
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert found["warning"] is None, "its fold was held out"
    assert found["clips"]["clips"] == 4
    assert found["events"]["events"] == 2
