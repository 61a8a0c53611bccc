"""The temperature that makes a network's scores mean what they say.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from monitor.recognition.metadata import OUTPUT
from train.evaluate.scores import Scored

if TYPE_CHECKING:
    import keras

LEAST, MOST = 0.1, 10.0  # temperatures that are tried
_SMALLEST = 1e-7  # a score of 0 would make the loss infinite


def fit_temperature(parts: Sequence[Scored]) -> float:
    """The temperature with the smallest log loss on clips that the networks were not fitted on."""
    scores = np.concatenate([part.scores for part in parts])
    truth = np.concatenate([part.truth for part in parts])

    def loss(log_temperature: float) -> float:
        cooled = _cooled(scores, float(np.exp(log_temperature)))
        right = cooled[np.arange(len(truth)), truth]
        return float(-np.log(np.maximum(right, _SMALLEST)).mean())

    best = minimize_scalar(loss, bounds=(np.log(LEAST), np.log(MOST)), method="bounded")
    return float(np.exp(best.x))


def with_temperature(scored: Scored, temperature: float) -> Scored:
    """The clips with the scores that the network gives at `temperature`."""
    return replace(scored, scores=_cooled(scored.scores, temperature))


def set_temperature(model: keras.Model, temperature: float) -> None:
    """Divide the logits of a network by `temperature`, inside the weights of its last layer."""
    head = model.get_layer(OUTPUT)
    head.set_weights([weights / temperature for weights in head.get_weights()])


def _cooled(scores: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """softmax(log(scores) / temperature), row by row."""
    logits = np.log(np.maximum(scores, _SMALLEST)) / temperature
    cooled: NDArray[np.float32] = softmax(logits, axis=1)
    return cooled
