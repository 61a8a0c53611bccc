"""The state of an unfinished fit on disk, so that a killed run can resume."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from monitor.atomic import make_folder, replacing

Arrays = dict[str, NDArray[Any]]
Weights = list[NDArray[np.generic]]


@dataclass(frozen=True)
class FitState:
    """The state of a fit after an epoch."""

    fingerprint: str  # of recipe and data; a state fits no others
    history: dict[str, list[float]]  # a value per epoch
    best_epoch: int  # counted from 0; -1 before the first
    best: Weights
    model: Weights
    optimizer: Weights

    @property
    def epochs(self) -> int:
        """The number of finished epochs."""
        return len(self.history.get("loss", ()))


def save_state(path: Path, state: FitState) -> None:
    """Write the state; a kill leaves the old file or the new one, never a partial one."""
    make_folder(path.parent)
    facts = {
        "fingerprint": state.fingerprint,
        "history": state.history,
        "best_epoch": state.best_epoch,
    }
    arrays: dict[str, NDArray[np.generic]] = {}
    for name in ("best", "model", "optimizer"):
        weights: Weights = getattr(state, name)
        arrays |= {f"{name}{index}": value for index, value in enumerate(weights)}
    save_npz(path, facts, arrays)


def load_state(path: Path) -> FitState | None:
    """The state at `path`; None if there is none that can be read."""
    found = load_npz(path)
    if found is None:
        return None
    facts, arrays = found
    return FitState(
        fingerprint=facts["fingerprint"],
        history=facts["history"],
        best_epoch=facts["best_epoch"],
        best=_numbered(arrays, "best"),
        model=_numbered(arrays, "model"),
        optimizer=_numbered(arrays, "optimizer"),
    )


def _numbered(arrays: dict[str, NDArray[np.generic]], name: str) -> Weights:
    found: Sequence[str] = [key for key in arrays if key.removeprefix(name).isdecimal()]
    return [arrays[f"{name}{index}"] for index in range(len(found))]


def save_npz(path: Path, facts: Mapping[str, Any], arrays: Arrays) -> None:
    """Write `facts` (as JSON) and `arrays` into one .npz file, whole or not at all."""
    with replacing(path) as temporary:
        np.savez(temporary, **{"facts": np.array(json.dumps(facts)), **arrays})  # type: ignore[arg-type]


def load_npz(path: Path) -> tuple[dict[str, Any], Arrays] | None:
    """The facts and arrays at `path`; None if the file is missing or cannot be read."""
    try:
        with np.load(path) as file:
            arrays: Arrays = dict(file)
    except (OSError, ValueError, EOFError, BadZipFile):
        return None
    facts: dict[str, Any] = json.loads(str(arrays.pop("facts")))
    return facts, arrays
