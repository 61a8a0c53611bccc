"""Classical classifiers on simple motion features, as a baseline for the networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monitor.errors import ConfigError, DataError

if TYPE_CHECKING:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import ExtraTreesClassifier

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

_MAP = 32  # cells along each side of the energy map
_GRID = 4  # cells along each side of the histogram grid
# Grey-level changes (0..255) between the bins of the histogram: noise, slow, fast, sudden motion.
_EDGES = (2.0, 6.0, 16.0, 40.0)
_CALIBRATION_PARTS = 5


def baseline_features(name: str, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The features (N, F) of windows (N, T, H, W, 3) for the classifier `name`."""
    if name == "svm":
        return motion_features(windows)
    return np.concatenate((motion_features(windows), histogram_features(windows)), axis=1)


def fit_baseline(
    name: str,
    features: NDArray[np.float32],
    truth: NDArray[np.int64],
    groups: Sequence[str],
    labels: int,
    seed: int,
) -> Predict:
    """Fit `svm` or `forest` on the features (N, F) of windows; the result scores windows.

    `truth` (N,) holds indices into the labels, `groups` (N,) the source of each window: the SVM's
    probabilities are calibrated on other groups than its margins. Scores are (n, labels).
    ConfigError for another name.
    """
    if name == "svm":
        model = _fit_svm(features, truth, groups, seed)
    elif name == "forest":
        model = _fit_forest(features, truth, seed)
    else:
        raise ConfigError(f"unknown baseline {name!r}; allowed: svm, forest")

    def predict(windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        scores = model.predict_proba(baseline_features(name, windows))
        return _spread_over_labels(scores, model.classes_, labels)

    return predict


def motion_features(windows: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, up to 32 * 32 + T - 1) where and when windows (N, T, H, W, 3) change.

    The frame-difference energy map: the mean absolute change of grey level between frames, averaged
    to at most 32x32 cells; then the mean change of each frame. Square roots compress the few very
    large changes.
    """
    found = []
    for window in windows:
        change = _change(window)
        place = _cells(change.mean(axis=0), _MAP)
        found.append(np.sqrt(np.concatenate((place.ravel(), change.mean(axis=(1, 2))))))
    return np.stack(found).astype(np.float32)


def histogram_features(windows: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, 4 * 4 * 5) histograms of the change in each cell of a 4x4 grid: pixel shares per bin."""
    found = []
    for window in windows:
        strength = np.digitize(_change(window), _EDGES)
        shares = [(strength == level).mean(axis=0) for level in range(len(_EDGES) + 1)]
        found.append(np.concatenate([_cells(share, _GRID).ravel() for share in shares]))
    return np.stack(found).astype(np.float32)


def _fit_svm(
    features: NDArray[np.float32], truth: NDArray[np.int64], groups: Sequence[str], seed: int
) -> CalibratedClassifierCV:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    named = np.asarray(groups)
    fewest = min(len(set(named[truth == label])) for label in np.unique(truth))
    if fewest < 2:
        raise DataError(
            "svm: a label is in one group only; its probabilities need every label in two groups"
        )
    parts = min(_CALIBRATION_PARTS, fewest)
    folds = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    model = CalibratedClassifierCV(
        make_pipeline(StandardScaler(), SVC()),
        cv=list(folds.split(features, truth, groups)),
        ensemble=False,
    )
    return model.fit(features, truth)


def _fit_forest(
    features: NDArray[np.float32], truth: NDArray[np.int64], seed: int
) -> ExtraTreesClassifier:
    from sklearn.ensemble import ExtraTreesClassifier

    model = ExtraTreesClassifier(
        500, min_samples_leaf=2, class_weight="balanced", random_state=seed
    )
    return model.fit(features, truth)


def _change(window: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(T - 1, H, W) absolute change of grey level, 0..255, from one frame to the next."""
    grey = window.mean(axis=3, dtype=np.float32)
    change: NDArray[np.float32] = np.abs(np.diff(grey, axis=0))
    return change


def _cells(picture: NDArray[np.floating], cells: int) -> NDArray[np.float64]:
    """(cells, cells) block means of a square picture; the picture itself if it is smaller."""
    side = len(picture)
    cells = min(cells, side)
    edges = np.arange(cells) * side // cells
    sums = np.add.reduceat(np.add.reduceat(picture, edges, axis=0), edges, axis=1)
    sizes = np.diff(np.append(edges, side))
    means: NDArray[np.float64] = sums / np.outer(sizes, sizes)
    return means


def _spread_over_labels(
    scores: NDArray[np.float64], fitted: NDArray[np.int64], labels: int
) -> NDArray[np.float32]:
    """Scores of the labels that were fitted, as columns among all labels; others are 0."""
    placed = np.zeros((len(scores), labels), np.float32)
    placed[:, fitted] = scores
    return placed
