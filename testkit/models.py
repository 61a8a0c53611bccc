"""A tiny real model: it scores the motion in a clip, and needs no training."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from monitor.recognition.metadata import INPUT, METADATA_KEY, NOVELTY, OUTPUT, Data, ModelMetadata


def metadata(**changes: object) -> ModelMetadata:
    """The metadata of the motion model."""
    values: dict[str, object] = {
        "name": "motion",
        "network": "motion",
        "version": "1",
        "created": "2026-01-01T00:00:00Z",
        "labels": ("moving", "still"),
        "background": ("still",),
        "frames": 20,
        "size": 64,
        "fps": 10.0,
        "thresholds": {"moving": 0.6},
        "data": Data(name="none", sha256="0" * 64, clips=0, groups=0),
        "metrics": {},
        "evaluation": "not trained",
    }
    return ModelMetadata.model_validate(values | changes)


def motion_model(
    path: Path, about: ModelMetadata | None = None, with_metadata: bool = True
) -> Path:
    """Write it: `moving` where the mean change between frames exceeds 0.78 grey levels.

    Where its metadata has a threshold for novelty, the mean change is its novelty.
    """
    about = about or metadata()
    constants: dict[str, NDArray[Any]] = {
        "starts": np.array([0, 1], np.int64),
        "firsts": np.array([0, 0], np.int64),
        "ends": np.array([2**31, about.frames], np.int64),
        "lasts": np.array([2**31, about.frames - 1], np.int64),
        "axes": np.array([0, 1], np.int64),
        "level": np.array(0.78, np.float32),
        "signs": np.array([[9.0, -9.0]], np.float32),
        "flat": np.array([-1, 1], np.int64),
    }
    nodes = [
        helper.make_node("Cast", [INPUT], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Slice", ["float", "starts", "ends", "axes"], ["later"]),
        helper.make_node("Slice", ["float", "firsts", "lasts", "axes"], ["earlier"]),
        helper.make_node("Sub", ["later", "earlier"], ["change"]),
        helper.make_node("Abs", ["change"], ["size"]),
        helper.make_node("ReduceMean", ["size"], ["mean"], axes=[1, 2, 3, 4], keepdims=0),
        helper.make_node("Sub", ["mean", "level"], ["excess"]),
        helper.make_node("Reshape", ["excess", "flat"], ["column"]),
        helper.make_node("MatMul", ["column", "signs"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [OUTPUT], axis=1),
    ]
    outputs = [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", len(about.labels)])]
    if about.unknown is not None:
        nodes.append(helper.make_node("Identity", ["mean"], [NOVELTY]))
        outputs.append(helper.make_tensor_value_info(NOVELTY, TensorProto.FLOAT, ["N"]))
    graph = helper.make_graph(
        nodes,
        "motion",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", *about.network_clip.shape])],
        outputs,
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if with_metadata:
        helper.set_model_props(model, {METADATA_KEY: about.model_dump_json()})
    onnx.save(model, path)
    return path


def retold(model: Path, path: Path, **changes: object) -> Path:
    """Write a copy of a model whose metadata says something else."""
    copied = onnx.load(model)
    for entry in copied.metadata_props:
        if entry.key == METADATA_KEY:
            about = ModelMetadata.model_validate_json(entry.value)
            told = ModelMetadata.model_validate(about.model_dump() | changes)
            entry.value = told.model_dump_json()
    onnx.save(copied, path)
    return path
