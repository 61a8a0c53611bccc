"""What can make an ONNX graph out of a Keras network."""

from enum import StrEnum


class Engine(StrEnum):
    """The name of a route, as the command takes it."""

    FUSED = "fused"
    TF2ONNX = "tf2onnx"
