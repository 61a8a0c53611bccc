"""A network that sees each clip twice: whole, and the part that moves most."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.records import Outputs
from monitor.windows.zoom import views

# Clips (N, T, H, W, 3) uint8 -> scores, and novelty if the network gives it.
Classify = Callable[[NDArray[np.uint8]], Outputs]


def with_zoom(classify: Classify, zoom: int, alerting: Sequence[int]) -> Classify:
    """`classify`, which takes the views of a network, as a function of the model's clips.

    Of the two views, the one with the highest score of a label that alerts counts; `alerting` are
    these labels' places. With a zoom of 1 there is but one view, the clip.
    """
    if zoom == 1:
        return classify

    def classify_views(clips: NDArray[np.uint8]) -> Outputs:
        seen, parts = zip(*map(views, clips), strict=True)
        scores, novelty, _ = classify(np.concatenate(seen))
        highest = scores[:, alerting].max(axis=1).reshape(len(clips), -1)
        best = highest.argmax(axis=1)
        chosen = best + np.arange(len(clips)) * highest.shape[1]
        return Outputs(
            scores[chosen],
            None if novelty is None else novelty[chosen],
            tuple(part if view else None for part, view in zip(parts, best, strict=True)),
        )

    return classify_views
