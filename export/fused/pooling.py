"""Pooling layers."""

from __future__ import annotations

from collections.abc import Callable

from export.fused.convolution import conv_geometry, padding
from export.fused.frames import shifted_frames
from export.fused.graph import Graph, Value
from export.fused.layer import Layer

Builder = Callable[[Graph, Layer, Value], Value]


def pool1d(in_time: str) -> Builder:
    """MaxPooling1D, AveragePooling1D, by the node `in_time` over rows."""

    def build(graph: Graph, layer: Layer, value: Value) -> Value:
        layer.require("data_format", "channels_last")
        layer.require("padding", "valid")
        (span,), (stride,) = layer["pool_size"], layer["strides"]
        batch, frames, features = value.shape
        tensor = graph.node(in_time, *shifted_frames(graph, value, span, stride))
        return Value((batch, (frames - span) // stride + 1, features), tensor)

    return build


def pool2d(kind: str) -> Builder:
    """MaxPooling2D (`kind` MaxPool), AveragePooling2D (AveragePool)."""

    def build(graph: Graph, layer: Layer, value: Value) -> Value:
        layer.require("data_format", "channels_last")
        return _in_space(graph, layer, kind, value, layer["pool_size"], layer["strides"])

    return build


def pool3d(kind: str, in_time: str, whole: str) -> Builder:
    """MaxPooling3D, AveragePooling3D: in space as above, in time by the node `in_time` of frames.

    `whole` reduces all frames to one.
    """

    def build(graph: Graph, layer: Layer, value: Value) -> Value:
        layer.require("data_format", "channels_last")
        (span, *window), (stride, *strides) = layer["pool_size"], layer["strides"]
        if any(padding(layer, value.shape[1], span, stride)):
            layer.refuse("padding in time; allowed: none")
        batch, frames, *rest = value.shape
        count = (frames - span) // stride + 1
        if span == frames and span > 1:
            tensor = graph.reduce(whole, graph.tensor(value), [0])
            value = Value((batch, 1, *rest), tensor)
        elif span > 1 or stride > 1:
            parts = shifted_frames(graph, value, span, stride)
            tensor = parts[0] if span == 1 else graph.node(in_time, *parts)
            value = Value((batch, count, *rest), tensor)
        return _in_space(graph, layer, kind, value, window, strides)

    return build


def global_pool(kind: str) -> Builder:
    """GlobalMaxPooling2D and 3D (`kind` ReduceMax), GlobalAveragePooling2D and 3D (ReduceMean)."""

    def build(graph: Graph, layer: Layer, value: Value) -> Value:
        layer.require("data_format", "channels_last")
        axes = [0, 2, 3] if len(value.shape) == 5 else [2, 3]
        tensor = graph.reduce(kind, graph.tensor(value), axes)
        ones = (1,) * (len(value.shape) - 2)
        shape = (value.shape[0], value.channels)
        held = Value((value.shape[0], *ones, value.channels), tensor)
        return held if layer["keepdims"] else graph.reordered(held, shape)

    return build


def _in_space(
    graph: Graph, layer: Layer, kind: str, value: Value, window: list[int], strides: list[int]
) -> Value:
    geometry = conv_geometry(layer, value, window, strides)
    if set(window) | set(strides) == {1}:
        return value
    tensor = graph.node(
        kind, graph.tensor(value), kernel_shape=window, strides=strides, pads=geometry.pads
    )
    places = geometry.places(value.shape[-3:-1], window)
    return Value((*value.shape[:-3], *places, value.channels), tensor)


POOLING: dict[str, Builder] = {
    "AveragePooling1D": pool1d("Mean"),
    "AveragePooling2D": pool2d("AveragePool"),
    "AveragePooling3D": pool3d("AveragePool", "Mean", "ReduceMean"),
    "GlobalAveragePooling2D": global_pool("ReduceMean"),
    "GlobalAveragePooling3D": global_pool("ReduceMean"),
    "GlobalMaxPooling2D": global_pool("ReduceMax"),
    "GlobalMaxPooling3D": global_pool("ReduceMax"),
    "MaxPooling1D": pool1d("Max"),
    "MaxPooling2D": pool2d("MaxPool"),
    "MaxPooling3D": pool3d("MaxPool", "Max", "ReduceMax"),
}
