"""Trajectories: the flow, place and extent of what moves, frame by frame.

Nothing here is fitted. Flow is normalised by the contrast of the clip, so that a dark scene gives
the same values as a bright one, and measured relative to the centre of motion, so that an act gives
the same values anywhere in the picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from train.networks.optical_flow import local_mean, lucas_kanade

if TYPE_CHECKING:
    import keras

# Pixels per side of a cell: fine cells see slow motion, coarse cells see fast motion.
CELLS = (2, 4)
# Squared gradient of a picture of contrast 1: flatter neighbourhoods have no flow.
FLATTEST = 0.002
EDGE = 0.05  # share of the mean squared gradient
MAX_FLOW = 3.0  # cells per frame; a higher flow is an error
MIN_CONTRAST = 1.0  # grey levels: below it, contrast is noise
MIN_CHANGE = 1e-3  # share of the contrast: a picture that changes less is still
SMOOTHED = 4  # frames that a maximum or minimum is averaged over
SMALL = 1e-4


def trajectories(clip: keras.KerasTensor) -> keras.KerasTensor:
    """(N, T, H, W, 3) uint8 -> (N, T - 1, 24): the output of `_moments` for each cell size."""
    from keras import layers, ops

    grey = ops.mean(ops.cast(clip, "float32"), axis=-1, keepdims=True)
    each = []
    for cells in CELLS:
        x = layers.AveragePooling3D((1, cells, cells))(grey)
        each.append(_moments(*_flow(ops.divide(x, _contrast(x)))))
    return layers.Concatenate()(each)


def time_statistics(x: keras.KerasTensor) -> keras.KerasTensor:
    """(N, T, C) -> (N, 5 C): mean, deviation, smoothed maximum and minimum, mean absolute change.

    Signed square roots compress the few very fast motions.
    """
    from keras import layers, ops

    mean = ops.mean(x, axis=1, keepdims=True)
    deviation = ops.sqrt(ops.mean(ops.square(ops.subtract(x, mean)), axis=1))
    lasting = layers.AveragePooling1D(SMOOTHED, 1)(x)
    later, earlier = layers.Cropping1D((1, 0))(x), layers.Cropping1D((0, 1))(x)
    unrest = ops.mean(ops.absolute(ops.subtract(later, earlier)), axis=1)
    highest, lowest = ops.max(lasting, axis=1), ops.min(lasting, axis=1)
    x = layers.Concatenate()([ops.squeeze(mean, axis=1), deviation, highest, lowest, unrest])
    return ops.divide(x, ops.sqrt(ops.add(ops.absolute(x), SMALL)))


def _contrast(x: keras.KerasTensor) -> keras.KerasTensor:
    """The standard deviation of pixels around the mean of their frame: (N, 1, 1, 1, 1)."""
    from keras import ops

    far = ops.subtract(x, ops.mean(x, axis=(2, 3), keepdims=True))
    spread = ops.mean(ops.square(far), axis=(1, 2, 3, 4), keepdims=True)
    return ops.add(ops.sqrt(spread), MIN_CONTRAST)


def _flow(x: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
    """(N, T, H, W, 1) -> flow across and down (cells per frame), change: (N, T-1, H-2, W-2, 1)."""
    from keras import ops

    found = lucas_kanade(x, EDGE / 2, FLATTEST)
    # ops.clip would take the name of the network's input.
    u, v = (ops.maximum(ops.minimum(x, MAX_FLOW), -MAX_FLOW) for x in (found.u, found.v))
    return u, v, local_mean(ops.absolute(found.change))


def _moments(
    across: keras.KerasTensor, down: keras.KerasTensor, change: keras.KerasTensor
) -> keras.KerasTensor:
    """(N, T, H, W, 1) each -> (N, T, 12): means over the picture, weighted by the change.

    Flow and its absolute value, across and down; both above the centre of motion; expansion and
    extent, down and across; the height of the centre; and the log of the total change.
    """
    from keras import layers, ops

    low = _places(change.shape[2])[:, np.newaxis, np.newaxis]
    right = _places(change.shape[3])[:, np.newaxis]
    whole = ops.sum(change, axis=(2, 3), keepdims=True)
    share = ops.divide(change, ops.add(whole, MIN_CHANGE))

    def mean(x: keras.KerasTensor) -> keras.KerasTensor:
        return ops.sum(ops.multiply(x, share), axis=(2, 3), keepdims=True)

    height = mean(low)
    below = ops.subtract(low, height)
    beside = ops.subtract(right, mean(right))
    above = ops.cast(ops.less(below, 0.0), "float32")
    both = layers.Concatenate()([across, down])
    size = ops.absolute(both)
    seen = [
        mean(layers.Concatenate()([both, size])),
        mean(ops.multiply(down, above)),
        mean(ops.multiply(ops.absolute(across), above)),
        mean(ops.multiply(below, down)),
        mean(ops.multiply(beside, across)),
        ops.sqrt(mean(ops.square(below))),
        ops.sqrt(mean(ops.square(beside))),
        height,
        ops.log(ops.add(ops.mean(change, axis=(2, 3), keepdims=True), MIN_CHANGE)),
    ]
    x = layers.Concatenate()(seen)
    return layers.Reshape((x.shape[1], x.shape[-1]))(x)


def _places(cells: int) -> np.ndarray:
    """The centres of `cells` cells in a row, -0.5 to 0.5."""
    return ((np.arange(cells) + 0.5) / cells - 0.5).astype(np.float32)
