"""How unlike its training clips a window looks to a network, and from where on it is unknown.

Novelty is the mean square of the features that the scores are made from, each standardised by its
mean and standard deviation over the training clips, and counted only above its mean: about a half
for these. A feature is high where something is there; a scene in which less happens than in the
training clips lies below all means, and is no news. The model card says what this is worth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monitor.recognition.metadata import NOVELTY, OUTPUT, Unknown
from monitor.records import Outputs
from train.evaluate.scores import in_batches

if TYPE_CHECKING:
    import keras

# Windows (N, T, H, W, 3) -> scores, and novelty where the network gives it.
Classify = Callable[[NDArray[np.uint8]], Outputs]

# Of held-out windows, all of known activities, so few are called unknown: what that costs is small
# beside the errors of the scores, and a hold of two seconds bridges single windows.
SHARE = 0.01
# Of the mean variance: a feature that hardly varies over the training clips would drown all others
# when it stirs. A tenth of their usual deviation is the least that counts as one.
LEAST_VARIANCE = 0.01


def with_novelty(model: keras.Model, clips: Iterable[NDArray[np.uint8]]) -> keras.Model:
    """`model`, on the same weights, with the outputs `scores` and `novelty`, (N,) float32.

    `clips` are those that it was fitted on, each as its windows (m, T, H, W, 3); the one in the
    middle stands for all of a clip.
    """
    import keras
    from keras import layers, ops

    features = model.get_layer(OUTPUT).input
    inner = keras.Model(model.input, features)
    middle = (windows[len(windows) // 2 :][:1] for windows in clips)
    found = np.concatenate([np.asarray(inner.predict_on_batch(w)) for w in in_batches(middle)])
    mean, std = standard(found)
    # Lists and no arrays: they are part of the layer's configuration, which is JSON.
    scaled = layers.Rescaling((1 / std).tolist(), (-mean / std).tolist())(features)
    novelty = ops.mean(ops.square(layers.ReLU()(scaled)), axis=-1)
    return keras.Model(model.input, {OUTPUT: model.output, NOVELTY: novelty})


def standard(features: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation (d,) of `features` (n, d), the deviations floored, none 0."""
    wide = features.astype(np.float64)
    variance = wide.var(axis=0)
    least = LEAST_VARIANCE * variance.mean() or 1.0  # 1: no feature varies at all
    return wide.mean(axis=0), np.sqrt(np.maximum(variance, least))


def classify_with(model: keras.Model) -> Classify:
    """A saved network, with novelty or without, as a function of windows."""

    def classify(windows: NDArray[np.uint8]) -> Outputs:
        found = model.predict_on_batch(windows)
        if not isinstance(found, dict):
            return Outputs(np.asarray(found, np.float32), None)
        return Outputs(
            np.asarray(found[OUTPUT], np.float32), np.asarray(found[NOVELTY], np.float32)
        )

    return classify


def window_novelty(
    classify: Classify, clips: Iterable[NDArray[np.uint8]]
) -> NDArray[np.float32] | None:
    """(n,) of every window of `clips`, each (m, T, H, W, 3); None if the network gives none."""
    found = [classify(windows).novelty for windows in in_batches(clips)]
    given = [values for values in found if values is not None]
    return np.concatenate(given) if given else None


def fit_unknown(parts: Sequence[NDArray[np.float32] | None]) -> Unknown | None:
    """The threshold that a share SHARE of held-out windows exceeds, with how it was found.

    `parts` hold the novelty of the windows that each network of a run was tested on; None if one
    of them was tested on nothing, or was fitted before novelty was measured.
    """
    held = [part for part in parts if part is not None]
    if not held or len(held) < len(parts):
        return None
    novelty = np.concatenate(held)
    threshold = max(round(float(np.quantile(novelty, 1 - SHARE)), 4), 1e-4)
    networks = "the network" if len(parts) == 1 else "networks"
    return Unknown(
        threshold=threshold,
        share=round(float((novelty > threshold).mean()), 4),
        evaluation=(
            f"the {1 - SHARE:.0%} quantile of novelty over {len(novelty)} windows of clips that "
            f"{networks} had not been fitted on; no clip of another activity was used"
        ),
    )
