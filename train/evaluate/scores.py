"""A model's scores of test clips: the basis of metrics and reports."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from train.data.clips import Clip
from train.fit.trainer import Predict

# Tolerance of the sum of a row of scores: above float32 rounding over a few hundred labels, far
# below what a missing softmax would give.
SUM_TOLERANCE = 1e-3
_BATCH = 16  # windows per call of a network


@dataclass(frozen=True)
class Scored:
    """Test clips with their true labels and the scores that a model gave them; n >= 1, k >= 2.

    A clip is scored once, by one model that was not fitted on it, or the report warns. ValueError
    if the fields do not fit each other.
    """

    labels: tuple[str, ...]  # (k,) in the order of the scores
    clips: tuple[str, ...]  # (n,) paths relative to the data folder
    groups: tuple[str, ...]  # (n,) source video, actor or subject
    truth: NDArray[np.int64]  # (n,) indices into labels
    scores: NDArray[np.float32]  # (n, k) rows sum to 1
    previews: NDArray[np.uint8]  # (n, frames, H, W, 3) RGB, a few frames of each clip

    def __post_init__(self) -> None:
        n, k = len(self.clips), len(self.labels)
        if k < 2 or len(set(self.labels)) != k:
            raise ValueError(f"labels {self.labels}: at least two, each different")
        if n == 0 or len(set(self.clips)) != n:
            raise ValueError(f"{n} clips: at least one, each once")
        if len(self.groups) != n:
            raise ValueError(f"{len(self.groups)} groups for {n} clips")
        if self.truth.shape != (n,) or not np.issubdtype(self.truth.dtype, np.integer):
            raise ValueError(f"truth {self.truth.dtype} {self.truth.shape}: integer ({n},) needed")
        if self.truth.min() < 0 or self.truth.max() >= k:
            raise ValueError(f"truth {self.truth.min()}..{self.truth.max()}: allowed 0..{k - 1}")
        if self.scores.shape != (n, k):
            raise ValueError(f"scores {self.scores.shape}: ({n}, {k}) needed")
        if not np.isfinite(self.scores).all() or self.scores.min() < 0:
            raise ValueError("scores: finite and not negative")
        if np.abs(self.scores.sum(axis=1, dtype=np.float64) - 1).max() > SUM_TOLERANCE:
            raise ValueError("scores: every row sums to 1")
        if (
            self.previews.dtype != np.uint8
            or self.previews.ndim != 5
            or self.previews.shape[0] != n
            or self.previews.shape[4] != 3
        ):
            raise ValueError(
                f"previews {self.previews.dtype} {self.previews.shape}: "
                f"uint8 ({n}, frames, H, W, 3) needed"
            )

    def __len__(self) -> int:
        return len(self.clips)

    def part(self, indices: Sequence[int]) -> "Scored":
        """Some of the clips, by index."""
        return replace(
            self,
            clips=tuple(self.clips[index] for index in indices),
            groups=tuple(self.groups[index] for index in indices),
            truth=self.truth[indices],
            scores=self.scores[indices],
            previews=self.previews[indices],
        )

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(n,) index of the highest score; the first one of a tie."""
        predicted: NDArray[np.int64] = self.scores.argmax(axis=1).astype(np.int64)
        return predicted

    @property
    def confidence(self) -> NDArray[np.float32]:
        """(n,) the highest score."""
        confidence: NDArray[np.float32] = self.scores.max(axis=1)
        return confidence


def concatenate(parts: Sequence[Scored]) -> Scored:
    """The test clips of several folds together; ValueError if labels differ or a clip repeats."""
    if not parts:
        raise ValueError("no parts to concatenate")
    labels = parts[0].labels
    for part in parts:
        if part.labels != labels:
            raise ValueError(f"labels differ: {labels} and {part.labels}")
    return Scored(
        labels=labels,
        clips=tuple(clip for part in parts for clip in part.clips),
        groups=tuple(group for part in parts for group in part.groups),
        truth=np.concatenate([part.truth for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        previews=np.concatenate([part.previews for part in parts]),
    )


def by_dataset(scored: Scored, clips: Iterable[Clip]) -> dict[str, Scored]:
    """The scores of each data set by its name, if `clips` are of several; else empty."""
    names = {clip.path: clip.dataset for clip in clips}
    found: dict[str, list[int]] = defaultdict(list)
    for index, path in enumerate(scored.clips):
        found[names[path]].append(index)
    return {name: scored.part(members) for name, members in sorted(found.items()) if name}


def mean_window_scores(predict: Predict, clips: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """(n, labels) mean scores of n clips, each given as its windows (m, T, H, W, 3), m >= 1."""
    counts: list[int] = []

    def counted() -> Iterator[NDArray[np.uint8]]:
        for windows in clips:
            counts.append(len(windows))
            yield windows

    scores = [predict(windows) for windows in in_batches(counted())]
    starts = np.cumsum([0, *counts[:-1]])
    totals = np.add.reduceat(np.concatenate(scores), starts, axis=0)
    return np.asarray(totals / np.array(counts, np.float32)[:, np.newaxis], np.float32)


def in_batches(clips: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """The windows of all clips in order, in batches of _BATCH."""
    waiting: list[NDArray[np.uint8]] = []
    for windows in clips:
        waiting.extend(windows)
        while len(waiting) >= _BATCH:
            yield np.stack(waiting[:_BATCH])
            del waiting[:_BATCH]
    if waiting:
        yield np.stack(waiting)
