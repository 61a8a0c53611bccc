"""The fused engine: a Keras network as ONNX, layer by layer, for speed on one thread.

tf2onnx converts TensorFlow's graph, with loops and channels last, which ONNX Runtime transposes
again and again. Here the graph is written from the network's configuration and weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import monitor
from export.fused.graph import Graph, Value
from export.fused.walk import write
from export.options import DEFAULT_OPSET, check_opset
from monitor.recognition.metadata import INPUT, METADATA_KEY, OUTPUT, ModelMetadata

if TYPE_CHECKING:
    import keras
    import onnx

PRODUCER = "har-export fused"
IR_VERSION = 8  # the oldest that opset 17 allows, so that older ONNX Runtimes can read it


def convert(
    model: keras.Model, metadata: ModelMetadata, opset: int = DEFAULT_OPSET
) -> onnx.ModelProto:
    """`model` as ONNX with its metadata; NotFused if it holds anything unknown.

    It takes one clip at a time, because batches gain nothing on one thread. Input `clip`: uint8
    (1, T, H, W, 3); outputs `scores`: float32 (1, labels), and `novelty`: float32 (1,) if the
    network gives it.
    """
    check_opset(opset)
    from onnx import TensorProto, helper, numpy_helper

    graph = Graph(opset)
    shape = (1, *metadata.network_clip.shape)
    _, frames, height, width, colours = shape
    pixels = graph.reshape(INPUT, (frames, 1, height, width * colours))
    given = write(graph, model, Value(shape, pixels, pixels=True))
    outputs: dict[str, Value] = given if isinstance(given, dict) else {OUTPUT: given}
    for name, value in outputs.items():
        graph.nodes.append(helper.make_node("Identity", [graph.tensor(value)], [name]))
    proto = helper.make_model(
        helper.make_graph(
            graph.nodes,
            model.name,
            [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, shape)],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape)
                for name, value in outputs.items()
            ],
            [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
        ),
        producer_name=PRODUCER,
        producer_version=monitor.__version__,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", opset)],
    )
    helper.set_model_props(proto, {METADATA_KEY: metadata.model_dump_json()})
    return proto
