"""Networks that har-train did not make, through har-export into har-monitor."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from keras import Input, Model, Sequential, layers
from numpy.typing import NDArray
from typer.testing import CliRunner

from export.cli import app
from export.export import export_model
from export.options import Colours, Engine, NetworkDescription, Pixels
from export.verify import real_clips, synthetic_clips
from monitor.errors import ConfigError
from monitor.recognition.classifier import OnnxClassifier
from monitor.windows.clip import ClipSpec
from testkit import DATA
from testkit.foreign import TINY, exported, saved, softmax, tiny
from testkit.process import write_config

TUTORIAL = ClipSpec(20, 64, 10.0)
LABELS = ("walk", "run", "sit", "stand")
Clips = NDArray[np.uint8]


def convlstm(recurrent_dropout: float = 0.2) -> Model:
    """The ConvLSTM of the tutorials."""
    conv = {"activation": "tanh", "recurrent_dropout": recurrent_dropout, "return_sequences": True}
    return Sequential(
        [
            Input(TUTORIAL.shape),
            layers.ConvLSTM2D(4, (3, 3), data_format="channels_last", **conv),
            layers.MaxPooling3D((1, 2, 2), padding="same", data_format="channels_last"),
            layers.TimeDistributed(layers.Dropout(0.2)),
            layers.ConvLSTM2D(8, (3, 3), **conv),
            layers.MaxPooling3D((1, 2, 2), padding="same"),
            layers.Flatten(),
            layers.Dense(4, activation="softmax"),
        ]
    )


def lrcn() -> Model:
    """The LRCN of the tutorials."""
    return Sequential(
        [
            Input(TUTORIAL.shape),
            layers.TimeDistributed(layers.Conv2D(8, 3, padding="same", activation="relu")),
            layers.TimeDistributed(layers.MaxPooling2D((4, 4))),
            layers.TimeDistributed(layers.Dropout(0.25)),
            layers.TimeDistributed(layers.Conv2D(16, 3, padding="same", activation="relu")),
            layers.TimeDistributed(layers.MaxPooling2D((4, 4))),
            layers.TimeDistributed(layers.Flatten()),
            layers.LSTM(16),
            layers.Dense(4, activation="softmax"),
        ]
    )


def conv3d() -> Model:
    """A 3D network of the functional kind."""
    clip = Input(TUTORIAL.shape)
    x = layers.Conv3D(4, 3, activation="relu")(clip)
    x = layers.MaxPooling3D(2)(x)
    x = layers.BatchNormalization()(x)
    x = layers.GlobalAveragePooling3D()(x)
    return Model([clip], [layers.Dense(4, activation="softmax")(x)])


def bidirectional() -> Model:
    """A network with a layer that only tf2onnx knows, and recurrent dropout inside of it."""
    return Sequential(
        [
            Input(TUTORIAL.shape),
            layers.TimeDistributed(layers.GlobalAveragePooling2D()),
            layers.Bidirectional(layers.LSTM(4, recurrent_dropout=0.3)),
            layers.Dense(4, activation="softmax"),
        ]
    )


def scores_of(network: Model, clips: NDArray[np.floating]) -> NDArray[np.float32]:
    """What Keras itself gives."""
    bare = Model(network.inputs[0], network.outputs[0])
    return np.asarray(bare(clips.astype(np.float32), training=False))


@pytest.mark.parametrize(
    ("engine", "suffix"),
    [(None, ".keras"), (None, ".h5"), (Engine.TF2ONNX, ".keras")],
    ids=["keras", "h5", "by tf2onnx"],
)
@pytest.mark.parametrize("build", [convlstm, lrcn, conv3d])
def test_a_network_of_a_tutorial_gives_the_scores_of_keras(
    build: Callable[[], Model], engine: Engine | None, suffix: str, tmp_path: Path
) -> None:
    network = build()
    path = saved(network, tmp_path / f"model{suffix}")
    summary = export_model(
        path, tmp_path / "m.onnx", engine=engine, description=NetworkDescription(LABELS, 10)
    )
    assert (summary.engine, summary.not_fused) == (engine or Engine.FUSED, None)
    classifier = OnnxClassifier(tmp_path / "m.onnx")
    clips = real_clips(TUTORIAL, DATA / "fight.mp4")
    assert len(clips) >= 2
    expected = scores_of(network, clips / 255)
    assert np.ptp(expected) > 0.01  # not all alike
    assert classifier.predict(clips) == pytest.approx(expected, abs=1e-5)


def test_a_network_with_layers_that_only_tf2onnx_knows_is_exported_too(tmp_path: Path) -> None:
    path = saved(bidirectional(), tmp_path / "model.keras")
    summary = export_model(path, tmp_path / "m.onnx", description=NetworkDescription(LABELS, 10))
    assert summary.engine is Engine.TF2ONNX
    assert summary.not_fused is not None


def test_the_file_says_what_it_takes_and_that_nothing_was_measured(tmp_path: Path) -> None:
    path = saved(lrcn(), tmp_path / "mine.keras")
    described = NetworkDescription(LABELS, 7.5, background=("sit", "stand"))
    export_model(path, tmp_path / "m.onnx", description=described)
    metadata = OnnxClassifier(tmp_path / "m.onnx").metadata
    assert metadata.clip == ClipSpec(20, 64, 7.5)
    assert (metadata.name, metadata.labels, metadata.background) == (
        "mine",
        LABELS,
        ("sit", "stand"),
    )
    assert metadata.thresholds == {"walk": 0.5, "run": 0.5}
    assert (metadata.data.clips, metadata.metrics, metadata.motion, metadata.unknown) == (
        0,
        {},
        None,
        None,
    )
    done = _command("har-monitor", "--model", "m.onnx", "--check", cwd=tmp_path)
    assert "trained  on data that is not known\n" in done.stdout
    assert "measured not at all: har-train did not make mine.keras\n" in done.stdout
    assert "alerts   walk from 0.5, run from 0.5; background: sit, stand\n" in done.stdout


PIXELS: dict[str, tuple[Pixels, Colours, Callable[[Clips], NDArray[np.floating]]]] = {
    "from 0 to 1": (Pixels.UNIT, Colours.RGB, lambda clips: clips / 255),
    "from -1 to 1": (Pixels.SIGNED, Colours.RGB, lambda clips: clips / 127.5 - 1),
    "bytes": (Pixels.BYTES, Colours.RGB, lambda clips: clips.astype(np.float64)),
    "of OpenCV": (Pixels.UNIT, Colours.BGR, lambda clips: clips[..., ::-1] / 255),
}


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize(("pixels", "colours", "given"), PIXELS.values(), ids=PIXELS)
def test_pixels_reach_the_network_as_it_takes_them(
    pixels: Pixels,
    colours: Colours,
    given: Callable[[Clips], NDArray[np.floating]],
    engine: Engine,
    tmp_path: Path,
) -> None:
    network = tiny(layers.Rescaling(1 / 255 if pixels is Pixels.BYTES else 1.0), softmax())
    path = saved(network, tmp_path / "m.keras")
    described = NetworkDescription(("a", "b"), 5, pixels=pixels, colours=colours)
    export_model(path, tmp_path / "m.onnx", engine=engine, description=described)
    clips = synthetic_clips(ClipSpec(6, 16, 5))
    expected = scores_of(network, given(clips))
    assert OnnxClassifier(tmp_path / "m.onnx").predict(clips) == pytest.approx(expected, abs=1e-5)
    assert np.abs(expected - scores_of(network, given(clips[..., ::-1]))).max() > 1e-3


def test_bytes_may_be_the_type_of_the_input(tmp_path: Path) -> None:
    clip = Input(TINY, dtype="uint8")
    x = layers.GlobalAveragePooling3D()(layers.Rescaling(1 / 255)(clip))
    network = Model(clip, softmax()(x))
    path = saved(network, tmp_path / "m.keras")
    exported(path, NetworkDescription(("a", "b"), 5, pixels=Pixels.BYTES))
    clips = synthetic_clips(ClipSpec(6, 16, 5))
    expected = np.asarray(network(clips, training=False))
    assert OnnxClassifier(tmp_path / "m.onnx").predict(clips) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("batch", [1, 4])
def test_the_number_of_clips_at_once_may_be_fixed(batch: int, tmp_path: Path) -> None:
    clip = Input(batch_shape=(batch, *TINY))
    path = saved(tiny(softmax(), first=clip), tmp_path / "m.keras")
    exported(path, NetworkDescription(("a", "b"), 5))
    assert OnnxClassifier(tmp_path / "m.onnx").predict(np.zeros((3, *TINY), np.uint8)).shape == (
        3,
        2,
    )


def test_one_score_is_that_of_the_second_label(tmp_path: Path) -> None:
    network = tiny(layers.Dense(1, activation="sigmoid"))
    path = saved(network, tmp_path / "m.keras")
    exported(path, NetworkDescription(("calm", "fight"), 5))
    clips = synthetic_clips(ClipSpec(6, 16, 5))
    fight = scores_of(network, clips / 255)[:, 0]
    expected = np.stack([1 - fight, fight], axis=1)
    assert OnnxClassifier(tmp_path / "m.onnx").predict(clips) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("count", [1, 3])
def test_logits_become_scores_where_that_is_said(count: int, tmp_path: Path) -> None:
    network = tiny(layers.Dense(count), layers.Rescaling(9.0))
    path = saved(network, tmp_path / "m.keras")
    labels = ("a", "b", "c")[: max(count, 2)]
    with pytest.raises(ConfigError, match=r"its scores, \S+ to \S+, do not sum to 1; allowed: "):
        exported(path, NetworkDescription(labels, 5))
    exported(path, NetworkDescription(labels, 5, logits=True))
    clips = synthetic_clips(ClipSpec(6, 16, 5))
    logits = scores_of(network, clips / 255)
    pair = np.concatenate([np.zeros_like(logits), logits], axis=1) if count == 1 else logits
    expected = np.exp(pair) / np.exp(pair).sum(axis=1, keepdims=True)
    assert OnnxClassifier(tmp_path / "m.onnx").predict(clips) == pytest.approx(expected, abs=1e-5)


@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`")  # Keras 3, of Keras 2's way
def test_an_h5_file_of_keras_2_gives_the_scores_of_keras_2(tmp_path: Path) -> None:
    # Written by tf_keras 2.21 as tutorials do it; its scores of these very clips beside it.
    path = DATA / "keras2.h5"
    export_model(path, tmp_path / "m.onnx", description=NetworkDescription(("a", "b", "c"), 5))
    expected = json.loads((DATA / "keras2.json").read_text())
    clips = synthetic_clips(ClipSpec(6, 16, 5))
    assert OnnxClassifier(tmp_path / "m.onnx").predict(clips) == pytest.approx(
        np.array(expected), abs=1e-5
    )


def _command(name: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [Path(sys.executable).parent / name, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"HOME": str(cwd), "DISPLAY": ""},
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.timeout(600)
def test_the_convlstm_of_the_tutorials_runs_in_har_monitor_in_one_command(
    tmp_path: Path, fight_clip: Path
) -> None:
    network = convlstm()
    saved(network, tmp_path / "tut.keras")
    labels = ("--labels", ",".join(LABELS), "--background", "stand", "--background", "sit")
    done = _command("har-export", "tut.keras", "m.onnx", *labels, "--fps", 10, cwd=tmp_path)
    assert done.stderr == ""
    options = {"windows": {"stride": 20}, "decode": {"loop_filter": True}}
    write_config(tmp_path / "monitor.yaml", {"hall": str(fight_clip)}, **options)
    done = _command(
        *("har-monitor", "--config", "monitor.yaml", "--headless", "--model", "m.onnx"),
        *("--threshold", 0),
        cwd=tmp_path,
    )
    assert "camera hall: ended: 142 frames, 2 windows, 2 alerts" in done.stderr
    lines = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    starts = {line["label"]: line["score"] for line in lines if line["event"] == "start"}
    first = scores_of(network, real_clips(TUTORIAL, fight_clip)[:1] / 255)[0]
    # The log has four decimals.
    assert starts == pytest.approx(dict(zip(LABELS[:2], first[:2], strict=True)), abs=1e-4)


def _har_export(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--labels", "walk,run,sit,stand"),
        ("--labels", "walk, run", "--labels", 'sit,"stand"'),
    ],
    ids=["once", "twice"],
)
def test_labels_are_given_in_the_order_of_the_scores(
    options: Sequence[str], tmp_path: Path
) -> None:
    path = saved(tiny(softmax(4)), tmp_path / "m.keras")
    more = ("--fps", "12.5", "--pixels", "-1..1", "--colours", "bgr", "--background", "sit")
    assert _har_export(path, tmp_path / "m.onnx", *options, *more) == (0, "")
    metadata = OnnxClassifier(tmp_path / "m.onnx").metadata
    assert (metadata.labels, metadata.background, metadata.fps) == (LABELS, ("sit",), 12.5)
