"""Novelty: how much a window differs from the training clips, and the limit of unknown windows.

Novelty is the mean square of the features before the last layer, each standardised over the
training clips and cut off below its mean; over the training clips it is about a half. A feature is
high if something is there: a scene in which less happens than in the training clips lies below all
means, and is not novel. The model card says how well this works.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from export.keras_file import outputs_of
from monitor.recognition.metadata import NOVELTY, OUTPUT, Unknown
from monitor.recognition.zoom import Classify
from monitor.records import Outputs
from train.evaluate.scores import in_batches

if TYPE_CHECKING:
    import keras

# Share of held-out windows, all of known activities, that are called unknown. The errors of the
# scores cost more, and a hold of two seconds bridges single windows.
UNKNOWN_SHARE = 0.01
# Lowest variance of a feature, as a share of the mean variance. Otherwise a feature that hardly
# varies over the training clips would outweigh all others once it changes.
MIN_VARIANCE = 0.01


def with_novelty(model: keras.Model, clips: Iterable[NDArray[np.uint8]]) -> keras.Model:
    """`model`, with the same weights, with the outputs `scores` and `novelty`, (N,) float32.

    `clips` are its training clips, each as its windows (m, T, H, W, 3); the middle window stands
    for the clip.
    """
    import keras
    from keras import layers, ops

    features = model.get_layer(OUTPUT).input
    inner = keras.Model(model.input, features)
    middle = (windows[len(windows) // 2 :][:1] for windows in clips)
    found = np.concatenate([np.asarray(inner.predict_on_batch(w)) for w in in_batches(middle)])
    mean, std = feature_statistics(found)
    # Lists, not arrays: they become part of the layer's configuration, which is JSON.
    scaled = layers.Rescaling((1 / std).tolist(), (-mean / std).tolist())(features)
    novelty = ops.mean(ops.square(layers.ReLU()(scaled)), axis=-1)
    return keras.Model(model.input, {OUTPUT: model.output, NOVELTY: novelty})


def feature_statistics(
    features: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation (d,) of `features` (n, d); deviations have a lower limit."""
    wide = features.astype(np.float64)
    variance = wide.var(axis=0)
    least = MIN_VARIANCE * variance.mean() or 1.0  # 1: no feature varies at all
    return wide.mean(axis=0), np.sqrt(np.maximum(variance, least))


def classify_with(model: keras.Model) -> Classify:
    """A saved network, with or without novelty, as a function of windows."""

    def classify(windows: NDArray[np.uint8]) -> Outputs:
        return outputs_of(model.predict_on_batch(windows))

    return classify


def window_novelty(
    classify: Classify, clips: Iterable[NDArray[np.uint8]]
) -> NDArray[np.float32] | None:
    """(n,) novelty of all windows of `clips`, each (m, T, H, W, 3); None without novelty."""
    found = [classify(windows).novelty for windows in in_batches(clips)]
    given = [values for values in found if values is not None]
    return np.concatenate(given) if given else None


def fit_novelty_threshold(parts: Sequence[NDArray[np.float32] | None]) -> Unknown | None:
    """The threshold that a share UNKNOWN_SHARE of held-out windows exceeds.

    `parts` hold the novelty of the windows that each network was tested on. The result is None if
    one of them was not tested, or was fitted before novelty was measured.
    """
    held = [part for part in parts if part is not None]
    if not held or len(held) < len(parts):
        return None
    novelty = np.concatenate(held)
    threshold = max(round(float(np.quantile(novelty, 1 - UNKNOWN_SHARE)), 4), 1e-4)
    networks = "the network" if len(parts) == 1 else "networks"
    return Unknown(
        threshold=threshold,
        share=round(float((novelty > threshold).mean()), 4),
        evaluation=(
            f"the {1 - UNKNOWN_SHARE:.0%} quantile of novelty over {len(novelty)} windows of clips "
            f"that {networks} had not been fitted on; no clip of another activity was used"
        ),
    )
