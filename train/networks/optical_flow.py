"""The shift of the picture that explains its change best, place by place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import keras

FLATTEST = 1e-3  # squared slope: flatter places have no velocity
EDGE = 0.02  # of the squared slopes


class Shift(NamedTuple):
    """What moves, from each frame to the next; (N, T - 1, H - 2, W - 2, C), and 1 for the last two.

    A shift alone would change a place by -(u across + v down).
    """

    across: keras.KerasTensor  # slope to the right, a place
    down: keras.KerasTensor
    change: keras.KerasTensor
    u: keras.KerasTensor  # places to the right a frame
    v: keras.KerasTensor  # down


def shift(x: keras.KerasTensor, edge: float, flattest: float) -> Shift:
    """Of (N, T, H, W, C), one for all C together, in 3x3 places.

    `edge`, of the squared slopes, is added to both: along an edge, the shift would be rounding
    alone. Places whose squared slope is less than `flattest` have none.
    Source: Lucas and Kanade 1981, "An Iterative Image Registration Technique"; one step.
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
    sums = [ops.sum(ops.multiply(*pair), axis=-1, keepdims=True) for pair in pairs]
    local = around(layers.Concatenate()(sums))
    xx, xy, yy, xt, yt = ops.split(local, 5, axis=-1)
    held = ops.add(ops.multiply(ops.add(xx, yy), edge), flattest)
    xx, yy = ops.add(xx, held), ops.add(yy, held)
    scale = ops.subtract(ops.multiply(xx, yy), ops.square(xy))
    u = ops.divide(ops.subtract(ops.multiply(xy, yt), ops.multiply(yy, xt)), scale)
    v = ops.divide(ops.subtract(ops.multiply(xy, xt), ops.multiply(xx, yt)), scale)
    return Shift(across, down, change, u, v)


def around(x: keras.KerasTensor) -> keras.KerasTensor:
    """The means over 3x3 places."""
    from keras import layers

    return layers.AveragePooling3D((1, 3, 3), (1, 1, 1), padding="same")(x)


def not_carried(features: keras.KerasTensor) -> keras.KerasTensor:
    """(N, T, H, W, C) -> (N, T - 1, H - 2, W - 2, C): each change less what a shift explains."""
    from keras import ops

    across, down, change, u, v = shift(features, EDGE, FLATTEST)
    return ops.add(change, ops.add(ops.multiply(u, across), ops.multiply(v, down)))
