"""Cutting, widening and gathering frames and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from export.fused.graph import Graph, Value


def padded(
    graph: Graph, value: Value, before: Sequence[int], after: Sequence[int], level: float = 0
) -> Value:
    """Pictures with a border of `level`; `before` and `after` as (height, width).

    Nothing may be left to be applied to `value` but what the caller applies.
    """
    *rest, height, width, channels = value.shape
    step = channels if value.pixels else 1
    widths = (0, 0, before[0], before[1] * step, 0, 0, after[0], after[1] * step)
    kind = np.uint8 if value.pixels else np.float32
    edge = graph.constant(level, kind)
    shape = (*rest, before[0] + height + after[0], before[1] + width + after[1], channels)
    tensor = graph.node("Pad", value.tensor, graph.integers(*widths), edge)
    return Value(shape, tensor, pixels=value.pixels)


def padded_in_time(graph: Graph, value: Value, before: int, after: int) -> Value:
    """A clip with frames of zeros before and after it."""
    if before == after == 0:
        return value
    batch, frames, *rest = value.shape
    widths = graph.integers(before, 0, 0, 0, after, 0, 0, 0)
    tensor = graph.node("Pad", graph.tensor(value), widths, graph.constant(0))
    return Value((batch, before + frames + after, *rest), tensor)


def steps(graph: Graph, value: Value, span: int, stride: int) -> list[str]:
    """For each place in a window of `span` frames, the frames that are there as it moves."""
    tensor, last = graph.tensor(value), value.shape[1] - span
    return [graph.slice(tensor, 0, place, last + place + 1, stride) for place in range(span)]


def together(graph: Graph, value: Value, span: int, stride: int, added: tuple[int, int]) -> Value:
    """Each `span` frames as one picture with the channels of all; zeros are `added` in time."""
    if span == stride == 1:
        return value
    value = padded_in_time(graph, value, *added)
    tensor = graph.concat(steps(graph, value, span, stride), axis=1)
    batch, frames, *rest, channels = value.shape
    return Value((batch, (frames - span) // stride + 1, *rest, span * channels), tensor)


def parts(graph: Graph, value: Value, sizes: Sequence[int]) -> list[Value]:
    """The frames of a clip (1, T, H, W, C), `sizes` at a time, each (size, H, W, C)."""
    if value.linear is not None:
        value = graph.plain(value)
    tensors = graph.split(value.tensor, 0, sizes)
    rest = value.shape[2:]
    return [
        replace(value, shape=(size, *rest), tensor=tensor)
        for size, tensor in zip(sizes, tensors, strict=True)
    ]
