"""Activation functions, by their names in Keras."""

from __future__ import annotations

from typing import Any

from export.fused.graph import Graph, Value
from export.fused.layer import Layer

# Name in Keras -> ONNX node and its attributes. Channels, over which softmax goes, are axis 1.
ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "elu": ("Elu", {}),
    "exponential": ("Exp", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "relu": ("Relu", {}),
    "selu": ("Selu", {}),
    "sigmoid": ("Sigmoid", {}),
    "softmax": ("Softmax", {"axis": 1}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "tanh": ("Tanh", {}),
}
LINEAR = "linear"


def activation_name(layer: Layer, setting: str) -> str:
    """The activation that a setting of `layer` names; refused if it is unknown."""
    layer.require(setting, LINEAR, *ACTIVATIONS)
    return str(layer[setting])


def write(graph: Graph, name: str, tensor: str) -> str:
    """Write the activation `name` of a tensor."""
    if name == LINEAR:
        return tensor
    kind, attributes = ACTIVATIONS[name]
    return graph.node(kind, tensor, **attributes)


def apply_activation(graph: Graph, layer: Layer, value: Value) -> Value:
    """`value` after the activation of `layer`; unchanged if that is linear."""
    name = activation_name(layer, "activation")
    if name == LINEAR:
        return value
    return Value(value.shape, write(graph, name, graph.tensor(value)))
