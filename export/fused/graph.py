"""The ONNX graph while it is being written, and the values in it.

A value has its shape in Keras, with a batch of one clip. Its tensor has channels first, and the
frames of a clip as the batch:

    Keras              tensor
    (1, T, H, W, C)    (T, C, H, W)
    (N, H, W, C)       (N, C, H, W)    inside a layer that is applied to every frame, N is T
    (1, T, F)          (T, F)
    (N, F), (N,)       the same

So one convolution handles all frames, and TimeDistributed changes no tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from export.fused.layer import NotFused

if TYPE_CHECKING:
    import onnx

Array = NDArray[np.float64]
Shape = tuple[int, ...]

# Rank in Keras -> the Keras axis of each axis of the tensor.
ORDER = {5: (1, 4, 2, 3), 4: (0, 3, 1, 2), 3: (1, 2), 2: (0, 1), 1: (0,)}


@dataclass(frozen=True, eq=False)
class Linear:
    """A convolution or product that is not written yet, so that scales can be folded into it."""

    write: Callable[[Array, Array], str]  # kernel and bias -> the tensor
    kernel: Array  # (..., channels out), as in Keras
    bias: Array  # (channels out,)


@dataclass(frozen=True, eq=False)
class Value:
    """The result of a layer: a tensor, times `scale` plus `offset`, or a Linear."""

    shape: Shape  # as in Keras
    tensor: str = ""
    linear: Linear | None = None
    scale: Array | None = None  # () or (C,), not applied to the tensor yet; None: no scale
    offset: Array | None = None  # of the same shape
    # The tensor is uint8 (N, 1, H, W C), with interleaved colours as in a picture.
    pixels: bool = False

    @property
    def channels(self) -> int:
        """The number of channels."""
        return self.shape[-1]

    def scaled(self, scale: ArrayLike, offset: ArrayLike) -> Value:
        """This value times `scale` plus `offset`, each a number or one per channel."""
        by, plus = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (scale, offset)))
        if self.linear is not None:
            kernel, bias = self.linear.kernel * by, self.linear.bias * by + plus
            return replace(self, linear=replace(self.linear, kernel=kernel, bias=bias))
        if self.scale is None or self.offset is None:
            return replace(self, scale=by, offset=plus)
        return replace(self, scale=self.scale * by, offset=self.offset * by + plus)


class Graph:
    """The nodes and constants of a graph, in the order of writing."""

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self._names: dict[tuple[str, Shape, bytes], str] = {}  # of constants, by content
        self._written: dict[tuple[object, ...], tuple[Value, str]] = {}

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Write a node with one output and return the output's name."""
        return self.nodes_out(kind, 1, *inputs, **attributes)[0]

    def nodes_out(self, kind: str, count: int, *inputs: str, **attributes: Any) -> list[str]:
        """Write a node with `count` outputs and return their names."""
        from onnx import helper

        at = len(self.nodes)
        outputs = [f"{kind.lower()}_{at}" + (f"_{part}" if part else "") for part in range(count)]
        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs

    def constant(self, content: ArrayLike, kind: type[np.generic] = np.float32) -> str:
        """The name of a constant; equal constants are stored once."""
        array = np.ascontiguousarray(np.asarray(content, kind)).reshape(np.shape(content))
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._names:
            name = self._names[key] = f"constant_{len(self._names)}"
            self.constants[name] = array
        return self._names[key]

    def integers(self, *content: int) -> str:
        """The name of an int64 constant, for shapes and axes."""
        return self.constant(content, np.int64)

    def tensor(self, value: Value) -> str:
        """The name of the tensor of `value` with scale and offset applied, written once."""
        # Its parts, without the shape. The value is kept with it, so that no id is reused.
        key = (value.tensor, id(value.linear), id(value.scale), id(value.offset), value.pixels)
        if key not in self._written:
            self._written[key] = value, self._write(value)
        return self._written[key][1]

    def materialize(self, value: Value) -> Value:
        """`value` as a tensor with scale and offset applied."""
        return Value(value.shape, self.tensor(value))

    def unfold(self, value: Value) -> tuple[Value, Array, Array]:
        """`value` as a bare tensor, and its pending scale and offset, each (C,)."""
        by, plus = value.scale, value.offset
        if value.linear is not None or by is None or plus is None:
            bare = value if value.linear is None else self.materialize(value)
            return bare, np.ones(value.channels), np.zeros(value.channels)
        wide = np.zeros(value.channels)
        return replace(value, scale=None, offset=None), by + wide, plus + wide

    def _write(self, value: Value) -> str:
        if value.linear is not None:
            return value.linear.write(value.linear.kernel, value.linear.bias)
        name = self._channels_first(value) if value.pixels else value.tensor
        if value.scale is None or value.offset is None:
            return name
        side = (1, -1, 1, 1) if len(value.shape) > 3 else (-1,)
        if np.any(value.scale != 1):
            name = self.node("Mul", name, self.constant(value.scale.reshape(side)))
        if np.any(value.offset != 0):
            name = self.node("Add", name, self.constant(value.offset.reshape(side)))
        return name

    def _channels_first(self, value: Value) -> str:
        """Pixels as float32 (N, C, H, W)."""
        *_, height, width, channels = value.shape
        apart = self.reshape(value.tensor, (-1, height, width, channels))
        return self.as_float(self.node("Transpose", apart, perm=[0, 3, 1, 2]))

    def as_float(self, tensor: str) -> str:
        """A tensor cast to float32."""
        from onnx import TensorProto

        return self.node("Cast", tensor, to=TensorProto.FLOAT)

    def reshape(self, tensor: str, shape: Sequence[int]) -> str:
        """A tensor in another shape."""
        return self.node("Reshape", tensor, self.integers(*shape))

    def slice(self, tensor: str, axis: int, start: int, stop: int, step: int = 1) -> str:
        """A slice of a tensor along an axis."""
        one = [self.integers(part) for part in (start, stop, axis, step)]
        return self.node("Slice", tensor, *one)

    def split(self, tensor: str, axis: int, sizes: Sequence[int]) -> list[str]:
        """A tensor split into `sizes` along an axis."""
        if len(sizes) == 1:
            return [tensor]
        return self.nodes_out("Split", len(sizes), tensor, self.integers(*sizes), axis=axis)

    def concat(self, tensors: Sequence[str], axis: int) -> str:
        """Tensors concatenated along an axis."""
        return tensors[0] if len(tensors) == 1 else self.node("Concat", *tensors, axis=axis)

    def reduce(self, kind: str, tensor: str, axes: Sequence[int]) -> str:
        """ReduceMean, ReduceMax, ... over some axes, which are kept with length 1."""
        if self.opset >= 18 or kind == "ReduceSum":
            return self.node(kind, tensor, self.integers(*axes), keepdims=1)
        return self.node(kind, tensor, axes=list(axes), keepdims=1)

    def reordered(self, value: Value, shape: Shape) -> Value:
        """`value` in another shape, with its numbers in Keras' order."""
        if 0 not in ORDER[len(shape)] and shape[0] != 1:
            raise NotFused(f"makes the shape {shape} of frames; allowed: pictures and rows")
        name = self.tensor(value)
        old, new = ORDER[len(value.shape)], ORDER[len(shape)]
        sides = [value.shape[axis] for axis in old]
        if len(old) == 4 and min(sides[1], sides[2] * sides[3]) > 1:
            name = self.node("Transpose", name, perm=[0, 2, 3, 1])
        sides = [shape[axis] for axis in new]
        if len(new) == 4 and min(sides[1], sides[2] * sides[3]) > 1:
            name = self.reshape(name, (sides[0], *sides[2:], sides[1]))
            return Value(shape, self.node("Transpose", name, perm=[0, 3, 1, 2]))
        return Value(shape, self.reshape(name, sides))


def axis_of(value: Value, axis: int) -> int:
    """The axis of the tensor of `value` for Keras' axis `axis`, which may be negative."""
    return ORDER[len(value.shape)].index(axis % len(value.shape))
