"""The tf2onnx engine: a Keras network as ONNX, in the one way that works for all our networks.

Keras' own ONNX export fails on a loaded model. Recurrent dropout leaves random numbers in the graph
that tf2onnx cannot freeze, so the network is rebuilt without it and traced as a function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from export.options import DEFAULT_OPSET, check_opset
from monitor.errors import ModelError
from monitor.recognition.metadata import INPUT, METADATA_KEY, OUTPUT, ModelMetadata
from monitor.recognition.runtime import onnx_runtime

if TYPE_CHECKING:
    import keras
    import onnx

BATCH = "N"


def convert(
    model: keras.Model, metadata: ModelMetadata, opset: int = DEFAULT_OPSET
) -> onnx.ModelProto:
    """`model` as ONNX with its metadata.

    Input `clip`: uint8 (N, T, H, W, 3); outputs `scores`: float32 (N, labels), and `novelty`:
    float32 (N,) if the network gives it.
    """
    check_opset(opset)
    onnx_runtime()  # before tf2onnx imports it
    import tensorflow as tf
    import tf2onnx

    network = without_recurrent_dropout(model)
    signature = [tf.TensorSpec((None, *metadata.network_clip.shape), tf.uint8, name=INPUT)]

    def outputs(clip: tf.Tensor) -> dict[str, tf.Tensor]:
        given = network(clip, training=False)
        return given if isinstance(given, dict) else {OUTPUT: given}

    traced = tf.function(outputs, input_signature=signature)
    proto: onnx.ModelProto
    try:
        proto, _ = tf2onnx.convert.from_function(traced, input_signature=signature, opset=opset)
    except Exception as error:  # tf2onnx raises whatever its parts raise
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ModelError(f"tf2onnx cannot convert this network: {reason}") from error
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    proto.metadata_props.add(key=METADATA_KEY, value=metadata.model_dump_json())
    return proto


def without_recurrent_dropout(model: keras.Model) -> keras.Model:
    """A copy of `model` with its weights, without recurrent dropout in any layer."""

    def cleaned(config: Any) -> Any:
        if isinstance(config, dict):
            return {
                key: 0.0 if key == "recurrent_dropout" else cleaned(value)
                for key, value in config.items()
            }
        return type(config)(map(cleaned, config)) if isinstance(config, list | tuple) else config

    network = type(model).from_config(cleaned(model.get_config()))
    network.set_weights(model.get_weights())
    return network
