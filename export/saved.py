"""Reading a trained network and the contract inside its .keras file."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.contract import NOVELTY, OUTPUT, Contract, parse_contract
from monitor.errors import ModelError

if TYPE_CHECKING:
    import keras

MODEL_NAME = "model.keras"  # in the folder of a run
CONTRACT_MEMBER = "har_monitor.contract.json"  # beside Keras' own members of the archive


def load_model(path: Path) -> tuple[keras.Model, Contract]:
    """The network in `path`, not compiled, and its contract; a ModelError when they do not hold.

    Keras' safe mode stays on: a file that brings its own code is refused.
    """
    contract = _read_contract(path)
    import keras

    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever its parts raise
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(
            f"{path}: Keras cannot load it: {reason or type(error).__name__}"
        ) from error
    _check_fit(model, contract, path)
    return model, contract


def _read_contract(path: Path) -> Contract:
    if path.is_dir():
        raise ModelError(f"{path}: a folder; the model in it is {path / MODEL_NAME}")
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ModelError(f"{path}: not a .keras file")
    try:
        with zipfile.ZipFile(path) as archive:
            text = archive.read(CONTRACT_MEMBER).decode()
    except KeyError:
        raise ModelError(f"{path}: no contract in it; only models of har-train have one") from None
    except (zipfile.BadZipFile, OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: its contract cannot be read: {error}") from error
    return parse_contract(text, path)


def _check_fit(model: keras.Model, contract: Contract, path: Path) -> None:
    """A ModelError when the contract names other clips or labels than the network has."""
    takes, shapes = model.input_shape, model.compute_output_shape(model.input_shape)
    clips, scores = (None, *contract.clip.shape), (None, len(contract.labels))
    tells = isinstance(shapes, dict) and set(shapes) == {OUTPUT, NOVELTY}
    gives = shapes[OUTPUT] if tells else shapes
    if takes != clips:
        raise ModelError(f"{path}: its contract says clips of {clips}, its network takes {takes}")
    if gives != scores:
        raise ModelError(
            f"{path}: its contract names {len(contract.labels)} labels, its network gives {gives}"
        )
    if tells != (contract.unknown is not None):
        has, given = ("no", "novelty") if tells else ("a", "none")
        raise ModelError(
            f"{path}: its contract has {has} threshold for novelty, its network gives {given}"
        )
