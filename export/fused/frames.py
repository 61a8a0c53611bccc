"""Padding, stacking and splitting of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from export.fused.graph import Graph, Value


def pad(
    graph: Graph, value: Value, before: Sequence[int], after: Sequence[int], level: float = 0
) -> Value:
    """Pad pictures with `level`; `before` and `after` as (height, width).

    The caller handles the pending scale and offset of `value`.
    """
    *rest, height, width, channels = value.shape
    step = channels if value.pixels else 1
    widths = (0, 0, before[0], before[1] * step, 0, 0, after[0], after[1] * step)
    kind = np.uint8 if value.pixels else np.float32
    edge = graph.constant(level, kind)
    shape = (*rest, before[0] + height + after[0], before[1] + width + after[1], channels)
    tensor = graph.node("Pad", value.tensor, graph.integers(*widths), edge)
    return Value(shape, tensor, pixels=value.pixels)


def pad_in_time(graph: Graph, value: Value, before: int, after: int) -> Value:
    """Pad a clip with frames of zeros."""
    if before == after == 0:
        return value
    batch, frames, *rest = value.shape
    widths = graph.integers(before, 0, 0, 0, after, 0, 0, 0)
    tensor = graph.node("Pad", graph.tensor(value), widths, graph.constant(0))
    return Value((batch, before + frames + after, *rest), tensor)


def shifted_frames(graph: Graph, value: Value, span: int, stride: int) -> list[str]:
    """For each position in a sliding window of `span` frames, the frames at that position."""
    tensor, last = graph.tensor(value), value.shape[1] - span
    return [graph.slice(tensor, 0, place, last + place + 1, stride) for place in range(span)]


def stack_frames(
    graph: Graph, value: Value, span: int, stride: int, added: tuple[int, int]
) -> Value:
    """Each `span` frames as one picture with the channels of all, after padding in time."""
    if span == stride == 1:
        return value
    value = pad_in_time(graph, value, *added)
    tensor = graph.concat(shifted_frames(graph, value, span, stride), axis=1)
    batch, frames, *rest, channels = value.shape
    return Value((batch, (frames - span) // stride + 1, *rest, span * channels), tensor)


def frame_chunks(graph: Graph, value: Value, sizes: Sequence[int]) -> list[Value]:
    """The frames of a clip (1, T, H, W, C) in chunks of `sizes`, each (size, H, W, C)."""
    if value.linear is not None:
        value = graph.materialize(value)
    tensors = graph.split(value.tensor, 0, sizes)
    rest = value.shape[2:]
    return [
        replace(value, shape=(size, *rest), tensor=tensor)
        for size, tensor in zip(sizes, tensors, strict=True)
    ]
