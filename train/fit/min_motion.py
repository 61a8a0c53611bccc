"""How little a window may move that is still classified."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from monitor.recognition.metadata import Motion
from monitor.windows.motion import motion

# Of the least motion in a training window of a label that alerts: an activity that has only begun
# fills a part of its window.
_SHARE = 0.25
# Grey levels: a model whose labels move less than this must see everything. The pictures of an
# empty corridor and an empty road change by 1.0 at most, cameras with much noise by more.
_LEAST = 1.0


def fit_motion(windows: Iterable[NDArray[np.uint8]]) -> Motion | None:
    """The limit for a model by the training windows (T, H, W, 3) of all labels that alert.

    None if there are none, or where some of them hardly move: then stillness means nothing.
    """
    least = min(map(motion, windows), default=0.0)
    limit = _SHARE * least
    if limit < _LEAST:
        return None
    return Motion(
        least=round(limit, 2),
        evaluation=f"{_SHARE:g} of the least motion in the training windows of labels that alert, "
        f"{least:.1f} grey levels",
    )
