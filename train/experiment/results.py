"""The results of finished fits on disk, so that a rerun does not fit again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.evaluate.scores import Scored
from train.fit.checkpoint import load_npz, save_npz

History = dict[str, list[float]]


@dataclass(frozen=True)
class FitResult:
    """The history of one fitted network, and its scores of the test clips."""

    fingerprint: str  # of recipe, data and split
    history: History
    best_epoch: int  # counted from 0
    scored: Scored | None  # None without test clips
    novelty: NDArray[np.float32] | None = None  # (n,) of all windows of its test clips


def save_result(path: Path, result: FitResult) -> None:
    """Write `result` as an .npz file, whole or not at all."""
    facts: dict[str, Any] = {
        "fingerprint": result.fingerprint,
        "history": result.history,
        "best_epoch": result.best_epoch,
    }
    arrays: dict[str, Any] = {}
    if (scored := result.scored) is not None:
        facts |= {"labels": scored.labels, "clips": scored.clips, "groups": scored.groups}
        arrays = {"truth": scored.truth, "scores": scored.scores, "previews": scored.previews}
    if result.novelty is not None:
        arrays["novelty"] = result.novelty
    save_npz(path, facts, arrays)


def load_result(path: Path, fingerprint: str) -> FitResult | None:
    """The result at `path`; None if it is missing or of another recipe, data or split."""
    found = load_npz(path)
    if found is None:
        return None
    facts, arrays = found
    if facts["fingerprint"] != fingerprint:
        return None
    scored = None
    if "truth" in arrays:
        scored = Scored(
            labels=tuple(facts["labels"]),
            clips=tuple(facts["clips"]),
            groups=tuple(facts["groups"]),
            truth=arrays["truth"],
            scores=arrays["scores"],
            previews=arrays["previews"],
        )
    novelty = arrays.get("novelty")
    return FitResult(fingerprint, facts["history"], facts["best_epoch"], scored, novelty)
