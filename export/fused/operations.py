"""Operations of `keras.ops` that a network uses without a layer."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from export.fused.graph import ORDER, Graph, Value, axis_of
from export.fused.layer import Layer
from export.fused.layers import Builder, merge_values, whole_shape


def single(kind: str) -> Builder:
    """The elementwise ONNX node `kind`."""

    def build(graph: Graph, layer: Layer, value: Value) -> Value:
        return Value(value.shape, graph.node(kind, graph.tensor(value)))

    return build


def square(graph: Graph, layer: Layer, value: Value) -> Value:
    """Square."""
    tensor = graph.tensor(value)
    return Value(value.shape, graph.node("Mul", tensor, tensor))


def pair(kind: str) -> Builder:
    """The ONNX node `kind` of two values; one may be a constant."""

    def build(graph: Graph, layer: Layer, *given: Value | ArrayLike) -> Value:
        rank = max(len(x.shape) for x in given if isinstance(x, Value))
        both = [x if isinstance(x, Value) else _constant(graph, layer, x, rank) for x in given]
        return merge_values(graph, layer, kind, both)

    return build


def reduction(kind: str, *settings: str) -> Builder:
    """Mean, Max, ...: the ONNX node `kind` over axes other than the batch.

    `settings` are further settings of the operation; they must be None.
    """

    def build(graph: Graph, layer: Layer, value: Value) -> Value:
        rank, given = len(value.shape), layer["axis"]
        listed = range(rank) if given is None else [given] if isinstance(given, int) else given
        axes = sorted(axis % rank for axis in listed)
        if 0 in axes:
            layer.refuse("axis includes the batch; allowed: all others")
        for setting in settings:
            layer.require(setting, None)
        tensor = graph.reduce(kind, graph.tensor(value), [axis_of(value, axis) for axis in axes])
        shape = tuple(1 if axis in axes else side for axis, side in enumerate(value.shape))
        held = Value(shape, tensor)
        if layer["keepdims"]:
            return held
        left = tuple(side for axis, side in enumerate(shape) if axis not in axes)
        return graph.reordered(held, left)

    return build


def reshape(graph: Graph, layer: Layer, value: Value) -> Value:
    """Reshape; the first side is the batch."""
    return graph.reordered(value, whole_shape(layer, value, layer["newshape"][1:]))


def top_k(graph: Graph, layer: Layer, value: Value) -> tuple[Value, Value]:
    """The highest numbers of each row, and their indices."""
    layer.require("sorted", True)
    if len(value.shape) != 2:
        layer.refuse(f"of the shape {value.shape}; allowed: rows")
    shape = (value.shape[0], layer["k"])
    outputs = graph.nodes_out("TopK", 2, graph.tensor(value), graph.integers(shape[1]))
    return Value(shape, outputs[0]), Value(shape, outputs[1])


def get_item(graph: Graph, layer: Layer, value: Value, key: Any) -> Value:
    """Slices along any axis except the batch."""
    tensor, shape = graph.tensor(value), list(value.shape)
    for axis, part in enumerate(key if isinstance(key, list) else [key]):
        if not isinstance(part, slice):
            layer.refuse(f"takes {part!r}; allowed: slices")
        start, stop, step = part.indices(shape[axis])
        if (start, stop, step) == (0, shape[axis], 1):
            continue
        if axis == 0 or step < 1 or start >= stop:
            layer.refuse(f"takes {part!r} of axis {axis}; allowed: forwards, not of the batch")
        tensor = graph.slice(tensor, axis_of(value, axis), start, stop, step)
        shape[axis] = len(range(start, stop, step))
    return Value(tuple(shape), tensor)


def cast(graph: Graph, layer: Layer, value: Value) -> Value:
    """Cast, to float32."""
    layer.require("dtype", "float32")
    return Value(value.shape, graph.as_float(graph.tensor(value)))


def split(graph: Graph, layer: Layer, value: Value) -> tuple[Value, ...]:
    """Split along any axis except the batch, into equal parts or at given places."""
    given, axis = layer["indices_or_sections"], layer["axis"] % len(value.shape)
    if axis == 0:
        layer.refuse("splits the batch; allowed: any other axis")
    side = value.shape[axis]
    places = range(0, side + 1, side // given) if isinstance(given, int) else [0, *given, side]
    sizes = [stop - start for start, stop in pairwise(places)]
    if min(sizes) < 1:
        layer.refuse(f"in parts of {sizes}; allowed: none is empty")
    tensors = graph.split(graph.tensor(value), axis_of(value, axis), sizes)
    return tuple(
        Value((*value.shape[:axis], size, *value.shape[axis + 1 :]), tensor)
        for size, tensor in zip(sizes, tensors, strict=True)
    )


def squeeze(graph: Graph, layer: Layer, value: Value) -> Value:
    """Squeeze, of one axis."""
    axis = layer["axis"]
    if not isinstance(axis, int) or axis % len(value.shape) == 0:
        layer.refuse(f"axis is {axis}; allowed: one that is not the batch")
    shape = list(value.shape)
    del shape[axis]
    return graph.reordered(value, tuple(shape))


def _constant(graph: Graph, layer: Layer, content: ArrayLike, rank: int) -> Value:
    """A number, or an array as in Keras, as a value that goes with values of `rank`."""
    array = np.asarray(content, np.float32)
    shape = (1,) * (rank - array.ndim) + array.shape
    if len(shape) > rank or shape[0] != 1:
        layer.refuse(f"a constant of the shape {array.shape}; allowed: the same for every clip")
    order = ORDER[rank]
    batch = [axis for axis in range(rank) if axis not in order]  # one of length 1, or none
    within = array.reshape(shape).transpose(*batch, *order)
    return Value(shape, graph.constant(within.reshape([shape[axis] for axis in order])))


OPERATIONS: dict[str, Builder] = {
    "Absolute": single("Abs"),
    "Add": pair("Add"),
    "Cast": cast,
    "Divide": pair("Div"),
    "Exp": single("Exp"),
    "GetItem": get_item,
    "Greater": pair("Greater"),
    "GreaterEqual": pair("GreaterOrEqual"),
    "Less": pair("Less"),
    "LessEqual": pair("LessOrEqual"),
    "Log": single("Log"),
    "Max": reduction("ReduceMax", "initial"),
    "Maximum": pair("Max"),
    "Mean": reduction("ReduceMean"),
    "Min": reduction("ReduceMin", "initial"),
    "Minimum": pair("Min"),
    "Multiply": pair("Mul"),
    "Negative": single("Neg"),
    "Relu": single("Relu"),
    "Reshape": reshape,
    "Sigmoid": single("Sigmoid"),
    "Split": split,
    "Sqrt": single("Sqrt"),
    "Square": square,
    "Squeeze": squeeze,
    "Subtract": pair("Sub"),
    "Sum": reduction("ReduceSum"),
    "Tanh": single("Tanh"),
    "TopK": top_k,
    "TrueDivide": pair("Div"),
}
