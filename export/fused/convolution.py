"""Convolutions and dense layers; scales and offsets around them are folded into the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from export.fused.activation import apply_activation
from export.fused.frames import pad, stack_frames
from export.fused.graph import Array, Graph, Linear, Value
from export.fused.layer import Layer

BYTES = range(256)


@dataclass(frozen=True)
class ConvGeometry:
    """Strides, padding and dilations over height and width."""

    strides: tuple[int, int] = (1, 1)
    before: tuple[int, int] = (0, 0)  # padding above and to the left
    after: tuple[int, int] = (0, 0)
    dilations: tuple[int, int] = (1, 1)

    @property
    def pads(self) -> list[int]:
        """The padding in the order of ONNX."""
        return [*self.before, *self.after]

    def places(self, size: Sequence[int], window: Sequence[int]) -> tuple[int, int]:
        """The output size for a `window` on pictures of `size`, all (height, width)."""
        high, wide = (
            (size[n] + self.before[n] + self.after[n] - (window[n] - 1) * self.dilations[n] - 1)
            // self.strides[n]
            + 1
            for n in range(2)
        )
        return high, wide


def padding(layer: Layer, size: int, span: int, stride: int) -> tuple[int, int]:
    """The padding before and after an axis of `size` for windows of `span`."""
    layer.require("padding", "valid", "same")
    if layer["padding"] == "valid":
        return 0, 0
    total = max((-(-size // stride) - 1) * stride + span - size, 0)
    return total // 2, total - total // 2


def conv_geometry(
    layer: Layer,
    value: Value,
    window: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int] = (1, 1),
) -> ConvGeometry:
    """The geometry of `window` on the pictures of `value`, all as (height, width)."""
    high, wide = (
        padding(layer, value.shape[n - 3], (window[n] - 1) * dilations[n] + 1, strides[n])
        for n in range(2)
    )
    return ConvGeometry(
        (strides[0], strides[1]),
        (high[0], wide[0]),
        (high[1], wide[1]),
        (dilations[0], dilations[1]),
    )


def conv2d(graph: Graph, layer: Layer, value: Value) -> Value:
    """Conv2D."""
    layer.require("data_format", "channels_last")
    kernel = layer.weight("kernel")
    geometry = conv_geometry(
        layer, value, layer["kernel_size"], layer["strides"], layer["dilation_rate"]
    )
    made = convolve(graph, value, kernel, _bias(layer, kernel), geometry, layer["groups"])
    _ = layer["filters"]
    return apply_activation(graph, layer, made)


def depthwise_conv2d(graph: Graph, layer: Layer, value: Value) -> Value:
    """DepthwiseConv2D: each channel separately."""
    layer.require("data_format", "channels_last")
    kernel = layer.weight("kernel")
    high, wide, channels, times = kernel.shape
    kernel = kernel.reshape(high, wide, 1, channels * times)
    geometry = conv_geometry(
        layer, value, layer["kernel_size"], layer["strides"], layer["dilation_rate"]
    )
    made = convolve(graph, value, kernel, _bias(layer, kernel), geometry, channels)
    _ = layer["depth_multiplier"]
    return apply_activation(graph, layer, made)


def conv3d(graph: Graph, layer: Layer, value: Value) -> Value:
    """Conv3D, as a 2D convolution of several frames stacked as channels."""
    layer.require("data_format", "channels_last")
    kernel = layer.weight("kernel")
    (span, *window), (stride, *strides) = layer["kernel_size"], layer["strides"]
    (apart, *dilations), groups = layer["dilation_rate"], layer["groups"]
    if apart != 1:
        layer.refuse(f"dilation_rate in time is {apart}; allowed: 1")
    if span > 1 and groups > 1:
        layer.refuse(f"groups is {groups}; allowed with a kernel in time: 1")
    geometry = conv_geometry(layer, value, window, strides, dilations)
    added = padding(layer, value.shape[1], span, stride)
    value = stack_frames(graph, value, span, stride, added)
    kernel = kernel.transpose(1, 2, 0, 3, 4).reshape(*window, -1, kernel.shape[-1])
    made = convolve(graph, value, kernel, _bias(layer, kernel), geometry, groups)
    _ = layer["filters"]
    return apply_activation(graph, layer, made)


def dense(graph: Graph, layer: Layer, value: Value) -> Value:
    """Dense; on pictures a 1x1 convolution."""
    layer.require("quantization_config", None)
    kernel = layer.weight("kernel")
    bias = _bias(layer, kernel)
    _ = layer["units"]
    if len(value.shape) > 3:
        made = convolve(graph, value, kernel[None, None], bias, ConvGeometry())
        return apply_activation(graph, layer, made)
    if len(value.shape) == 1:
        layer.refuse("has no features to take in")
    value, scale, offset = graph.unfold(value)
    tensor = graph.tensor(value)

    def write(kernel: Array, bias: Array) -> str:
        return graph.node("Gemm", tensor, graph.constant(kernel), graph.constant(bias))

    linear = Linear(write, kernel * scale[:, None], bias + offset @ kernel)
    made = Value((*value.shape[:-1], kernel.shape[-1]), linear=linear)
    return apply_activation(graph, layer, made)


def convolve(
    graph: Graph, value: Value, kernel: Array, bias: Array, geometry: ConvGeometry, groups: int = 1
) -> Value:
    """Convolve `value` with a kernel (height, width, channels in / groups, channels out).

    The pending scale and offset of `value` are folded into the kernel.
    """
    value, scale, offset, geometry = _pad_before_offset(graph, value, geometry)
    size = value.shape[-3:-1]
    high, wide, inner, outer = kernel.shape
    places = geometry.places(size, (high, wide))
    # Output channel -> the input channels that it sees.
    seen = np.arange(inner)[:, None] + np.arange(outer) // (outer // groups) * inner
    bias = bias + (kernel * offset[seen]).sum(axis=(0, 1, 2))
    kernel = kernel * scale[seen]
    shape = (*value.shape[:-3], *places, outer)
    if value.pixels and groups == 1 and geometry.dilations[1] == 1:
        # One channel whose columns are the colours, so that nothing needs a transpose.
        colours, value = value.channels, Value(value.shape, graph.as_float(value.tensor))
        kernel = kernel.reshape(high, wide * colours, 1, outer)
        geometry = ConvGeometry(
            (geometry.strides[0], geometry.strides[1] * colours),
            (geometry.before[0], geometry.before[1] * colours),
            (geometry.after[0], geometry.after[1] * colours),
            geometry.dilations,
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
            pads=geometry.pads,
            strides=geometry.strides,
            dilations=geometry.dilations,
            group=groups,
        )

    return Value(shape, linear=Linear(write, kernel, bias))


def _pad_before_offset(
    graph: Graph, value: Value, geometry: ConvGeometry
) -> tuple[Value, Array, Array, ConvGeometry]:
    """`value` with padding, its pending scale and offset, and the remaining geometry.

    Keras pads with zeros after the offset. Here the padding comes before it, with the number that
    the offset turns into zero. If there is no such number, the offset is written out first.
    """
    bare, scale, offset = graph.unfold(value)
    if not (any(geometry.pads) and offset.any()):
        return bare, scale, offset, geometry
    if scale.all():
        level, *others = np.unique(-offset / scale)
        if not others and (level in BYTES or not bare.pixels):
            wide = pad(graph, bare, geometry.before, geometry.after, level)
            return wide, scale, offset, replace(geometry, before=(0, 0), after=(0, 0))
    return graph.materialize(value), np.ones_like(scale), np.zeros_like(offset), geometry


def _bias(layer: Layer, kernel: Array) -> Array:
    return layer.weight("bias") if layer["use_bias"] else np.zeros(kernel.shape[-1])
