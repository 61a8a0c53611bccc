"""From a .keras file to a verified ONNX file, or to nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from export.atomic import replacing
from export.saved import load_model
from export.tf2onnx_route import DEFAULT_OPSET, check_opset, convert
from export.verify import verify
from monitor.errors import ConfigError


@dataclass(frozen=True)
class Summary:
    """What became of an export."""

    path: Path
    size_kib: float
    opset: int
    difference: float  # largest difference in a score between Keras and ONNX Runtime
    window_ms: float  # median time of one window on one thread


def export_model(keras_path: Path, onnx_path: Path, opset: int = DEFAULT_OPSET) -> Summary:
    """Convert `keras_path`, verify the result and only then let it take the name `onnx_path`.

    On failure (ConfigError; ModelError; MonitorError when the target cannot be written) no file is
    left and an older `onnx_path` is untouched.
    """
    check_opset(opset)
    if onnx_path.suffix != ".onnx":
        raise ConfigError(f"{onnx_path}: the name of the file to write must end with .onnx")
    with replacing(onnx_path) as temporary:
        model, contract = load_model(keras_path)
        temporary.write_bytes(convert(model, contract, opset).SerializeToString())
        proof = verify(temporary, model, contract)
        size_kib = temporary.stat().st_size / 1024
    return Summary(onnx_path, size_kib, opset, proof.difference, proof.window_ms)
