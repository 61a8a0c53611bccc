"""The walk over the graph of a Keras network, from its input to its outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from export.fused.frames import frame_chunks
from export.fused.graph import Graph, Value
from export.fused.layer import Layer
from export.fused.layers import LAYERS, Builder
from export.fused.operations import OPERATIONS

if TYPE_CHECKING:
    import keras

# Frames that a network inside TimeDistributed takes at once: few enough for the intermediate values
# to stay in the cache, enough for the overhead not to matter. For the 20 frames of the ImageNet
# stem, 1, 2, 4, 10 and 20 at once took 1.03, 1, 1.01, 1.17 and 1.23 of the shortest time.
FRAMES_AT_ONCE = 4

History = tuple[str, int, int]  # name of an operation, index of the call, index of its result


def write(graph: Graph, operation: keras.Operation, *given: Any) -> Any:
    """Write the nodes of `operation` on the Values in `given`; NotFused if it is unknown.

    Gives a Value, a tuple of them, or a dictionary where a network names its outputs.
    """
    layer = Layer(operation)
    builder = _builder(operation)
    if builder is None:
        layer.refuse("not known")
    try:
        signature(builder).bind(graph, layer, *given)
    except TypeError:
        layer.refuse(f"called with {len(given)} values; allowed: those of its layer alone")
    result = builder(graph, layer, *given)
    layer.check_all_read()
    return result


def _builder(operation: keras.Operation) -> Builder | None:
    """The function that writes `operation`, which must be built into Keras."""
    kind, module = type(operation).__name__, type(operation).__module__
    if module.startswith("keras.src.ops."):
        return OPERATIONS.get(kind)
    if module.startswith(("keras.src.layers.", "keras.src.models.")):
        return WRAPPERS.get(kind) or LAYERS.get(kind)
    return None


def network(graph: Graph, layer: Layer, value: Value) -> Any:
    """A functional network with one input."""
    operations = {operation.name: operation for operation in layer.operation.operations}
    calls = {entry["name"]: entry["inbound_nodes"] for entry in layer["layers"]}
    first = _only_history(layer, layer["input_layers"])
    known: dict[History, Value] = {first: value}

    def result(history: History) -> Value:
        name, at, _ = history
        if history not in known:
            call = calls[name][at]
            for key, extra in call["kwargs"].items():
                if extra is not None and extra is not False:  # training and mask, if not used
                    layer.refuse(f"calls {name!r} with {key}; allowed: nothing but values")
            got = write(graph, operations[name], *(_given(x, result) for x in call["args"]))
            for part, one in enumerate(got if isinstance(got, tuple) else (got,)):
                known[name, at, part] = one
        return known[history]

    def outcome(given: Sequence[Any]) -> Value:
        name, at, part = _only_history(layer, given)
        # Only in this case Keras counts the construction of a functional network as its first call.
        return result((name, at - (type(operations[name]).__name__ == "Functional"), part))

    for name, nodes in calls.items():  # in order of creation, so that most inputs are ready
        for at in range(len(nodes)):
            result((name, at, 0))
    outputs = layer["output_layers"]
    if isinstance(outputs, dict):
        return {key: outcome(one) for key, one in outputs.items()}
    return outcome(outputs)


def sequence(graph: Graph, layer: Layer, value: Value) -> Any:
    """A Sequential network."""
    for key in ("layers", "build_input_shape"):
        _ = layer[key]
    for one in layer.operation.layers:
        value = write(graph, one, value)
    return value


def time_distributed(graph: Graph, layer: Layer, value: Value) -> Value:
    """TimeDistributed: a layer on all frames at once, a network on a few frames at a time."""
    _ = layer["layer"]
    inner = layer.operation.layer
    frames = value.shape[1]
    if len(value.shape) not in (3, 5):
        layer.refuse(f"over the shape {value.shape}; allowed: over clips and rows")
    if type(inner).__name__ not in NETWORKS:
        return _in_clip(layer, write(graph, inner, replace(value, shape=value.shape[1:])))
    at_once = [min(FRAMES_AT_ONCE, frames - at) for at in range(0, frames, FRAMES_AT_ONCE)]
    made = [write(graph, inner, part) for part in frame_chunks(graph, value, at_once)]
    tensor = graph.concat([graph.tensor(part) for part in made], axis=0)
    return _in_clip(layer, Value((frames, *made[0].shape[1:]), tensor))


def _in_clip(layer: Layer, value: Value) -> Value:
    """The results of all frames (T, ...) as one clip (1, T, ...)."""
    if len(value.shape) not in (2, 4):
        layer.refuse(f"makes the shape {value.shape} of frames; allowed: pictures and rows")
    return replace(value, shape=(1, *value.shape))


def _given(argument: Any, result: Callable[[History], Value]) -> Any:
    """An argument of a call in Keras' configuration, with references replaced by Values."""
    if isinstance(argument, list | tuple):
        return [_given(one, result) for one in argument]
    if not isinstance(argument, dict):
        return argument
    config = argument["config"]
    match argument["class_name"]:
        case "__keras_tensor__":
            name, at, part = config["keras_history"]
            return result((name, at, part))
        case "__slice__":
            return slice(config["start"], config["stop"], config["step"])
        case "__numpy__":
            return np.asarray(config["value"], config["dtype"])
        case "__tuple__":
            return _given(config["value"], result)
    return argument


def _only_history(layer: Layer, given: Sequence[Any]) -> History:
    """The single input or output in `given`, which may be a list."""
    if len(given) == 1:
        (given,) = given
    if len(given) != 3 or not isinstance(given[0], str):
        layer.refuse(f"has {len(given)} inputs or outputs without a name; allowed: one")
    name, at, part = given
    return name, at, part


NETWORKS: dict[str, Builder] = {"Functional": network, "Sequential": sequence}
WRAPPERS: dict[str, Builder] = {"TimeDistributed": time_distributed, **NETWORKS}
