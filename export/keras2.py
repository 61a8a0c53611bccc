"""Files of Keras 2, which most tutorials use: loaded so that they give the same scores."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.errors import ModelError

if TYPE_CHECKING:
    import keras

CONFIG, VERSION = "model_config", "keras_version"  # attributes of an .h5 file
TIME_MAJOR = "time_major"  # of recurrent layers; false means batch first, which Keras 3 always has
# Keras 2 has clip(x / 5 + 1/2, 0, 1), by default in ConvLSTM2D; Keras 3 clip(x / 6 + 1/2, 0, 1).
HARD_SIGMOID = "hard_sigmoid"
STEEPER = 6 / 5
GATED = ("LSTM", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
GATES = (STEEPER, STEEPER, 1.0, STEEPER)  # input, forget, cell, output: all but the cell's are hard


def is_keras_2(path: Path) -> bool:
    """Whether a file says that Keras 2 wrote it."""
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                version = json.loads(archive.read("metadata.json"))[VERSION]
        else:
            version = _attribute(path, VERSION)
        return bool(version < "3")
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return False  # Keras will refuse it


@contextmanager
def loadable_by_keras_3(path: Path) -> Iterator[Path]:
    """`path`, or for an .h5 file a copy without the setting that Keras 3 refuses."""
    if path.suffix == ".keras":
        yield path
        return
    import h5py

    with TemporaryDirectory() as folder:
        copy = Path(shutil.copyfile(path, Path(folder) / path.name))
        config = json.loads(_attribute(path, CONFIG))
        with h5py.File(copy, "r+") as file:
            file.attrs[CONFIG] = json.dumps(_without_time_major(config))
        yield copy


def restore_keras_2(network: keras.Model) -> None:
    """Make a network that Keras 3 loaded compute as in Keras 2; ModelError if it cannot."""
    for layer in _layers(network):
        config, kind = layer.get_config(), type(layer).__name__
        if kind in GATED and config["recurrent_activation"] == HARD_SIGMOID:
            weights = layer.get_weights()
            by = np.repeat(np.array(GATES, np.float32), weights[0].shape[-1] // len(GATES))
            layer.set_weights([weight * by for weight in weights])
            del config["recurrent_activation"]
        if HARD_SIGMOID in config.values():
            raise ModelError(
                f"its layer {layer.name} has Keras 2's {HARD_SIGMOID}, which Keras 3 has only in "
                "the gates of LSTM and ConvLSTM"
            )


def _layers(layer: keras.Layer) -> Iterator[keras.Layer]:
    """A layer and the layers inside it, without the cells of recurrent layers."""
    yield layer
    wrapped = [getattr(layer, name, None) for name in ("layer", "forward_layer", "backward_layer")]
    for inner in (*getattr(layer, "layers", ()), *filter(None, wrapped)):
        yield from _layers(inner)


def _attribute(path: Path, name: str) -> str:
    import h5py

    with h5py.File(path) as file:
        text: str | bytes = file.attrs[name]
    return text.decode() if isinstance(text, bytes) else text


def _without_time_major(config: Any) -> Any:
    if isinstance(config, list):
        return [_without_time_major(part) for part in config]
    if not isinstance(config, dict):
        return config
    return {
        key: _without_time_major(value)
        for key, value in config.items()
        if key != TIME_MAJOR or value is not False
    }
