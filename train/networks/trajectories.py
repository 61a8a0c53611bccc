"""How what moves goes through the picture: flow, and where and how wide it is, frame by frame.

Nothing here is fitted. Flow is measured against the contrast of the clip itself, so that a scene in
the dark gives what it would give by day; and relative to the middle of what moves, so that the same
act gives the same wherever it is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from train.networks.optical_flow import around, shift

if TYPE_CHECKING:
    import keras

# Pixels averaged to one, along each side: the finer cells see slow motion, the coarser see fast.
CELLS = (2, 4)
# Of the squared slopes of a picture whose contrast is 1: flatter places have no flow.
FLATTEST = 0.002
EDGE = 0.05  # of the mean squared slope
FASTEST = 3.0  # cells a frame; where flow says more it is wrong
LEAST_CONTRAST = 1.0  # grey levels: that of a black picture is noise alone
LEAST_CHANGE = 1e-3  # of the contrast: a picture that changes less is still
SMOOTHED = 4  # frames a peak is averaged over
SMALL = 1e-4


def trajectories(clip: keras.KerasTensor) -> keras.KerasTensor:
    """(N, T, H, W, 3) uint8 -> (N, T - 1, 24): of each size of cells, what `_moments` gives."""
    from keras import layers, ops

    grey = ops.mean(ops.cast(clip, "float32"), axis=-1, keepdims=True)
    each = []
    for cells in CELLS:
        x = layers.AveragePooling3D((1, cells, cells))(grey)
        each.append(_moments(*_flow(ops.divide(x, _contrast(x)))))
    return layers.Concatenate()(each)


def over_time(x: keras.KerasTensor) -> keras.KerasTensor:
    """(N, T, C) -> (N, 5 C): mean, deviation, highest and lowest for a while, and unrest.

    As roots that keep their sign, which tame the few very fast motions.
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
    """How far the pixels of a clip are from the mean of their picture: (N, 1, 1, 1, 1)."""
    from keras import ops

    far = ops.subtract(x, ops.mean(x, axis=(2, 3), keepdims=True))
    spread = ops.mean(ops.square(far), axis=(1, 2, 3, 4), keepdims=True)
    return ops.add(ops.sqrt(spread), LEAST_CONTRAST)


def _flow(x: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
    """(N, T, H, W, 1) -> across and down, in cells a frame, and change: (N, T - 1, H-2, W-2, 1)."""
    from keras import ops

    found = shift(x, EDGE / 2, FLATTEST)
    # ops.clip would take the name of the network's input.
    u, v = (ops.maximum(ops.minimum(x, FASTEST), -FASTEST) for x in (found.u, found.v))
    return u, v, around(ops.absolute(found.change))


def _moments(
    across: keras.KerasTensor, down: keras.KerasTensor, change: keras.KerasTensor
) -> keras.KerasTensor:
    """(N, T, H, W, 1) each -> (N, T, 12), means over the picture, by how much each place changes.

    Flow and its size, across and down; both above the middle of what moves; how much it grows
    and how wide it is, across and down; how low it is; and how much changes, as a logarithm.
    """
    from keras import layers, ops

    low = _places(change.shape[2])[:, np.newaxis, np.newaxis]
    right = _places(change.shape[3])[:, np.newaxis]
    whole = ops.sum(change, axis=(2, 3), keepdims=True)
    share = ops.divide(change, ops.add(whole, LEAST_CHANGE))

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
        ops.log(ops.add(ops.mean(change, axis=(2, 3), keepdims=True), LEAST_CHANGE)),
    ]
    x = layers.Concatenate()(seen)
    return layers.Reshape((x.shape[1], x.shape[-1]))(x)


def _places(cells: int) -> np.ndarray:
    """The middles of so many cells in a row, -0.5 to 0.5."""
    return ((np.arange(cells) + 0.5) / cells - 0.5).astype(np.float32)
