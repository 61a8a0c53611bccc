"""Convolutions and dense layers; what scales their input and output goes into the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from export.fused.activation import activated
from export.fused.frames import padded, together
from export.fused.graph import Array, Graph, Linear, Value
from export.fused.layer import Layer

BYTES = range(256)


@dataclass(frozen=True)
class Sides:
    """How a window moves over height and width."""

    strides: tuple[int, int] = (1, 1)
    before: tuple[int, int] = (0, 0)  # added above and to the left
    after: tuple[int, int] = (0, 0)
    dilations: tuple[int, int] = (1, 1)

    @property
    def pads(self) -> list[int]:
        """As ONNX wants it."""
        return [*self.before, *self.after]

    def places(self, size: Sequence[int], window: Sequence[int]) -> tuple[int, int]:
        """How often `window` fits into pictures of `size`, both (height, width)."""
        high, wide = (
            (size[n] + self.before[n] + self.after[n] - (window[n] - 1) * self.dilations[n] - 1)
            // self.strides[n]
            + 1
            for n in range(2)
        )
        return high, wide


def padding(layer: Layer, size: int, span: int, stride: int) -> tuple[int, int]:
    """What is added before and after an axis of `size` for windows of `span`."""
    layer.only("padding", "valid", "same")
    if layer["padding"] == "valid":
        return 0, 0
    total = max((-(-size // stride) - 1) * stride + span - size, 0)
    return total // 2, total - total // 2


def sides(
    layer: Layer,
    value: Value,
    window: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int] = (1, 1),
) -> Sides:
    """How `window` moves over the pictures of `value`, all as (height, width)."""
    high, wide = (
        padding(layer, value.shape[n - 3], (window[n] - 1) * dilations[n] + 1, strides[n])
        for n in range(2)
    )
    return Sides(
        (strides[0], strides[1]),
        (high[0], wide[0]),
        (high[1], wide[1]),
        (dilations[0], dilations[1]),
    )


def conv2d(graph: Graph, layer: Layer, value: Value) -> Value:
    """Conv2D."""
    layer.only("data_format", "channels_last")
    kernel = layer.weight("kernel")
    moved = sides(layer, value, layer["kernel_size"], layer["strides"], layer["dilation_rate"])
    made = convolve(graph, value, kernel, _bias(layer, kernel), moved, layer["groups"])
    _ = layer["filters"]
    return activated(graph, layer, made)


def depthwise_conv2d(graph: Graph, layer: Layer, value: Value) -> Value:
    """DepthwiseConv2D: every channel for itself."""
    layer.only("data_format", "channels_last")
    kernel = layer.weight("kernel")
    high, wide, channels, times = kernel.shape
    kernel = kernel.reshape(high, wide, 1, channels * times)
    moved = sides(layer, value, layer["kernel_size"], layer["strides"], layer["dilation_rate"])
    made = convolve(graph, value, kernel, _bias(layer, kernel), moved, channels)
    _ = layer["depth_multiplier"]
    return activated(graph, layer, made)


def conv3d(graph: Graph, layer: Layer, value: Value) -> Value:
    """Conv3D, as a convolution of pictures that have the channels of several frames."""
    layer.only("data_format", "channels_last")
    kernel = layer.weight("kernel")
    (span, *window), (stride, *strides) = layer["kernel_size"], layer["strides"]
    (apart, *dilations), groups = layer["dilation_rate"], layer["groups"]
    if apart != 1:
        layer.refuse(f"dilation_rate in time is {apart}; allowed: 1")
    if span > 1 and groups > 1:
        layer.refuse(f"groups is {groups}; allowed with a kernel in time: 1")
    moved = sides(layer, value, window, strides, dilations)
    added = padding(layer, value.shape[1], span, stride)
    value = together(graph, value, span, stride, added)
    kernel = kernel.transpose(1, 2, 0, 3, 4).reshape(*window, -1, kernel.shape[-1])
    made = convolve(graph, value, kernel, _bias(layer, kernel), moved, groups)
    _ = layer["filters"]
    return activated(graph, layer, made)


def dense(graph: Graph, layer: Layer, value: Value) -> Value:
    """Dense: on pictures a convolution of single pixels."""
    layer.only("quantization_config", None)
    kernel = layer.weight("kernel")
    bias = _bias(layer, kernel)
    _ = layer["units"]
    if len(value.shape) > 3:
        made = convolve(graph, value, kernel[None, None], bias, Sides())
        return activated(graph, layer, made)
    if len(value.shape) == 1:
        layer.refuse("has no features to take in")
    value, scale, offset = graph.opened(value)
    tensor = graph.tensor(value)

    def write(kernel: Array, bias: Array) -> str:
        return graph.node("Gemm", tensor, graph.constant(kernel), graph.constant(bias))

    linear = Linear(write, kernel * scale[:, None], bias + offset @ kernel)
    made = Value((*value.shape[:-1], kernel.shape[-1]), linear=linear)
    return activated(graph, layer, made)


def convolve(
    graph: Graph, value: Value, kernel: Array, bias: Array, moved: Sides, groups: int = 1
) -> Value:
    """`value` under a kernel (height, width, channels in / groups, channels out).

    What is still to be applied to `value` goes into the kernel.
    """
    value, scale, offset, moved = _bordered(graph, value, moved)
    size = value.shape[-3:-1]
    high, wide, inner, outer = kernel.shape
    places = moved.places(size, (high, wide))
    # Channel out -> the channels in that it sees.
    seen = np.arange(inner)[:, None] + np.arange(outer) // (outer // groups) * inner
    bias = bias + (kernel * offset[seen]).sum(axis=(0, 1, 2))
    kernel = kernel * scale[seen]
    shape = (*value.shape[:-3], *places, outer)
    if value.pixels and groups == 1 and moved.dilations[1] == 1:
        # One channel whose columns are the colours: nothing has to be transposed.
        colours, value = value.channels, Value(value.shape, graph.as_float(value.tensor))
        kernel = kernel.reshape(high, wide * colours, 1, outer)
        moved = Sides(
            (moved.strides[0], moved.strides[1] * colours),
            (moved.before[0], moved.before[1] * colours),
            (moved.after[0], moved.after[1] * colours),
            moved.dilations,
        )
    tensor = graph.tensor(value)

    def write(kernel: Array, bias: Array) -> str:
        constants = [graph.constant(kernel.transpose(3, 2, 0, 1))]
        if bias.any():
            constants.append(graph.constant(bias))
        return graph.node(
            "Conv",
            tensor,
            *constants,
            pads=moved.pads,
            strides=moved.strides,
            dilations=moved.dilations,
            group=groups,
        )

    return Value(shape, linear=Linear(write, kernel, bias))


def _bordered(graph: Graph, value: Value, moved: Sides) -> tuple[Value, Array, Array, Sides]:
    """`value`, the scale and the offset left to be applied to it, and how the window then moves.

    Keras adds zeros at the borders after the offset was applied. So the number is added before
    that the offset makes zero; where there is no such number, the offset is written, not left.
    """
    bare, scale, offset = graph.opened(value)
    if not (any(moved.pads) and offset.any()):
        return bare, scale, offset, moved
    if scale.all():
        level, *others = np.unique(-offset / scale)
        if not others and (level in BYTES or not bare.pixels):
            wide = padded(graph, bare, moved.before, moved.after, level)
            return wide, scale, offset, replace(moved, before=(0, 0), after=(0, 0))
    return graph.plain(value), np.ones_like(scale), np.zeros_like(offset), moved


def _bias(layer: Layer, kernel: Array) -> Array:
    return layer.weight("bias") if layer["use_bias"] else np.zeros(kernel.shape[-1])
