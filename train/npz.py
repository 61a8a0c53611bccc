"""Arrays with a few facts about them, in one .npz file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from export.atomic import replacing

Arrays = dict[str, NDArray[Any]]


def save_npz(path: Path, facts: Mapping[str, Any], arrays: Arrays) -> None:
    """Write `facts`, which JSON can hold, and `arrays`: whole, or not at all."""
    with replacing(path) as temporary:
        np.savez(temporary, **{"facts": np.array(json.dumps(facts)), **arrays})  # type: ignore[arg-type]


def load_npz(path: Path) -> tuple[dict[str, Any], Arrays] | None:
    """The facts and the arrays at `path`; None if there are none that can be read."""
    try:
        with np.load(path) as file:
            arrays: Arrays = dict(file)
    except (OSError, ValueError, EOFError, BadZipFile):
        return None
    facts: dict[str, Any] = json.loads(str(arrays.pop("facts")))
    return facts, arrays
