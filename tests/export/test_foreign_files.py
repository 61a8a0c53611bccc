"""What har-export and har-monitor say about unusable files, without TensorFlow."""

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from export.cli import app
from export.keras_file import load_model
from export.options import parse_labels
from monitor.errors import ConfigError, ModelError
from monitor.recognition.classifier import OnnxClassifier

TAKES = "har-export {path} NAME.onnx takes it with --labels and --fps"
MAKES = (
    "har-export {path} NAME.onnx makes an ONNX file of it, "
    "with --labels and --fps if har-train did not make it"
)


def _keras(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")


def _text(path: Path) -> None:
    path.write_text("hello")


def _hdf5(path: Path) -> None:
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))


def _folder(*files: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.mkdir()
        for file in files:
            (path / file).touch()

    return make


FILES: dict[str, tuple[str, Callable[[Path], None], str, str]] = {
    "Keras": (
        "m.keras",
        _keras,
        f"har-train did not make it, so there is no metadata in it; {TAKES}",
        f"a Keras model; {MAKES}",
    ),
    "HDF5": (
        "m.h5",
        _hdf5,
        f"har-train did not make it, so there is no metadata in it; {TAKES}",
        f"a Keras model; {MAKES}",
    ),
    "HDF5 under the other name": (
        "m.keras",
        _hdf5,
        "not a .keras file; it is HDF5: name it .h5",
        f"a Keras model; {MAKES}",
    ),
    "a text": ("m.keras", _text, "not a .keras file", f"a Keras model; {MAKES}"),
    "another kind": (
        "m.pt",
        _text,
        "not a .keras or .h5 file",
        "not an ONNX model that can be run: ",
    ),
    "a SavedModel": (
        "saved",
        _folder("saved_model.pb"),
        "a SavedModel, which Keras 3 does not load; save the network where it was made by "
        "model.save('NAME.keras')",
        f"a SavedModel of TensorFlow; save the network as NAME.keras; {MAKES}".replace(
            "{path}", "NAME.keras"
        ),
    ),
    "a run": (
        "run",
        _folder("model.keras"),
        "a folder; the model in it is {path}/model.keras",
        "not a file",
    ),
    "any folder": ("folder", _folder("a.txt"), "a folder without a model in it", "not a file"),
}


@pytest.mark.parametrize(("name", "make", "by_export", "by_monitor"), FILES.values(), ids=FILES)
def test_a_file_that_is_no_usable_model_is_an_error_with_advice(
    name: str, make: Callable[[Path], None], by_export: str, by_monitor: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    make(path)
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert str(caught.value) == f"{path}: {by_export.format(path=path)}"
    with pytest.raises(ModelError) as caught:
        OnnxClassifier(path)
    assert str(caught.value).startswith(f"{path}: {by_monitor.format(path=path)}")


@pytest.mark.parametrize(
    "options",
    [
        ("--labels", "a,b"),
        ("--fps", "10"),
        ("--background", "a"),
        ("--pixels", "0..1"),
        ("--colours", "rgb"),
        ("--logits",),
    ],
    ids=lambda options: options[0],
)
def test_labels_and_rate_must_be_given_together(options: Sequence[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["m.keras", str(tmp_path / "m.onnx"), *options])
    assert (done.exit_code, done.stderr) == (
        2,
        "error: a network that har-train did not make needs both --labels and --fps\n",
    )


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        (["a,b,c"], ("a", "b", "c")),
        (["a, b", "c "], ("a", "b", "c")),
        (['sit,"talk to (a, b)"'], ("sit", "talk to (a, b)")),
        (["a,,b,"], ("a", "", "b", "")),  # for the metadata to refuse
    ],
    ids=["one line", "two", "a comma in a label", "an empty one"],
)
def test_labels_are_separated_by_commas(given: list[str], labels: tuple[str, ...]) -> None:
    assert parse_labels(given) == labels


def test_labels_that_cannot_be_parsed_are_a_usage_error() -> None:
    with pytest.raises(ConfigError, match=r"^--labels: new-line character seen"):
        parse_labels(["a\rb"])
