"""Recurrent layers: ConvLSTM2D step by step, LSTM as ONNX' own node."""

from __future__ import annotations

from functools import partial

import numpy as np

from export.fused import activation
from export.fused.convolution import ConvGeometry, conv_geometry, convolve
from export.fused.frames import frame_chunks
from export.fused.graph import Graph, Value
from export.fused.layer import Layer

# Activations of LSTM: name in Keras -> in ONNX.
IN_LSTM = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}


def conv_lstm2d(graph: Graph, layer: Layer, value: Value) -> Value:
    """ConvLSTM2D: two convolutions per step give the gates input, forget, cell and output."""
    _refuse_states(layer)
    layer.require("data_format", "channels_last")
    squash = partial(activation.write, graph, activation.activation_name(layer, "activation"))
    open_ = partial(
        activation.write, graph, activation.activation_name(layer, "recurrent_activation")
    )
    kernel, recurrent = layer.weight("kernel"), layer.weight("recurrent_kernel")
    filters = layer["filters"]
    bias = layer.weight("bias") if layer["use_bias"] else np.zeros(4 * filters)
    geometry = conv_geometry(
        layer, value, layer["kernel_size"], layer["strides"], layer["dilation_rate"]
    )
    before = [(side - 1) // 2 for side in layer["kernel_size"]]
    after = [side // 2 for side in layer["kernel_size"]]
    kept = ConvGeometry(before=(before[0], before[1]), after=(after[0], after[1]))

    size: tuple[int, ...] = ()
    states: list[str] = []  # output of each step, (1, filters, H, W)
    cell = ""
    for frame in frame_chunks(graph, value, [1] * value.shape[1]):
        seen = convolve(graph, frame, kernel, bias, geometry)
        gates, size = graph.tensor(seen), (*seen.shape[:-1], filters)
        if states:
            shown = Value(size, states[-1])
            known = convolve(graph, shown, recurrent, np.zeros(4 * filters), kept)
            gates = graph.node("Add", graph.tensor(known), gates)
        enter, forget, new, leave = graph.split(gates, 1, [filters] * 4)
        change = graph.node("Mul", open_(enter), squash(new))
        if states:
            change = graph.node("Add", graph.node("Mul", open_(forget), cell), change)
        cell = change
        states.append(graph.node("Mul", open_(leave), squash(cell)))
    if not layer["return_sequences"]:
        return Value(size, states[-1])
    return Value((1, len(states), *size[1:]), graph.concat(states, axis=0))


def lstm(graph: Graph, layer: Layer, value: Value) -> Value:
    """LSTM over (1, T, F)."""
    _refuse_states(layer)
    for setting in ("activation", "recurrent_activation"):
        layer.require(setting, *IN_LSTM)
    squash, open_ = IN_LSTM[layer["activation"]], IN_LSTM[layer["recurrent_activation"]]
    kernel, recurrent = layer.weight("kernel"), layer.weight("recurrent_kernel")
    units = layer["units"]
    bias = layer.weight("bias") if layer["use_bias"] else np.zeros(4 * units)
    # Gates in Keras: input, forget, cell, output; in ONNX: input, output, forget, cell.
    gates = np.arange(4 * units).reshape(4, units)[[0, 3, 1, 2]].ravel()
    _, frames, features = value.shape
    every, last = graph.nodes_out(
        "LSTM",
        2,
        graph.reshape(graph.tensor(value), (frames, 1, features)),
        graph.constant(kernel.T[gates][None]),
        graph.constant(recurrent.T[gates][None]),
        graph.constant(np.concatenate([bias[gates], np.zeros(4 * units)])[None]),
        hidden_size=units,
        activations=[open_, squash, squash],
    )
    if layer["return_sequences"]:
        return Value((1, frames, units), graph.reshape(every, (frames, units)))
    return Value((1, units), graph.reshape(last, (1, units)))


def _refuse_states(layer: Layer) -> None:
    """Refuse settings that keep state between windows, or return it."""
    for setting in ("return_state", "go_backwards", "stateful", "zero_output_for_mask"):
        layer.require(setting, False)
    _ = layer["unroll"]  # changes only how Keras computes it
