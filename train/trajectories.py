"""How what moves goes through the picture: flow, and where and how wide it is, frame by frame.

Nothing here is fitted. Flow is measured against the contrast of the clip itself, so that a scene in
the dark gives what it would give by day; and relative to the middle of what moves, so that the same
act gives the same wherever it is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

# Pixels averaged to one, along each side: the finer cells see slow motion, the coarser see fast.
CELLS = (2, 4)
# Of the squared slopes of a picture whose contrast is 1: flatter places have no flow.
FLATTEST = 0.002
EDGE = 0.05  # of the mean squared slope, added to both: along an edge, flow would be rounding alone
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
    """(N, T, H, W, 1) -> across and down, in cells a frame, and change: (N, T - 1, H-2, W-2, 1).

    Source: Lucas and Kanade 1981, "An Iterative Image Registration Technique"; one step, in 3x3
    cells.
    """
    from keras import layers, ops

    def cropped(x: keras.KerasTensor, top: int, left: int) -> keras.KerasTensor:
        return layers.Cropping3D(((0, 0), (top, 2 - top), (left, 2 - left)))(x)

    between = layers.AveragePooling3D((2, 1, 1), (1, 1, 1))(x)
    across = ops.multiply(ops.subtract(cropped(between, 1, 2), cropped(between, 1, 0)), 0.5)
    down = ops.multiply(ops.subtract(cropped(between, 2, 1), cropped(between, 0, 1)), 0.5)
    later = layers.Cropping3D(((1, 0), (1, 1), (1, 1)))(x)
    earlier = layers.Cropping3D(((0, 1), (1, 1), (1, 1)))(x)
    change = ops.subtract(later, earlier)
    pairs = ((across, across), (across, down), (down, down), (across, change), (down, change))
    products = [ops.multiply(*pair) for pair in pairs]
    local = layers.AveragePooling3D((1, 3, 3), (1, 1, 1), padding="same")(
        layers.Concatenate()([*products, ops.absolute(change)])
    )
    xx, xy, yy, xt, yt, strength = ops.split(local, 6, axis=-1)
    held = ops.add(ops.multiply(ops.add(xx, yy), EDGE / 2), FLATTEST)
    xx, yy = ops.add(xx, held), ops.add(yy, held)
    scale = ops.subtract(ops.multiply(xx, yy), ops.square(xy))
    u = ops.divide(ops.subtract(ops.multiply(xy, yt), ops.multiply(yy, xt)), scale)
    v = ops.divide(ops.subtract(ops.multiply(xy, xt), ops.multiply(xx, yt)), scale)
    # ops.clip would take the name of the network's input.
    u, v = (ops.maximum(ops.minimum(x, FASTEST), -FASTEST) for x in (u, v))
    return u, v, strength


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
