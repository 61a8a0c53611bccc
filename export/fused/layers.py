"""Layers other than convolutions: merging, cropping, scaling, activations; and the table of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from export.fused import activation
from export.fused.convolution import conv2d, conv3d, dense, depthwise_conv2d
from export.fused.frames import pad, pad_in_time
from export.fused.graph import Graph, Shape, Value, axis_of
from export.fused.layer import Layer
from export.fused.pooling import POOLING
from export.fused.recurrent import conv_lstm2d, lstm

NORMAL_EPSILON = 1e-7  # the lowest deviation in Keras' Normalization

Builder = Callable[..., Any]  # graph, layer and its inputs -> Value or Values


def batch_normalization(graph: Graph, layer: Layer, value: Value) -> Value:
    """BatchNormalization, with the statistics that training left."""
    layer.require("axis", -1, len(value.shape) - 1, [-1], [len(value.shape) - 1])
    scale = 1 / np.sqrt(layer.weight("moving_variance") + layer["epsilon"])
    if layer["scale"]:
        scale = scale * layer.weight("gamma")
    offset = -layer.weight("moving_mean") * scale
    if layer["center"]:
        offset = offset + layer.weight("beta")
    return value.scaled(scale, offset)


def normalization(graph: Graph, layer: Layer, value: Value) -> Value:
    """Normalization, by one number or one per channel, given or adapted."""
    layer.require("invert", False)
    for key in ("axis", "mean", "variance"):  # which the layer has made its own of
        _ = layer[key]
    mean, variance = layer.operation.mean, layer.operation.variance
    if np.size(mean) not in (1, value.channels) or np.shape(mean)[-1] != np.size(mean):
        layer.refuse(f"has means of the shape {np.shape(mean)}; allowed: one a channel")
    scale = 1 / np.maximum(np.sqrt(np.asarray(variance, np.float64)), NORMAL_EPSILON)
    return value.scaled(scale.ravel(), (-np.asarray(mean, np.float64) * scale).ravel())


def rescaling(graph: Graph, layer: Layer, value: Value) -> Value:
    """Rescaling, by one number or one per channel."""
    for key in ("scale", "offset"):
        if np.shape(layer[key]) not in ((), (value.channels,)):
            layer.refuse(f"{key} has the shape {np.shape(layer[key])}; allowed: one a channel")
    return value.scaled(layer["scale"], layer["offset"])


def activation_layer(graph: Graph, layer: Layer, value: Value) -> Value:
    """Activation."""
    return activation.apply_activation(graph, layer, value)


def relu(graph: Graph, layer: Layer, value: Value) -> Value:
    """ReLU, with or without an upper limit."""
    layer.require("negative_slope", 0)
    layer.require("threshold", 0)
    tensor, most = graph.tensor(value), layer["max_value"]
    if most is None:
        return Value(value.shape, graph.node("Relu", tensor))
    return Value(value.shape, graph.node("Clip", tensor, graph.constant(0), graph.constant(most)))


def leaky_relu(graph: Graph, layer: Layer, value: Value) -> Value:
    """LeakyReLU."""
    slope = layer["negative_slope"]
    return Value(value.shape, graph.node("LeakyRelu", graph.tensor(value), alpha=slope))


def softmax(graph: Graph, layer: Layer, value: Value) -> Value:
    """Softmax over the channels."""
    layer.require("axis", -1, len(value.shape) - 1)
    return Value(value.shape, activation.write(graph, "softmax", graph.tensor(value)))


def identity(graph: Graph, layer: Layer, value: Value) -> Value:
    """Layers that act in training only."""
    return value


def flatten(graph: Graph, layer: Layer, value: Value) -> Value:
    """Flatten, in Keras' order."""
    layer.require("data_format", "channels_last")
    return graph.reordered(value, (value.shape[0], int(np.prod(value.shape[1:]))))


def reshape(graph: Graph, layer: Layer, value: Value) -> Value:
    """Reshape."""
    return graph.reordered(value, whole_shape(layer, value, layer["target_shape"]))


