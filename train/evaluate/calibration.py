"""What is fitted after a network: the temperature of its scores, and its limit for motion.

Source of the temperature: Guo et al. 2017, "On Calibration of Modern Neural Networks".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from monitor.recognition.metadata import OUTPUT, Motion
from monitor.windows.motion import motion
from train.evaluate.scores import Scored

if TYPE_CHECKING:
    import keras

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.1, 10.0  # limits of the search
# Share of the least motion in a training window of a label that alerts: when an activity has just
# begun, it fills only a part of its window.
_MOTION_SHARE = 0.25
# Grey levels: a model whose labels move less than this must see everything. The pictures of an
# empty corridor and an empty road change by 1.0 at most, cameras with much noise by more.
_MIN_MOTION = 1.0
_MIN_SCORE = 1e-7  # a score of 0 would make the loss infinite


def fit_temperature(parts: Sequence[Scored]) -> float:
    """The temperature with the lowest log loss on clips that the networks were not fitted on."""
    scores = np.concatenate([part.scores for part in parts])
    truth = np.concatenate([part.truth for part in parts])

    def loss(log_temperature: float) -> float:
        cooled = _rescaled(scores, float(np.exp(log_temperature)))
        right = cooled[np.arange(len(truth)), truth]
        return float(-np.log(np.maximum(right, _MIN_SCORE)).mean())

    best = minimize_scalar(
        loss, bounds=(np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE)), method="bounded"
    )
    return float(np.exp(best.x))


def fit_fold_temperatures(folds: Mapping[int, Scored]) -> dict[int, float]:
    """The temperature of each fold's network, fitted on what the networks of the others scored.

    A single fold has nothing but its own clips to fit it on.
    """
    return {
        number: fit_temperature(
            [scored for other, scored in folds.items() if other != number] or [folds[number]]
        )
        for number in folds
    }


def with_temperature(scored: Scored, temperature: float) -> Scored:
    """The clips with the scores that the network would give at `temperature`."""
    return replace(scored, scores=_rescaled(scored.scores, temperature))


def set_temperature(model: keras.Model, temperature: float) -> None:
    """Divide the logits of a network by `temperature`, inside the weights of its last layer."""
    head = model.get_layer(OUTPUT)
    head.set_weights([weights / temperature for weights in head.get_weights()])


def fit_min_motion(windows: Iterable[NDArray[np.uint8]]) -> Motion | None:
    """The motion below which no window is classified, from training windows (T, H, W, 3).

    `windows` are those of all labels that alert. None if there are none, or if some of them hardly
    move: then a still window may show an activity.
    """
    least = min(map(motion, windows), default=0.0)
    limit = _MOTION_SHARE * least
    if limit < _MIN_MOTION:
        return None
    return Motion(
        least=round(limit, 2),
        evaluation=(
            f"{_MOTION_SHARE:g} of the least motion in the training windows of labels that alert, "
            f"{least:.1f} grey levels"
        ),
    )


def _rescaled(scores: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """softmax(log(scores) / temperature), row by row."""
    logits = np.log(np.maximum(scores, _MIN_SCORE)) / temperature
    cooled: NDArray[np.float32] = softmax(logits, axis=1)
    return cooled
