"""The fused engine gives what Keras gives, or says what it does not know."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from keras import layers, ops
from typer.testing import CliRunner

from export import fused_route, tf2onnx_route
from export.cli import app
from export.fused.activation import ACTIVATIONS
from export.fused.layer import NotFused
from export.keras_file import save_model
from export.verify import real_clips, synthetic_clips
from monitor.recognition.metadata import INPUT, METADATA_KEY, OUTPUT, ModelMetadata, parse_metadata
from monitor.recognition.runtime import onnx_runtime
from monitor.windows.clip import ClipSpec
from testkit.models import metadata
from testkit.trained import SMALL, give_weights, random_clips, trained_like
from train.networks.architectures import NETWORKS

TINY = ClipSpec(frames=5, size=12, fps=10.0)
Tensor = keras.KerasTensor
Part = Callable[[Tensor], Tensor]


def about(spec: ClipSpec, **fields: object) -> ModelMetadata:
    return metadata(frames=spec.frames, size=spec.size, fps=spec.fps, **fields)


def network(part: Part, spec: ClipSpec = TINY, scale: float = 1 / 255) -> keras.Model:
    """A network of two labels around `part`, which takes pixels (N, T, H, W, 3), with weights."""
    clip = keras.Input(spec.shape, dtype="uint8", name=INPUT)
    features = layers.Flatten()(part(layers.Rescaling(scale)(clip)))
    # Squeezed, so that scores say something of features of any size.
    scores = layers.Dense(2, activation="softmax", name=OUTPUT)(layers.Activation("tanh")(features))
    return give_weights(keras.Model(clip, scores))


def by_onnx(proto: onnx.ModelProto, clips: np.ndarray) -> np.ndarray:
    """(M, labels): one clip after the other."""
    ort = onnx_runtime()
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(proto.SerializeToString(), options)
    return np.concatenate([session.run([OUTPUT], {INPUT: clip[None]})[0] for clip in clips])


def assert_agrees(model: keras.Model, spec: ClipSpec = TINY, opset: int = 17) -> onnx.ModelProto:
    """What is written of `model` is valid, and gives its scores; they vary from clip to clip."""
    proto = fused_route.convert(model, about(spec), opset)
    onnx.checker.check_model(proto, full_check=True)
    clips = synthetic_clips(spec)
    expected = np.asarray(model(clips, training=False))
    assert np.ptp(expected, axis=0).max() > 1e-4
    np.testing.assert_allclose(by_onnx(proto, clips), expected, atol=1e-5)
    return proto


def kinds(proto: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in proto.graph.node]


def every_frame(layer: keras.Layer) -> Part:
    return layers.TimeDistributed(layer)


def chain(*parts: Part) -> Part:
    def apply(x: Tensor) -> Tensor:
        for part in parts:
            x = part(x)
        return x

    return apply


def convlstm(**settings: object) -> Part:
    values = {"filters": 3, "kernel_size": 3, "return_sequences": True} | settings
    return layers.ConvLSTM2D(**values)


CONVLSTMS = {
    "as it is by default": {},
    "padding same": {"padding": "same"},
    "padding same, an even kernel": {"padding": "same", "kernel_size": (2, 4)},
    "an even kernel": {"kernel_size": (4, 2)},
    "strides": {"strides": (2, 3)},
    "strides, padding same": {"strides": (2, 1), "padding": "same"},
    "dilated": {"dilation_rate": 2},
    "the last step only": {"return_sequences": False},
    "without bias": {"use_bias": False},
    "hard sigmoid": {"recurrent_activation": "hard_sigmoid"},
    "relu and softsign": {"activation": "relu", "recurrent_activation": "softsign"},
    "dropout in training": {"dropout": 0.5, "recurrent_dropout": 0.5},
    "unrolled": {"unroll": True},
}


@pytest.mark.parametrize("settings", CONVLSTMS.values(), ids=CONVLSTMS)
def test_a_convlstm_is_written_as_its_configuration_says(settings: dict[str, object]) -> None:
    assert_agrees(network(convlstm(**settings)))


def test_a_convlstm_on_what_another_gives_agrees() -> None:
    pool = layers.MaxPooling3D((1, 2, 2), padding="same")
    assert_agrees(network(chain(convlstm(), pool, layers.BatchNormalization(), convlstm())))


@pytest.mark.parametrize("name", ["linear", *ACTIVATIONS])
def test_every_activation_is_that_of_keras(name: str) -> None:
    conv = every_frame(layers.Conv2D(4, 3, activation=name))
    assert_agrees(network(chain(conv, layers.Dense(3, activation=name), layers.Activation(name))))


CONVOLUTIONS: dict[str, Callable[[], keras.Layer]] = {
    "padding valid": lambda: layers.Conv2D(4, 3),
    "padding same": lambda: layers.Conv2D(4, 3, padding="same"),
    "strides, padding same": lambda: layers.Conv2D(4, 3, (2, 3), padding="same"),
    "strides, padding valid": lambda: layers.Conv2D(4, (2, 3), (3, 2)),
    "dilated": lambda: layers.Conv2D(4, 3, dilation_rate=2, padding="same"),
    "grouped": lambda: layers.Conv2D(6, 3, groups=3),
    "without bias": lambda: layers.Conv2D(4, 3, use_bias=False),
    "depthwise": lambda: layers.DepthwiseConv2D(3, padding="same"),
    "depthwise, strides": lambda: layers.DepthwiseConv2D(3, 2, depth_multiplier=2),
}
# What the picture is scaled by before: an offset is hard beside zeros that are added at borders.
SCALES = {
    "scaled": {"scale": 1 / 255},
    "zero is a whole number": {"scale": 1 / 128, "offset": -127 / 128},
    "zero is no whole number": {"scale": 1 / 127.5, "offset": -1},
    "zero is no pixel": {"scale": 1 / 255, "offset": 1},
    "one scale a channel": {"scale": [0.01, 0.02, 0.03], "offset": [-1, 0, 1]},
}


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
@pytest.mark.parametrize("make", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_a_convolution_is_written_as_its_configuration_says(
    make: Callable[[], keras.Layer], scale: dict[str, object]
) -> None:
    assert_agrees(network(chain(layers.Rescaling(**scale), every_frame(make())), scale=1))


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_a_scaled_convlstm_agrees(scale: dict[str, object]) -> None:
    assert_agrees(network(chain(layers.Rescaling(**scale), convlstm(padding="same")), scale=1))


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [(1, 1, 1), (2, 1, 2), (3, 2, 1)], ids=str)
@pytest.mark.parametrize("kernel", [(1, 3, 3), (3, 1, 1), (2, 3, 2)], ids=str)
def test_a_convolution_in_time_agrees(
    kernel: tuple[int, ...], strides: tuple[int, ...], padding: str
) -> None:
    conv = layers.Conv3D(4, kernel, strides, padding=padding)
    assert_agrees(network(chain(conv, layers.BatchNormalization(), layers.ReLU())))


def _adapted() -> keras.Layer:
    layer = layers.Normalization()
    layer.adapt(
        np.random.default_rng(3).normal([0.1, 0.5, 0.7], [0.1, 0.2, 0.3], (9, 5, 12, 12, 3))
    )
    return layer


PARTS: dict[str, Callable[[], Part]] = {
    "MaxPooling2D": lambda: every_frame(layers.MaxPooling2D(2)),
    "MaxPooling2D same": lambda: every_frame(layers.MaxPooling2D(3, 2, padding="same")),
    "AveragePooling2D same": lambda: every_frame(layers.AveragePooling2D(3, 2, padding="same")),
    "MaxPooling3D": lambda: layers.MaxPooling3D((2, 3, 3), (1, 2, 2)),
    "MaxPooling3D, strides in time": lambda: layers.MaxPooling3D((1, 2, 2), (2, 2, 2)),
    "AveragePooling3D": lambda: layers.AveragePooling3D((2, 2, 2)),
    "AveragePooling3D of all frames": lambda: layers.AveragePooling3D((5, 1, 1)),
    "GlobalMaxPooling3D": lambda: layers.GlobalMaxPooling3D(),
    "GlobalAveragePooling3D": lambda: layers.GlobalAveragePooling3D(keepdims=True),
    "GlobalMaxPooling2D": lambda: every_frame(layers.GlobalMaxPooling2D()),
    "GlobalAveragePooling2D": lambda: every_frame(layers.GlobalAveragePooling2D()),
    "Cropping": lambda: layers.Cropping3D(((1, 2), (0, 3), (4, 0))),
    "ZeroPadding": lambda: layers.ZeroPadding3D(((1, 2), (0, 3), (4, 0))),
    "ZeroPadding2D, Cropping2D": lambda: chain(
        every_frame(layers.ZeroPadding2D(((0, 1), (2, 0)))),
        every_frame(layers.Cropping2D(((3, 0), (0, 1)))),
    ),
    "LSTM": lambda: chain(every_frame(layers.Flatten()), layers.LSTM(6)),
    "LSTM, every step": lambda: chain(
        every_frame(layers.Flatten()),
        layers.LSTM(6, return_sequences=True, activation="relu", use_bias=False),
        layers.LSTM(4, recurrent_activation="tanh"),
    ),
    "Dense on frames": lambda: chain(every_frame(layers.Flatten()), every_frame(layers.Dense(3))),
    "Normalization": lambda: layers.Normalization(mean=[0.5, 0.4, 0.3], variance=[0.1, 0.3, 0.2]),
    "Normalization by what it saw": _adapted,
    "Normalization by one number": lambda: layers.Normalization(None, 0.5, 0.1),
    "BatchNormalization of pixels": lambda: layers.BatchNormalization(scale=False, center=False),
    "BatchNormalization before Dense": lambda: chain(layers.BatchNormalization(), layers.Dense(4)),
    "LeakyReLU": lambda: chain(layers.Dense(4), layers.LeakyReLU(negative_slope=0.1)),
    "ReLU with a limit": lambda: chain(layers.Dense(4), layers.ReLU(0.5)),
    "Softmax": lambda: chain(layers.Dense(4), layers.Softmax()),
    "Reshape": lambda: chain(layers.Reshape((5, -1, 24, 3)), every_frame(layers.Conv2D(3, 3))),
    "Dropout": lambda: chain(layers.Dropout(0.5), layers.GaussianNoise(0.5)),
    "a network on every frame": lambda: every_frame(
        keras.Sequential([layers.Conv2D(4, 3), layers.ReLU(), layers.GlobalAveragePooling2D()])
    ),
    "merging": lambda: (
        lambda x: layers.Add()(
            [
                layers.Multiply()([x, x]),
                layers.Maximum()([x, layers.Subtract()([layers.Dense(3)(x), x])]),
                layers.Minimum()([x, layers.Dense(3)(x)]),
            ]
        )
    ),
    "joining frames, rows and channels": lambda: (
        lambda x: layers.Concatenate(axis=2)(
            [layers.Concatenate()([x, x]), layers.Concatenate(axis=-1)([layers.Dense(3)(x), x])]
        )
    ),
    "a layer called twice": lambda: (
        lambda x: (lambda dense: dense(ops.tanh(dense(x))))(layers.Dense(3))
    ),
    "a network called twice": lambda: (
        lambda x: (lambda inner: inner(ops.tanh(inner(x))))(
            (lambda clip: keras.Model(clip, layers.Dense(3)(clip)))(keras.Input(TINY.shape))
        )
    ),
    "operations": lambda: (
        lambda x: (
            ops.log(ops.exp(-x) + 1) * ops.sqrt(ops.square(x) + 0.1)
            - 2 * ops.absolute(x)
            + ops.relu(x) / (1 + ops.sigmoid(x))
            + ops.maximum(x, 0.3)
            + ops.minimum(0.7, ops.tanh(x))
        )
    ),
    "comparisons": lambda: (
        lambda x: sum(
            (
                ops.cast(test(x, ops.mean(x, axis=(1, 2, 3), keepdims=True)), "float32")
                for test in (ops.less, ops.greater_equal, ops.greater, ops.less_equal)
            ),
            x,
        )
    ),
    "reductions": lambda: (
        lambda x: layers.Concatenate()(
            [
                ops.max(x, axis=(1, 2, 3)),
                ops.min(x, axis=[2, -2, 1]),
                ops.reshape(ops.mean(x, axis=1), (-1, 12 * 12 * 3)),
                layers.Flatten()(ops.max(ops.mean(x, axis=-1), axis=2)),
            ]
        )
    ),
    "rows": lambda: chain(
        every_frame(layers.Flatten()),
        every_frame(layers.Dense(4, activation="tanh")),
        lambda x: layers.Concatenate(axis=1)(
            [layers.MaxPooling1D(2)(x), layers.AveragePooling1D(3, 1)(layers.Cropping1D((1, 0))(x))]
        ),
        lambda x: ops.squeeze(ops.sum(x, axis=1, keepdims=True), axis=1),
    ),
    "constants, split": lambda: (
        lambda x: (lambda parts: parts[0] * parts[2] - parts[1])(
            ops.split(x * np.linspace(0, 1, 36).reshape(12, 1, 3).astype(np.float32), 3, axis=-1)
        )
    ),
    "split at places": lambda: (
        lambda x: (lambda parts: layers.Concatenate(axis=1)([parts[2], parts[0] * 2, parts[1]]))(
            ops.split(x, [1, 3], axis=1)
        )
    ),
    "the highest": lambda: lambda x: ops.top_k(ops.max(x, axis=(2, 3, 4)), 3)[0][:, 1:],
    "a part of a clip": lambda: lambda x: x[:, 1:4:2, 2:, :-3],
}


@pytest.mark.parametrize("make", PARTS.values(), ids=PARTS)
def test_a_part_gives_what_keras_gives(make: Callable[[], Part]) -> None:
    assert_agrees(network(make()))


@pytest.mark.parametrize("opset", [15, 18])
def test_the_oldest_and_the_newest_opset_agree(opset: int) -> None:
    pool = layers.GlobalMaxPooling3D()
    proto = assert_agrees(network(chain(convlstm(), pool)), opset=opset)
    assert proto.opset_import[0].version == opset


def test_normalisation_and_scaling_cost_nothing() -> None:
    conv = every_frame(layers.Conv2D(4, 3, padding="same", use_bias=False))
    part = chain(conv, layers.BatchNormalization(), layers.ReLU(), layers.BatchNormalization())
    proto = assert_agrees(network(chain(part, every_frame(layers.Conv2D(2, 3)))))

    assert not {"Mul", "Add", "Sub", "Div", "BatchNormalization"} & set(kinds(proto))
    assert kinds(proto).count("Conv") == 2


def test_a_convolution_that_others_see_too_is_not_changed_by_normalisation() -> None:
    def part(x: Tensor) -> Tensor:
        x = every_frame(layers.Conv2D(4, 3))(x)
        return layers.Concatenate()([x, layers.BatchNormalization()(x)])

    assert_agrees(network(part))


def test_a_convlstm_takes_two_convolutions_a_step_and_one_in_the_first() -> None:
    proto = assert_agrees(network(convlstm()))

    assert kinds(proto).count("Conv") == 2 * TINY.frames - 1
    assert not {"Loop", "Scan", "If"} & set(kinds(proto))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_agrees_with_keras_and_with_tf2onnx(
    name: str, fight_clip: Path, nofight_clip: Path
) -> None:
    model = trained_like(name)
    videos = [real_clips(SMALL, video) for video in (fight_clip, nofight_clip)]
    clips = np.concatenate([*videos, random_clips(2), synthetic_clips(SMALL)])
    fused = by_onnx(fused_route.convert(model, about(SMALL)), clips)

    other = by_onnx(tf2onnx_route.convert(model, about(SMALL)), clips)

    np.testing.assert_allclose(fused, model(clips, training=False), atol=1e-5)
    np.testing.assert_allclose(fused, other, atol=1e-5)


def test_the_file_carries_the_metadata_and_says_what_made_it() -> None:
    proto = fused_route.convert(trained_like("convlstm"), about(SMALL, network="convlstm"))

    (entry,) = proto.metadata_props
    assert entry.key == METADATA_KEY
    assert parse_metadata(entry.value, Path("m")) == about(SMALL, network="convlstm")
    assert proto.producer_name == "har-export fused"


@keras.saving.register_keras_serializable("tests")
class Dense(layers.Dense):
    """A layer of the user's own, called like one of Keras'."""


REFUSED: dict[str, tuple[Callable[[], Part], str]] = {
    "an unknown layer": (
        lambda: layers.LayerNormalization(name="norm"),
        "LayerNormalization 'norm': not known",
    ),
    "an unknown operation": (lambda: ops.sin, "Sin 'sin': not known"),
    "a layer of one's own": (lambda: Dense(3, name="mine"), "Dense 'mine': not known"),
    "an unknown layer on every frame": (
        lambda: every_frame(layers.Conv2DTranspose(2, 3, name="up")),
        "Conv2DTranspose 'up': not known",
    ),
    "an unknown activation": (
        lambda: convlstm(name="c", recurrent_activation="gelu"),
        "ConvLSTM2D 'c': recurrent_activation is 'gelu'; allowed: 'linear', 'elu', "
        "'exponential', 'hard_sigmoid', 'relu', 'selu', 'sigmoid', 'softmax', 'softplus', "
        "'softsign', 'tanh'",
    ),
    "backwards": (
        lambda: convlstm(name="c", go_backwards=True),
        "ConvLSTM2D 'c': go_backwards is True; allowed: False",
    ),
    "LSTM backwards": (
        lambda: chain(every_frame(layers.Flatten()), layers.LSTM(2, name="l", go_backwards=True)),
        "LSTM 'l': go_backwards is True; allowed: False",
    ),
    "the states too": (
        lambda: lambda x: convlstm(name="c", return_state=True)(x)[0],
        "ConvLSTM2D 'c': return_state is True; allowed: False",
    ),
    "a first state": (
        lambda: (
            lambda x: convlstm(name="c", padding="same")(
                x, initial_state=[layers.Dense(3)(ops.max(x, axis=1))] * 2
            )
        ),
        "Functional 'model': calls 'c' with initial_state; allowed: nothing but values",
    ),
    "half precision": (
        lambda: layers.Dense(3, name="d", dtype="mixed_float16"),
        "Dense 'd': calculates in float16; allowed: float32",
    ),
    "dropout in use": (
        lambda: lambda x: layers.Dropout(0.5, name="d")(x, training=True),
        "Functional 'model': calls 'd' with training; allowed: nothing but values",
    ),
    "padding in time": (
        lambda: layers.MaxPooling3D(2, padding="same", name="p"),
        "MaxPooling3D 'p': padding in time; allowed: none",
    ),
    "the batch": (lambda: lambda x: x + ops.mean(x), "axis includes the batch"),
    "another axis": (
        lambda: layers.BatchNormalization(axis=1, name="b"),
        "BatchNormalization 'b': axis is 1; allowed: -1, 4, [-1], [4]",
    ),
}


@pytest.mark.parametrize(("make", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_known_is_refused_with_its_reason(
    make: Callable[[], Part], reason: str
) -> None:
    clip = keras.Input(TINY.shape, dtype="uint8", name=INPUT)
    features = layers.Flatten()(make()(layers.Rescaling(1 / 255)(clip)))
    model = keras.Model(clip, layers.Dense(2, name=OUTPUT)(features), name="model")

    with pytest.raises(NotFused) as caught:
        fused_route.convert(model, about(TINY))

    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_stateful_layer_is_refused() -> None:
    layer = layers.ConvLSTM2D(3, 3, name="c", stateful=True)
    clip = keras.Input(TINY.shape, batch_size=1, dtype="uint8", name=INPUT)
    features = layers.Flatten()(layer(layers.Rescaling(1 / 255)(clip)))

    with pytest.raises(NotFused, match="ConvLSTM2D 'c': stateful is True; allowed: False"):
        fused_route.convert(keras.Model(clip, layers.Dense(2)(features)), about(TINY))


def test_a_setting_that_nobody_reads_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(layers.Dense(3, name="d"))
    config = layers.Dense.get_config
    monkeypatch.setattr(layers.Dense, "get_config", lambda self: config(self) | {"future": 1})

    with pytest.raises(NotFused, match=r"Dense 'd': the setting future = 1 is not known"):
        fused_route.convert(model, about(TINY))


@pytest.fixture
def unknown(tmp_path: Path) -> Path:
    """A saved network that the fused engine does not know."""
    path = tmp_path / "model.keras"
    norm = layers.LayerNormalization(name="norm")
    save_model(network(chain(norm, layers.GlobalMaxPooling3D())), about(TINY), path)
    return path


def test_a_network_that_is_not_known_is_converted_by_tf2onnx_and_a_line_says_so(
    unknown: Path, tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, [str(unknown), str(tmp_path / "m.onnx")])

    assert (done.exit_code, done.stderr) == (0, "")
    why, what = done.stdout.splitlines()
    assert why == "not fused, by tf2onnx: LayerNormalization 'norm': not known"
    assert ", opset 17, tf2onnx, " in what
    assert onnx.load(tmp_path / "m.onnx").producer_name == "tf2onnx"


def test_the_fused_engine_that_was_asked_for_is_not_replaced(unknown: Path, tmp_path: Path) -> None:
    target = tmp_path / "m.onnx"
    done = CliRunner().invoke(app, [str(unknown), str(target), "--engine", "fused"])

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "error: not fused: LayerNormalization 'norm': not known\n"
    assert not target.exists()
