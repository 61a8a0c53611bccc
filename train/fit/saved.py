"""Trained networks on disk: a .keras file with the contract inside it.

Reading lives in `export.saved`, because har-export reads what har-train wrote and must not import
`train`; it is offered here beside its counterpart.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from export.atomic import replacing
from export.saved import CONTRACT_MEMBER, load_model
from monitor.recognition.metadata import Contract

if TYPE_CHECKING:
    import keras

__all__ = ["load_model", "save_model"]


def save_model(model: keras.Model, contract: Contract, path: Path) -> None:
    """Write `model` and `contract` as one .keras file, whole or not at all."""
    if path.suffix != ".keras":
        raise ValueError(f"{path}: the name of a Keras file ends with .keras")
    with replacing(path) as temporary:
        model.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(CONTRACT_MEMBER, contract.model_dump_json(indent=2))
