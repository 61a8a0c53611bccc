"""Scored clips made by hand, for the tests of what is measured on them."""

from collections.abc import Sequence

import numpy as np

from train.evaluate.scores import Scored

# The source paper's test: 33/37, 45/48, 25/28 and 21/26 right; its one column of false positives is
# HorseRace's (11), and PizzaTossing has the other four.
PAPER_LABELS = ("HorseRace", "Biking", "Swing", "PizzaTossing")
PAPER_COUNTS = ((33, 0, 0, 4), (3, 45, 0, 0), (3, 0, 25, 0), (5, 0, 0, 21))


def scored(
    labels: Sequence[str],
    counts: Sequence[Sequence[int]],
    *,
    score: float = 0.9,
    folder: str = "",
    groups: int = 5,
) -> Scored:
    """Clips with the confusion matrix `counts`, each answer with the same score."""
    pairs = [
        (truth, answer)
        for truth, row in enumerate(counts)
        for answer, count in enumerate(row)
        for _ in range(count)
    ]
    scores = np.full((len(pairs), len(labels)), (1 - score) / (len(labels) - 1), np.float32)
    scores[np.arange(len(pairs)), [answer for _, answer in pairs]] = score
    grey = np.linspace(40, 200, len(pairs)).astype(np.uint8)
    return Scored(
        labels=tuple(labels),
        clips=tuple(f"{folder}{labels[truth]}/{i:04d}.mp4" for i, (truth, _) in enumerate(pairs)),
        groups=tuple(f"g{i % groups}" for i in range(len(pairs))),
        truth=np.array([truth for truth, _ in pairs], np.int64),
        scores=scores,
        previews=np.broadcast_to(grey[:, None, None, None, None], (len(pairs), 4, 16, 16, 3)),
    )
