"""Open-set evaluation: how well a model distinguishes its activities from others.

The unit is the window, because the monitor decides window by window.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from sklearn.metrics import roc_auc_score

from monitor.errors import ModelError
from monitor.recognition.metadata import ModelMetadata
from train.data.clips import Clip
from train.data.decoding import DecodedClips, decode_clips
from train.data.layouts import find_clips
from train.data.windows import sample_windows
from train.evaluate.novelty import window_novelty
from train.evaluate.scoring import Scorer
from train.recipe.options import Recipe


@dataclass(frozen=True)
class OpenSetResult:
    """Novelty of windows of known activities, compared with those of other activities."""

    folder: str
    known: int  # windows
    unknown: int  # windows
    auroc: float  # probability that an unknown window is more novel than a known one
    known_share: float  # of the known windows that are called unknown
    unknown_share: float  # of the unknown windows

    @property
    def summary(self) -> str:
        """The result in a sentence."""
        return (
            f"Known against {self.folder}: AUROC {self.auroc:.3f}; called unknown are "
            f"{self.known_share:.1%} of {self.known} known windows and {self.unknown_share:.1%} of "
            f"{self.unknown} others"
        )


def open_set_result(
    folder: str,
    known: NDArray[np.float32],
    unknown: NDArray[np.float32],
    threshold: float,
) -> OpenSetResult:
    """Compare the novelty of known windows (n,) and of unknown ones (m,); n, m >= 1."""
    is_unknown = np.repeat([False, True], (len(known), len(unknown)))
    return OpenSetResult(
        folder,
        len(known),
        len(unknown),
        float(roc_auc_score(is_unknown, np.append(known, unknown))),
        float((known > threshold).mean()),
        float((unknown > threshold).mean()),
    )


def novelty_threshold(model: Path, metadata: ModelMetadata) -> float:
    """The novelty above which a window is unknown; ModelError if the model has no limit."""
    if metadata.unknown is None:
        raise ModelError(f"{model}: gives no novelty; train it again with har-train")
    return metadata.unknown.threshold


def open_set_results(
    scorer: Scorer,
    threshold: float,
    decoded_clips: DecodedClips,
    clips: Sequence[Clip],
    folders: Sequence[Path],
    cache: Path,
    console: Console,
) -> list[OpenSetResult]:
    """How well the model tells `clips`, of activities it knows, from the clips in each folder."""

    def novelty(of: DecodedClips, some: Sequence[Clip]) -> NDArray[np.float32]:
        found = window_novelty(scorer.classify, _windows(of, some, scorer.metadata))
        assert found is not None  # a model with a threshold gives novelty
        return found

    known = novelty(decoded_clips, clips)
    found = []
    for folder in folders:
        others = decode_clips(
            find_clips(folder, 1, scorer.metadata.clip.span_s),
            scorer.metadata.clip,
            "time",
            cache,
            console,
        )
        name = folder.resolve().name
        found.append(open_set_result(name, known, novelty(others, others.clips), threshold))
    return found


def _windows(
    decoded_clips: DecodedClips, clips: Sequence[Clip], metadata: ModelMetadata
) -> Iterable[NDArray[np.uint8]]:
    """The windows of each clip, cut as the monitor cuts them."""
    stride = Recipe().stride
    return (
        sample_windows(decoded_clips.load(clip), metadata.clip, "time", stride) for clip in clips
    )
