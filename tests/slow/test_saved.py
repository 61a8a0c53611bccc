import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from export.keras_file import METADATA_MEMBER, load_model, save_model
from monitor.errors import ModelError, MonitorError
from testkit.models import metadata
from testkit.trained import SMALL, random_clips, trained_like

ABOUT = metadata(network="r2plus1d", frames=SMALL.frames, size=SMALL.size, fps=SMALL.fps)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return trained_like("r2plus1d")


def test_a_saved_model_loads_with_the_same_scores_and_metadata(
    network: keras.Model, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    save_model(network, ABOUT, path)

    loaded, about = load_model(path)

    assert about == ABOUT
    clips = random_clips(2)
    np.testing.assert_array_equal(loaded(clips, training=False), network(clips, training=False))
    assert list(tmp_path.iterdir()) == [path]


def test_keras_alone_reads_a_saved_model(network: keras.Model, tmp_path: Path) -> None:
    save_model(network, ABOUT, tmp_path / "model.keras")

    assert keras.saving.load_model(tmp_path / "model.keras").count_params() == 125_122


def test_a_save_that_fails_leaves_no_file_and_keeps_the_older_one(
    network: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.keras"
    path.write_text("older")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(MonitorError, match=r"cannot write .*model\.keras: No space left on device"):
        save_model(network, ABOUT, path)

    assert [file.read_text() for file in tmp_path.iterdir()] == ["older"]


def test_a_model_is_saved_under_a_keras_name_only(network: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends with \.keras"):
        save_model(network, ABOUT, tmp_path / "model.h5")


def _nothing(path: Path) -> None:
    """Leave no file there."""


def _text(path: Path) -> None:
    path.write_text("hello")


def _no_metadata(path: Path) -> None:
    trained_like("r2plus1d").save(path)


def _torn_metadata(path: Path) -> None:
    trained_like("r2plus1d").save(path)
    _add(path, "{")


def _three_labels(path: Path) -> None:
    save_model(trained_like("r2plus1d", labels=3), ABOUT, path)


def _longer_clips(path: Path) -> None:
    save_model(trained_like("r2plus1d"), ABOUT.model_copy(update={"frames": 20}), path)


def _own_code(path: Path) -> None:
    clip = keras.Input(SMALL.shape, dtype="uint8", name="clip")
    keras.Model(clip, keras.layers.Lambda(lambda x: x)(clip)).save(path)
    _add(path, ABOUT.model_dump_json())


def _no_network(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(METADATA_MEMBER, ABOUT.model_dump_json())


def _add(path: Path, text: str) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(METADATA_MEMBER, text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(_nothing, "no such file", id="missing"),
        pytest.param(_text, "not a .keras file", id="text"),
        pytest.param(
            _no_metadata,
            "har-train did not make it, so there is no metadata in it; har-export ",
            id="no metadata",
        ),
        pytest.param(_torn_metadata, "its metadata does not hold: ", id="torn metadata"),
        pytest.param(
            _three_labels,
            "its metadata names 2 labels, its network gives (None, 3)",
            id="other labels",
        ),
        pytest.param(
            _longer_clips,
            "its metadata says clips of (None, 20, 64, 64, 3), "
            "its network takes (None, 6, 64, 64, 3)",
            id="other clips",
        ),
        pytest.param(_own_code, "Keras cannot load it: ", id="code of its own"),
        pytest.param(_no_network, "Keras cannot load it: ", id="no network"),
    ],
)
def test_a_file_that_is_no_model_is_refused_in_one_line(
    make: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    make(path)

    with pytest.raises(ModelError) as caught:
        load_model(path)

    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)
