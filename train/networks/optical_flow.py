"""Optical flow by Lucas and Kanade, and the motion that it does not explain."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import keras

FLATTEST = 1e-3  # squared gradient: flatter neighbourhoods have no flow
EDGE = 0.02  # share of the squared gradients


class Flow(NamedTuple):
    """Flow from each frame to the next; (N, T - 1, H - 2, W - 2, C), with C = 1 for `u` and `v`.

    The flow alone would change a pixel by -(u across + v down).
    """

    across: keras.KerasTensor  # gradient to the right, per pixel
    down: keras.KerasTensor  # gradient downwards
    change: keras.KerasTensor
    u: keras.KerasTensor  # pixels to the right per frame
    v: keras.KerasTensor  # pixels down per frame


def lucas_kanade(x: keras.KerasTensor, edge: float, flattest: float) -> Flow:
    """The flow of (N, T, H, W, C) in 3x3 neighbourhoods, one for all C together.

    The share `edge` of the squared gradients regularises both directions, because the flow along an
    edge is not determined. Where the squared gradient is far below `flattest`, the flow is near 0.
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
    local = local_mean(layers.Concatenate()(sums))
    xx, xy, yy, xt, yt = ops.split(local, 5, axis=-1)
    held = ops.add(ops.multiply(ops.add(xx, yy), edge), flattest)
    xx, yy = ops.add(xx, held), ops.add(yy, held)
    scale = ops.subtract(ops.multiply(xx, yy), ops.square(xy))
    u = ops.divide(ops.subtract(ops.multiply(xy, yt), ops.multiply(yy, xt)), scale)
    v = ops.divide(ops.subtract(ops.multiply(xy, xt), ops.multiply(xx, yt)), scale)
    return Flow(across, down, change, u, v)


def local_mean(x: keras.KerasTensor) -> keras.KerasTensor:
    """Means over 3x3 neighbourhoods."""
    from keras import layers

    return layers.AveragePooling3D((1, 3, 3), (1, 1, 1), padding="same")(x)


def residual_motion(features: keras.KerasTensor) -> keras.KerasTensor:
    """(N, T, H, W, C) -> (N, T - 1, H - 2, W - 2, C): the change that flow does not explain.

    The features of a rigid thing that crosses move with it: their change is their gradient times
    its velocity, which all features share. People who fight change more than that.
    """
    from keras import ops

    across, down, change, u, v = lucas_kanade(features, EDGE, FLATTEST)
    return ops.add(change, ops.add(ops.multiply(u, across), ops.multiply(v, down)))
