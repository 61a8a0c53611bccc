"""From a .keras file to a verified ONNX file, or to nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from export import fused_route, tf2onnx_route
from export.foreign import load_foreign
from export.fused.layer import NotFused
from export.keras_file import load_model
from export.options import DEFAULT_OPSET, Engine, NetworkDescription, check_opset
from export.verify import verify
from monitor.atomic import replacing
from monitor.errors import ConfigError
from monitor.recognition.metadata import ModelMetadata

if TYPE_CHECKING:
    import keras
    import onnx


@dataclass(frozen=True)
class ExportResult:
    """The result of an export."""

    path: Path
    size_kib: float
    opset: int
    engine: Engine
    not_fused: str | None  # why the fused engine was not used, if no engine was asked for
    difference: float  # largest difference in a score between Keras and ONNX Runtime
    window_ms: float  # median time of one window on one thread


def export_model(
    keras_path: Path,
    onnx_path: Path,
    opset: int = DEFAULT_OPSET,
    engine: Engine | None = None,
    description: NetworkDescription | None = None,
) -> ExportResult:
    """Convert `keras_path`, verify the result, and only then replace `onnx_path`.

    A network that har-train did not make needs a `description`. Without an `engine`, the fused one
    is used if it knows the whole network, else tf2onnx. On failure (ConfigError; ModelError;
    MonitorError if the target cannot be written) no file is left and an older `onnx_path` is
    untouched.
    """
    check_opset(opset)
    if onnx_path.suffix != ".onnx":
        raise ConfigError(f"{onnx_path}: the name of the file to write must end with .onnx")
    with replacing(onnx_path) as temporary:
        if description is None:
            model, metadata = load_model(keras_path)
        else:
            model, metadata = load_foreign(keras_path, description)
        proto, used, not_fused = _convert(model, metadata, opset, engine)
        temporary.write_bytes(proto.SerializeToString())
        proof = verify(temporary, model, metadata)
        size_kib = temporary.stat().st_size / 1024
    return ExportResult(
        onnx_path, size_kib, opset, used, not_fused, proof.difference, proof.window_ms
    )


def _convert(
    model: keras.Model, metadata: ModelMetadata, opset: int, engine: Engine | None
) -> tuple[onnx.ModelProto, Engine, str | None]:
    """The graph, its engine, and why that is not the fused one if no engine was asked for."""
    if engine is Engine.TF2ONNX:
        return tf2onnx_route.convert(model, metadata, opset), engine, None
    try:
        return fused_route.convert(model, metadata, opset), Engine.FUSED, None
    except NotFused as error:
        if engine is Engine.FUSED:
            raise NotFused(f"not fused: {error}") from None
        return tf2onnx_route.convert(model, metadata, opset), Engine.TF2ONNX, str(error)
