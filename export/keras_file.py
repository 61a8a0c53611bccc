"""Trained networks on disk: a .keras file with the metadata inside it."""

from __future__ import annotations

import os
import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from export.keras2 import is_keras_2, loadable_by_keras_3, restore_keras_2
from monitor.atomic import replacing
from monitor.errors import ModelError
from monitor.paths import describe_os_error, stat_or_none
from monitor.recognition.metadata import NOVELTY, OUTPUT, ModelMetadata, parse_metadata
from monitor.records import Outputs

if TYPE_CHECKING:
    import keras

MODEL_NAME = "model.keras"  # in the folder of a run
# In Keras' errors about custom code.
_OWN_CODE = re.compile(r"(?:Could not locate \w+|Unknown \w+):? '([^']+)'|`(Lambda)` layer")
# What Keras adds to the message of another error: a line before it, and bold type.
_FRAME = re.compile(r"\AException encountered .*\n|\x1b\[[0-9;]*m")
SAVED_MODEL = "saved_model.pb"  # in a folder that TensorFlow wrote
SUFFIXES = (".keras", ".h5", ".hdf5")
METADATA_MEMBER = "har_monitor.contract.json"  # beside Keras' own members of the archive


def load_model(path: Path) -> tuple[keras.Model, ModelMetadata]:
    """The network in `path`, not compiled, and its metadata; ModelError if they are not valid."""
    text = metadata_text(path)
    if text is None:
        raise ModelError(
            f"{path}: har-train did not make it, so there is no metadata in it; "
            f"har-export {path} NAME.onnx takes it with --labels and --fps"
        )
    metadata = parse_metadata(text, path)
    model = load_network(path)
    _check_fit(model, metadata, path)
    return model, metadata


def load_network(path: Path) -> keras.Model:
    """The network in a Keras file, not compiled; ModelError if it cannot be loaded.

    Keras' safe mode stays on: a file with custom code is refused.
    """
    _check_file(path)
    import keras

    old, what = is_keras_2(path), "load it"
    if old:
        what += ", for Keras 2 wrote it"
    if old and path.suffix == ".keras":
        what += "; model.save('NAME.h5') there gives a file that it can load"
    with keras_errors(path, what), loadable_by_keras_3(path) if old else nullcontext(path) as file:
        network = keras.saving.load_model(file, compile=False)
        if old:
            restore_keras_2(network)
    return network


def save_model(model: keras.Model, metadata: ModelMetadata, path: Path) -> None:
    """Write `model` and `metadata` as one .keras file, whole or not at all."""
    if path.suffix != ".keras":
        raise ValueError(f"{path}: the name of a Keras file ends with .keras")
    with replacing(path) as temporary:
        model.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(METADATA_MEMBER, metadata.model_dump_json(indent=2))


def write_metadata(path: Path, metadata: ModelMetadata) -> None:
    """Replace the metadata in a .keras file; the network stays as it is, to the byte."""
    with (
        replacing(path) as temporary,
        zipfile.ZipFile(path) as old,
        zipfile.ZipFile(temporary, "w") as new,
    ):
        for member in old.infolist():
            if member.filename != METADATA_MEMBER:
                new.writestr(member, old.read(member))
        new.writestr(METADATA_MEMBER, metadata.model_dump_json(indent=2))


@contextmanager
def keras_errors(path: Path, what: str) -> Iterator[None]:
    """Turn an error of Keras into a one-line ModelError: Keras cannot `what`."""
    try:
        yield
    except Exception as error:  # Keras raises whatever its parts raise
        raise ModelError(f"{path}: Keras cannot {what}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    text = _FRAME.sub("", str(error)).strip()
    if own := _OWN_CODE.search(text):
        return f"it needs code of its own, {own[1] or own[2]}, and none but Keras' own is run"
    return text.partition("\n")[0][:300] or type(error).__name__


def metadata_text(path: Path) -> str | None:
    """The metadata that har-train wrote into a Keras file; None for a file of other origin."""
    _check_file(path)
    if path.suffix != ".keras":
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(METADATA_MEMBER).decode()
    except KeyError:
        return None
    except (zipfile.BadZipFile, OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: its metadata cannot be read: {error}") from error


def _check_file(path: Path) -> None:
    """ModelError if `path` is no Keras file."""
    there = stat_or_none(path, lambda error: ModelError(describe_os_error(str(path), error)))
    if there is None:
        raise ModelError(f"{path}: no such file")
    if stat.S_ISDIR(there.st_mode):
        if os.path.isfile(path / MODEL_NAME):
            raise ModelError(f"{path}: a folder; the model in it is {path / MODEL_NAME}")
        if os.path.isfile(path / SAVED_MODEL):
            raise ModelError(
                f"{path}: a SavedModel, which Keras 3 does not load; save the network where it was "
                "made by model.save('NAME.keras')"
            )
        raise ModelError(f"{path}: a folder without a model in it")
    if path.suffix not in SUFFIXES or not stat.S_ISREG(there.st_mode):
        raise ModelError(f"{path}: not a .keras or .h5 file")
    if path.suffix == ".keras" and not zipfile.is_zipfile(path):
        import h5py

        other = "; it is HDF5: name it .h5" if h5py.is_hdf5(path) else ""
        raise ModelError(f"{path}: not a .keras file{other}")


def outputs_of(given: Any) -> Outputs:
    """What a network gave, with or without novelty."""
    if not isinstance(given, dict):
        return Outputs(np.asarray(given, np.float32), None)
    return Outputs(np.asarray(given[OUTPUT], np.float32), np.asarray(given[NOVELTY], np.float32))


def _check_fit(model: keras.Model, metadata: ModelMetadata, path: Path) -> None:
    """ModelError if the metadata names other clips or labels than the network has."""
    takes, shapes = model.input_shape, model.compute_output_shape(model.input_shape)
    clips, scores = (None, *metadata.network_clip.shape), (None, len(metadata.labels))
    tells = isinstance(shapes, dict) and set(shapes) == {OUTPUT, NOVELTY}
    gives = shapes[OUTPUT] if tells else shapes
    if takes != clips:
        raise ModelError(f"{path}: its metadata says clips of {clips}, its network takes {takes}")
    if gives != scores:
        raise ModelError(
            f"{path}: its metadata names {len(metadata.labels)} labels, its network gives {gives}"
        )
    if tells != (metadata.unknown is not None):
        has, given = ("no", "novelty") if tells else ("a", "none")
        raise ModelError(
            f"{path}: its metadata has {has} threshold for novelty, its network gives {given}"
        )
