"""What is left of a change when it is explained as far as one shift of the picture can.

A rigid thing that crosses carries its features along: their change at a place is their slope times
its velocity, the same for all of them. Of people who fight, more than that changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

FLATTEST = 1e-3  # squared slope: flatter places have no velocity
EDGE = 0.02  # of the squared slopes, added to both: along an edge, velocity would be rounding alone


def not_carried(features: keras.KerasTensor) -> keras.KerasTensor:
    """(N, T, H, W, C) -> (N, T - 1, H - 2, W - 2, C): each change less what a shift explains.

    Source: Lucas and Kanade 1981, "An Iterative Image Registration Technique"; one step, in 3x3
    places, for all features together.
    """
    from keras import layers, ops

    def cropped(x: keras.KerasTensor, top: int, left: int) -> keras.KerasTensor:
        return layers.Cropping3D(((0, 0), (top, 2 - top), (left, 2 - left)))(x)

    between = layers.AveragePooling3D((2, 1, 1), (1, 1, 1))(features)
    across = ops.multiply(ops.subtract(cropped(between, 1, 2), cropped(between, 1, 0)), 0.5)
    down = ops.multiply(ops.subtract(cropped(between, 2, 1), cropped(between, 0, 1)), 0.5)
    later = layers.Cropping3D(((1, 0), (1, 1), (1, 1)))(features)
    earlier = layers.Cropping3D(((0, 1), (1, 1), (1, 1)))(features)
    change = ops.subtract(later, earlier)
    pairs = ((across, across), (across, down), (down, down), (across, change), (down, change))
    sums = [ops.sum(ops.multiply(*pair), axis=-1, keepdims=True) for pair in pairs]
    local = layers.AveragePooling3D((1, 3, 3), (1, 1, 1), padding="same")(
        layers.Concatenate()(sums)
    )
    xx, xy, yy, xt, yt = ops.split(local, 5, axis=-1)
    held = ops.add(ops.multiply(ops.add(xx, yy), EDGE), FLATTEST)
    xx, yy = ops.add(xx, held), ops.add(yy, held)
    scale = ops.subtract(ops.multiply(xx, yy), ops.square(xy))
    u = ops.divide(ops.subtract(ops.multiply(xy, yt), ops.multiply(yy, xt)), scale)
    v = ops.divide(ops.subtract(ops.multiply(xy, xt), ops.multiply(xx, yt)), scale)
    return ops.add(change, ops.add(ops.multiply(u, across), ops.multiply(v, down)))
