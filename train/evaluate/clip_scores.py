"""Scores of clips: the mean over the windows of each."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from train.fit.trainer import Predict

_AT_ONCE = 16  # windows in one call of a network


def clip_scores(predict: Predict, clips: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """(n, labels) scores of n clips, each given as its windows (m, T, H, W, 3), m at least 1."""
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
    """The windows of all clips in turn, _AT_ONCE together."""
    waiting: list[NDArray[np.uint8]] = []
    for windows in clips:
        waiting.extend(windows)
        while len(waiting) >= _AT_ONCE:
            yield np.stack(waiting[:_AT_ONCE])
            del waiting[:_AT_ONCE]
    if waiting:
        yield np.stack(waiting)