def cropping(graph: Graph, layer: Layer, value: Value) -> Value:
    """Cropping2D, Cropping3D."""
    layer.require("data_format", "channels_last")
    tensor, shape = graph.tensor(value), list(value.shape)
    for axis, (first, last) in enumerate(layer["cropping"], start=1):
        if first or last:
            stop = shape[axis] - last
            tensor = graph.slice(tensor, axis_of(value, axis), first, stop)
            shape[axis] = stop - first
    return Value(tuple(shape), tensor)


def cropping1d(graph: Graph, layer: Layer, value: Value) -> Value:
    """Cropping1D."""
    first, last = layer["cropping"]
    batch, frames, features = value.shape
    tensor = graph.slice(graph.tensor(value), 0, first, frames - last)
    return Value((batch, frames - first - last, features), tensor)


def zero_padding(graph: Graph, layer: Layer, value: Value) -> Value:
    """ZeroPadding2D, ZeroPadding3D."""
    layer.require("data_format", "channels_last")
    *in_time, high, wide = layer["padding"]
    for before, after in in_time:
        value = pad_in_time(graph, value, before, after)
    if any((*high, *wide)):
        value = pad(graph, graph.materialize(value), (high[0], wide[0]), (high[1], wide[1]))
    return value


def merge(kind: str) -> Builder:
    """Add, Multiply, ...: the ONNX node `kind` of two or more values."""

    def build(graph: Graph, layer: Layer, values: Sequence[Value]) -> Value:
        return merge_values(graph, layer, kind, values)

    return build


def merge_values(graph: Graph, layer: Layer, kind: str, values: Sequence[Value]) -> Value:
    """The ONNX node `kind`, applied to values of one rank one after the other."""
    first, *rest = values
    if any(len(value.shape) != len(first.shape) for value in rest):
        layer.refuse("joins values of different ranks; allowed: of the same")
    tensor, shape = graph.tensor(first), first.shape
    for value in rest:
        tensor = graph.node(kind, tensor, graph.tensor(value))
        shape = np.broadcast_shapes(shape, value.shape)
    return Value(shape, tensor)


def concatenate(graph: Graph, layer: Layer, values: Sequence[Value]) -> Value:
    """Concatenate, along any axis except the batch."""
    first = values[0]
    axis = layer["axis"] % len(first.shape)
    if axis == 0:
        layer.refuse("axis is the batch; allowed: any other")
    shape = list(first.shape)
    shape[axis] = sum(value.shape[axis] for value in values)
    tensors = [graph.tensor(value) for value in values]
    return Value(tuple(shape), graph.concat(tensors, axis_of(first, axis)))


def whole_shape(layer: Layer, value: Value, wanted: Sequence[int]) -> Shape:
    """The batch and `wanted`, with the -1 in it replaced by the remaining size."""
    size, known = int(np.prod(value.shape[1:])), abs(int(np.prod(wanted)))
    shape = (value.shape[0], *(size // known if side == -1 else side for side in wanted))
    if not 1 < len(shape) < 6 or np.prod(shape) != np.prod(value.shape):
        layer.refuse(f"makes the shape {shape}; allowed: 2 to 5 sides, the batch as it is")
    return shape


LAYERS: dict[str, Builder] = {
    "Activation": activation_layer,
    "Add": merge("Add"),
    "BatchNormalization": batch_normalization,
    "Concatenate": concatenate,
    "Conv2D": conv2d,
    "Conv3D": conv3d,
    "ConvLSTM2D": conv_lstm2d,
    "Cropping1D": cropping1d,
    "Cropping2D": cropping,
    "Cropping3D": cropping,
    "Dense": dense,
    "DepthwiseConv2D": depthwise_conv2d,
    "Dropout": identity,
    "Flatten": flatten,
    "GaussianNoise": identity,
    "Identity": identity,
    "LSTM": lstm,
    "LeakyReLU": leaky_relu,
    "Maximum": merge("Max"),
    "Minimum": merge("Min"),
    "Multiply": merge("Mul"),
    "Normalization": normalization,
    "ReLU": relu,
    "Rescaling": rescaling,
    "Reshape": reshape,
    "Softmax": softmax,
    "Subtract": merge("Sub"),
    "ZeroPadding2D": zero_padding,
    "ZeroPadding3D": zero_padding,
    **POOLING,
}
