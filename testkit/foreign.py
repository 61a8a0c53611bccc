"""Small networks as other people make them, and their files."""

from pathlib import Path

import keras
from keras import Input, Model, layers

from export.export import ExportResult, export_model
from export.options import NetworkDescription
from testkit.trained import give_weights

TINY = (6, 16, 16, 3)


def saved(network: Model, path: Path) -> Path:
    """The file of a network, with weights that make scores differ."""
    give_weights(network).save(path)
    return path


def tiny(*ends: keras.Layer, first: keras.KerasTensor | None = None) -> Model:
    """A network on clips of `TINY` that sees colours, with `ends` after its features."""
    clip = Input(TINY) if first is None else first
    x = layers.Conv3D(4, 3, activation="relu")(clip)
    x = layers.GlobalAveragePooling3D()(x)
    for end in ends:
        x = end(x)
    return Model(clip, x)


def softmax(count: int = 2) -> keras.Layer:
    """The end of most networks."""
    return layers.Dense(count, activation="softmax")


def exported(path: Path, described: NetworkDescription) -> ExportResult:
    """What becomes of it as m.onnx beside it."""
    return export_model(path, path.with_name("m.onnx"), description=described)
