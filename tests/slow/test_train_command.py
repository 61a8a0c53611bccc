import json
import logging
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner, Result

import train.experiment.experiment
from export.keras_file import load_model, save_model
from monitor.store.event import Review, Verdict
from monitor.store.store import EventStore
from testkit.clips import make_clips
from testkit.footage import quiet_footage
from tests.train.data.test_reviewed import DAY, event
from train.cli.train import app
from train.data.cache import file_sha256
from train.evaluate.calibration import set_temperature
from train.fit.checkpoint import load_state

RECIPE = """
clip: {frames: 4, size: 16, fps: 10}
batch: 4
validation_share: 0.5
patience: null
background: [dark]
"""
START_LIMIT_S = 240.0  # TensorFlow's import on a busy machine


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "train.yaml"
    path.write_text(RECIPE)
    return path


def har_train(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def command(*arguments: object) -> list[str]:
    start = "from train.cli.train import app; app(prog_name='har-train')"
    return [sys.executable, "-c", start, *map(str, arguments)]


def test_folds_are_trained_once_and_the_last_model_carries_their_metrics(
    data: Path, recipe: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    arguments = ("--data", data, "--out", out, "--config", recipe, "--cache", tmp_path / "cache",
                 "--folds", "--epochs", 1)  # fmt: skip

    first = har_train(*arguments)
    kept = (out / "model.keras").read_bytes()
    fold = out / "fold-1" / "model.keras"
    network, right = load_model(fold)
    assert right.temperature is not None
    set_temperature(network, 2.0)  # as an older har-train may have left it
    save_model(network, right.model_copy(update={"temperature": 2 * right.temperature}), fold)
    with caplog.at_level(logging.INFO):
        again = har_train(*arguments)

    assert first.exit_code == 0, first.output
    assert again.exit_code == 0, again.output
    left = {
        line.partition(" 1/1: ")[0]: line.rpartition(" (")[2]
        for line in first.stderr.splitlines()
        if " 1/1: " in line
    }
    assert left["fold 0"] != "0 s left)"  # of the whole command
    assert left["all clips"] == "0 s left)"
    for title in ("fold 0", "fold 1", "all clips"):
        assert any(line.startswith(f"{title}: finished before") for line in caplog.messages)
    assert (out / "model.keras").read_bytes() == kept
    assert sorted(path.name for path in out.iterdir()) == [
        "fold-0", "fold-1", "metrics.json", "model.keras", "report.html", "result.npz",
    ]  # fmt: skip
    _, metadata = load_model(out / "model.keras")
    assert metadata.labels == ("dark", "light")
    assert metadata.background == ("dark",)
    assert metadata.thresholds == {"light": 0.5}
    assert (metadata.data.clips, metadata.data.groups) == (8, 4)
    assert metadata.metrics["clips"] == 8
    assert {"accuracy", "fold_accuracy_mean", "fold_accuracy_std"} <= set(metadata.metrics)
    assert metadata.evaluation.startswith("cross-validated on ")
    assert metadata.unknown is not None
    assert "over 8 windows of clips that networks had not been fitted on" in (
        metadata.unknown.evaluation
    )
    assert json.loads((out / "metrics.json").read_text())
    set_temperature(network, 0.5)
    mended, of_fold = load_model(fold)
    assert of_fold.temperature == right.temperature
    for one, other in zip(mended.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
    assert of_fold.metrics["clips"] == 4
    assert of_fold.unknown is not None
    assert of_fold.data.clips == 4


def test_footage_is_trained_on_beside_the_clips_and_the_model_says_so(
    data: Path, recipe: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    films, out = tmp_path / "films", tmp_path / "out"
    films.mkdir()
    yard = quiet_footage(films / "yard.mp4", 3)
    recipe.write_text(f"{RECIPE}footage: [films]\n")
    arguments = ("--data", data, "--out", out, "--config", recipe, "--cache", tmp_path / "cache",
                 "--fold", 1, "--epochs", 2)  # fmt: skip

    with caplog.at_level(logging.INFO):
        first = har_train(*arguments)
        again = har_train(*arguments)
        quiet_footage(films / "hall.mp4", 2)
        other = har_train(*arguments)

    assert first.exit_code == again.exit_code == other.exit_code == 0, caplog.text
    assert [line for line in caplog.messages if line.startswith("footage: ")] == [
        *["footage: 1 films, 0.0 minutes, 6 slices"] * 2,
        "footage: 2 films, 0.1 minutes, 10 slices",
    ]
    assert sum("finished before" in line for line in caplog.messages) == 1
    _, metadata = load_model(out / "model.keras")
    assert metadata.data.clips == 4, "footage is in no count of clips"
    assert [film.name for film in metadata.data.footage] == ["hall.mp4", "yard.mp4"]
    assert metadata.data.footage[1].sha256 == file_sha256(yard)
    assert metadata.evaluation.endswith(
        ", trained beside the clips on footage in which nothing happens "
        "(2 films, 0.1 minutes, 10 slices)"
    )
    report = json.loads((out / "metrics.json").read_text())
    assert report["counts"]["clips"] == 4
    assert {clip["truth"] for clip in report["clips"]} == {"dark", "light"}
    assert metadata.evaluation in report["notes"]
    assert "4 clips and 2 films of footage" in (out / "report.html").read_text()


def test_a_run_killed_between_epochs_goes_on_where_it_was_and_ends_the_same(
    data: Path, recipe: Path, tmp_path: Path
) -> None:
    out, whole, epochs = tmp_path / "out", tmp_path / "whole", 40
    arguments = ("--data", data, "--config", recipe, "--cache", tmp_path / "cache", "--fold", 0,
                 "--epochs", epochs)  # fmt: skip
    line = command(*arguments, "--out", out)
    state_file = out / "checkpoint" / "state.npz"

    process = subprocess.Popen(line, stderr=subprocess.DEVNULL)
    limit_s = time.monotonic() + START_LIMIT_S
    while not state_file.exists() and time.monotonic() < limit_s and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    state = load_state(state_file)
    assert state is not None
    assert 1 <= state.epochs < epochs

    resumed = subprocess.run(line, capture_output=True, text=True, check=False)

    assert resumed.returncode == 0, resumed.stderr
    assert f"fold 0: resuming after epoch {state.epochs}" in resumed.stderr
    assert f"fold 0 {state.epochs}/{epochs}:" not in resumed.stderr
    assert f"fold 0 {state.epochs + 1}/{epochs}:" in resumed.stderr
    assert f"fold 0 {epochs}/{epochs}:" in resumed.stderr
    assert not state_file.exists()
    assert "oneDNN" not in resumed.stderr
    assert har_train(*arguments, "--out", whole).exit_code == 0
    for one, other in zip(weights(out), weights(whole), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def weights(out: Path) -> list[np.ndarray]:
    return load_model(out / "model.keras")[0].get_weights()


def test_a_loss_that_is_no_number_is_one_line_and_exit_code_1(
    data: Path, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = train.experiment.experiment.build

    def burst(*arguments: object) -> keras.Model:
        model = make(*arguments)
        kernel = model.trainable_variables[0]
        kernel.assign(np.full(kernel.shape, np.inf))
        return model

    monkeypatch.setattr(train.experiment.experiment, "build", burst)

    result = har_train("--data", data, "--out", tmp_path / "out", "--config", recipe,
                       "--cache", tmp_path / "cache", "--fold", 0)  # fmt: skip

    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "error: the loss became nan in epoch 1: lower learning_rate (now 0.002)"
    )
    assert not (tmp_path / "out" / "model.keras").exists()


@pytest.mark.parametrize(
    ("step", "when"), [("train_on_batch", "in epoch 1"), ("predict_on_batch", "in the test")]
)
def test_memory_that_is_not_enough_is_one_line_and_exit_code_1(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    recipe = tmp_path / "train.yaml"
    recipe.write_text(RECIPE.replace("validation_share: 0.5", "validation_share: 0.0"))

    def greedy(*_: object, **__: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(keras.Model, step, greedy)

    result = har_train("--data", data, "--out", tmp_path / "out", "--config", recipe,
                       "--cache", tmp_path / "cache", "--fold", 0, "--epochs", 1)  # fmt: skip

    assert result.exit_code == 1
    assert result.stderr, result.exception
    assert result.stderr.splitlines()[-1] == (
        f"error: not enough memory {when}: a smaller batch (now 4) or smaller clips (now 4x16x16) "
        "help"
    )


def test_a_baseline_gives_the_same_report_and_no_model(
    data: Path, recipe: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    result = har_train("--data", data, "--out", out, "--config", recipe, "--arch", "forest",
                       "--cache", tmp_path / "cache", "--folds")  # fmt: skip

    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == [
        "fold-0", "fold-1", "metrics.json", "report.html",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--fold", "7"), "error: fold 7: folds here: 0, 1", id="unknown fold"),
        pytest.param(
            ("--fold", "0", "--folds"),
            "error: --fold and --folds exclude each other",
            id="both",
        ),
        pytest.param(
            ("--cluster", "--fold", "0"),
            "error: --cluster needs --folds: each fold is fitted by itself",
            id="a cluster without folds",
        ),
        pytest.param(
            ("--arch", "resnet"),
            "error: arch: unknown network 'resnet'; allowed: convlstm, lrcn, r2plus1d, "
            "motion-peaks, convlstm-motion, motion-trajectories, motion-tsm, svm, forest",
            id="unknown network",
        ),
        pytest.param(
            ("--background", "grey"),
            "error: background grey: no such label; labels here: dark, light",
            id="unknown background",
        ),
        pytest.param(
            ("--background", "dark", "--background", "light"),
            "error: every label is a background label: nothing could alert",
            id="all background",
        ),
        pytest.param(
            ("--footage", "yard.mp4", "--arch", "forest"),
            "error: footage needs a network: forest is fitted on clips alone",
            id="footage for a classical classifier",
        ),
        pytest.param(
            ("--epochs", "0"),
            "error: epochs: input should be greater than or equal to 1, found 0",
            id="no epochs",
        ),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(
    data: Path,
    recipe: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    result = har_train(
        "--data", data, "--out", tmp_path / "out", "--cache", tmp_path / "cache",
        "--config", recipe, *arguments,
    )  # fmt: skip

    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == message


def test_missing_data_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    result = har_train("--data", tmp_path / "none", "--out", tmp_path / "out")

    assert result.exit_code == 1
    assert result.stderr == f"error: {tmp_path / 'none'}: no such folder\n"


def test_ctrl_c_says_that_the_same_command_goes_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("train.data.mixed.load_data", interrupted)

    result = har_train("--data", data, "--out", tmp_path / "out")

    assert result.exit_code == 130
    assert result.stderr == "stopped; the same command resumes after the last complete epoch\n"


def test_help_needs_no_tensorflow() -> None:
    check = (
        "import sys\n"
        "from train.cli.train import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "--data" in done.stdout


def test_reviewed_events_are_trained_on(recipe: Path, tmp_path: Path) -> None:
    where, folder = str(tmp_path / "events.sqlite"), tmp_path / "evidence"
    store = EventStore(where)
    for day in range(6):
        began = DAY + timedelta(days=day)
        for high, review in ((64, Review.CONFIRMED), (96, Review.DISMISSED)):
            event(
                folder,
                store,
                f"{day}{review}",
                Verdict(review=review),
                size=(160 + 16 * day, high),  # no two are copies of one another
                start_time=began,
                time=began,
            )
    store.close()
    out = tmp_path / "out"

    done = har_train("--from-events", where, "--out", out, "--config", recipe, "--background",
                     "nofight", "--cache", tmp_path / "cache", "--epochs", 1)  # fmt: skip

    assert done.exit_code == 0, done.output
    metadata = load_model(out / "model.keras")[1]
    assert metadata.labels == ("fight", "nofight")
    assert metadata.background == ("nofight",)
    assert len((out / "events.csv").read_text().splitlines()) == 13
    refused = har_train("--from-events", where, "--out", out, "--config", tmp_path / "none.yaml")
    assert refused.exit_code == 2
