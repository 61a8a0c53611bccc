"""Whether a model tells the activities that it knows from others.

The unit is the window, as the monitor decides window by window.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from sklearn.metrics import roc_auc_score

from monitor.errors import ModelError
from monitor.recognition.metadata import Contract
from train.data.clips import Clip, find_clips
from train.data.preparation import Prepared, prepare_clips
from train.data.windows import cut
from train.evaluate.novelty import window_novelty
from train.evaluate.scoring import Scorer
from train.recipe.options import TrainConfig


@dataclass(frozen=True)
class Against:
    """Windows of known activities against those of a folder of other ones."""

    folder: str
    known: int  # windows
    unknown: int  # windows
    auroc: float  # the chance that an unknown window is more novel than a known one
    known_share: float  # of the known windows that are called unknown
    unknown_share: float  # of the unknown windows

    @property
    def words(self) -> str:
        """The figures in a sentence."""
        return (
            f"Known against {self.folder}: AUROC {self.auroc:.3f}; called unknown are "
            f"{self.known_share:.1%} of {self.known} known windows and {self.unknown_share:.1%} of "
            f"{self.unknown} others"
        )


def against(
    folder: str,
    known: NDArray[np.float32],
    unknown: NDArray[np.float32],
    threshold: float,
) -> Against:
    """How the novelty of known windows (n,) and of unknown ones (m,) lie apart; n, m >= 1."""
    is_unknown = np.repeat([False, True], (len(known), len(unknown)))
    return Against(
        folder,
        len(known),
        len(unknown),
        float(roc_auc_score(is_unknown, np.append(known, unknown))),
        float((known > threshold).mean()),
        float((unknown > threshold).mean()),
    )


def check_told(model: Path, contract: Contract) -> float:
    """The novelty above which a window is unknown to a model; ModelError if it tells none."""
    if contract.unknown is None:
        raise ModelError(f"{model}: gives no novelty; har-train fits models that do")
    return contract.unknown.threshold


def known_against(
    scorer: Scorer,
    threshold: float,
    prepared: Prepared,
    clips: Sequence[Clip],
    folders: Sequence[Path],
    cache: Path,
    console: Console,
) -> list[Against]:
    """`clips` of `prepared`, of activities that the model knows, against each of the `folders`."""

    def novelty(of: Prepared, some: Sequence[Clip]) -> NDArray[np.float32]:
        found = window_novelty(scorer.classify, _windows(of, some, scorer.contract))
        assert found is not None  # its threshold says that it gives novelty
        return found

    known = novelty(prepared, clips)
    found = []
    for folder in folders:
        others = prepare_clips(
            find_clips(folder, least_labels=1), scorer.contract.clip, "time", cache, console
        )
        name = folder.resolve().name
        found.append(against(name, known, novelty(others, others.clips), threshold))
    return found


def _windows(
    prepared: Prepared, clips: Sequence[Clip], contract: Contract
) -> Iterable[NDArray[np.uint8]]:
    """The windows of each clip, cut as the monitor cuts them."""
    stride = TrainConfig().stride
    return (cut(prepared.decoded(clip), contract.clip, "time", stride) for clip in clips)
