"""Networks that har-train did not make and har-export cannot take, and wrong words about them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import pytest
from keras import Input, Model, Sequential, layers

from export.export import export_model
from export.keras_file import save_model
from export.options import NetworkDescription
from monitor.errors import ConfigError, ModelError, MonitorError
from testkit import DATA
from testkit.foreign import TINY, exported, saved, softmax, tiny
from testkit.models import metadata
from testkit.trained import SMALL, trained_like


def _wide() -> Model:
    return Sequential([Input((6, 16, 24, 3)), layers.Flatten(), softmax()])


def _channels_first() -> Model:
    return Sequential([Input((3, 6, 16, 16)), layers.Flatten(), softmax()])


def _of_any_length() -> Model:
    clip = Input((None, 16, 16, 3))
    return Model(clip, softmax()(layers.GlobalAveragePooling3D()(clip)))


def _pictures() -> Model:
    return Sequential([Input((16, 16, 3)), layers.Flatten(), softmax()])


def _two_inputs() -> Model:
    one, two = Input(TINY), Input(TINY)
    return Model([one, two], softmax()(layers.Flatten()(layers.Add()([one, two]))))


def _a_score_a_frame() -> Model:
    return Sequential([Input(TINY), layers.TimeDistributed(layers.Flatten()), softmax()])


def _two_outputs() -> Model:
    clip = Input(TINY)
    x = layers.Flatten()(clip)
    return Model(clip, [softmax()(x), softmax()(x)])


def _sigmoids() -> Model:
    return tiny(layers.Dense(2), layers.Rescaling(5.0, 3.0), layers.Activation("sigmoid"))


ALLOWED = "allowed: one clip (N, T, H, W, 3) with H = W, where only N may be None"
UNFIT: dict[str, tuple[Callable[[], Model], type[MonitorError], str]] = {
    "wide": (_wide, ModelError, f"its network takes (None, 6, 16, 24, 3); {ALLOWED}"),
    "channels first": (
        _channels_first,
        ModelError,
        f"its network takes (None, 3, 6, 16, 16); {ALLOWED}",
    ),
    "any length": (
        _of_any_length,
        ModelError,
        f"its network takes (None, None, 16, 16, 3); {ALLOWED}",
    ),
    "pictures": (_pictures, ModelError, f"its network takes (None, 16, 16, 3); {ALLOWED}"),
    "two inputs": (
        _two_inputs,
        ModelError,
        f"its network takes (None, 6, 16, 16, 3) and (None, 6, 16, 16, 3); {ALLOWED}",
    ),
    "a score a frame": (
        _a_score_a_frame,
        ModelError,
        "its network gives (None, 6, 2); allowed: (N, labels)",
    ),
    "two outputs": (
        _two_outputs,
        ModelError,
        "its network gives (None, 2) and (None, 2); allowed: (N, labels)",
    ),
    "other labels": (
        lambda: tiny(softmax(5)),
        ConfigError,
        "its network gives 5 labels, --labels names 2",
    ),
    "several labels at once": (_sigmoids, ConfigError, "do not sum to 1; allowed: softmax, "),
}


@pytest.mark.parametrize(("build", "kind", "message"), UNFIT.values(), ids=UNFIT)
def test_a_network_that_does_not_fit_is_refused_in_one_line(
    build: Callable[[], Model], kind: type[MonitorError], message: str, tmp_path: Path
) -> None:
    path = saved(build(), tmp_path / "m.keras")
    with pytest.raises(MonitorError) as caught:
        exported(path, NetworkDescription(("a", "b"), 5))
    assert type(caught.value) is kind
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]


WRONG: dict[str, tuple[NetworkDescription, str]] = {
    "one score, three labels": (
        NetworkDescription(("a", "b", "c"), 5),
        "its network gives the 2 labels of one score, --labels names 3",
    ),
    "a label twice": (
        NetworkDescription(("a", "a"), 5),
        "metadata: labels must differ from each other",
    ),
    "no rate": (NetworkDescription(("a", "b"), 0), "fps: Input should be greater than 0, found 0"),
    "no such background": (
        NetworkDescription(("a", "b"), 5, background=("c",)),
        "metadata: background names 'c'; labels here: a, b",
    ),
    "nothing that alerts": (
        NetworkDescription(("a", "b"), 5, background=("b", "a")),
        "metadata: every label is a background label: nothing could alert",
    ),
    "no label": (NetworkDescription(("a", "\x1b[31m"), 5), "labels.1: "),
}


@pytest.mark.parametrize(("described", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_description_is_a_usage_error(
    described: NetworkDescription, message: str, tmp_path: Path
) -> None:
    path = saved(tiny(layers.Dense(1, activation="sigmoid")), tmp_path / "m.keras")
    with pytest.raises(ConfigError) as caught:
        exported(path, described)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def test_scores_that_sum_to_1_are_no_logits(tmp_path: Path) -> None:
    path = saved(tiny(softmax()), tmp_path / "m.keras")
    with pytest.raises(ConfigError, match="its scores sum to 1, so they are no logits"):
        exported(path, NetworkDescription(("a", "b"), 5, logits=True))


def test_a_model_of_har_train_keeps_its_own_labels(tmp_path: Path) -> None:
    about = metadata(network="r2plus1d", frames=SMALL.frames, size=SMALL.size, fps=SMALL.fps)
    path = tmp_path / "m.keras"
    save_model(trained_like("r2plus1d"), about, path)
    with pytest.raises(ConfigError, match="har-train made it: its labels, its rate and the rest"):
        exported(path, NetworkDescription(("a", "b"), 5))


class Mine(layers.Layer):
    """A layer whose code is not in the file."""

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return x * 2


def _mine() -> Model:
    return Sequential([Input(TINY), Mine(), layers.Flatten(), softmax()])


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_no_code_of_a_file_is_run(suffix: str, tmp_path: Path) -> None:
    ran = tmp_path / "ran"

    def spy(x: keras.KerasTensor) -> keras.KerasTensor:
        ran.touch()
        return x

    touch = layers.Lambda(lambda x, f=spy: f(x))
    network = Sequential([Input(TINY), touch, layers.Flatten(), softmax()])
    for name, model, code in (("lambda", network, "Lambda"), ("layer", _mine(), "Mine")):
        path = tmp_path / f"{name}{suffix}"
        model.save(path)
        ran.unlink(missing_ok=True)
        with pytest.raises(ModelError) as caught:
            exported(path, NetworkDescription(("a", "b"), 5))
        assert str(caught.value) == (
            f"{path}: Keras cannot load it: it needs code of its own, {code}, and none but Keras' "
            "own is run"
        )
        assert not ran.exists()


@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`")
def test_what_keras_3_computes_otherwise_than_keras_2_is_refused(tmp_path: Path) -> None:
    path = Path(shutil.copy(DATA / "keras2.h5", tmp_path / "m.h5"))
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][-1]["config"]["activation"] = "hard_sigmoid"
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(ModelError) as caught:
        exported(path, NetworkDescription(("a", "b", "c"), 5))
    assert str(caught.value) == (
        f"{path}: Keras cannot load it, for Keras 2 wrote it: its layer dense has Keras 2's "
        "hard_sigmoid, which Keras 3 has only in the gates of LSTM and ConvLSTM"
    )


def test_a_keras_file_of_keras_2_is_refused_with_what_helps(tmp_path: Path) -> None:
    path = DATA / "keras2.keras"
    with pytest.raises(ModelError) as caught:
        export_model(path, tmp_path / "m.onnx", description=NetworkDescription(("a", "b", "c"), 5))
    assert str(caught.value).startswith(
        f"{path}: Keras cannot load it, for Keras 2 wrote it; model.save('NAME.h5') there gives a "
        "file that it can load: "
    )
