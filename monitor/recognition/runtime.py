"""ONNX Runtime, which has to be told before its import that it may send nothing to its maker."""

import os
from types import ModuleType


def onnx_runtime() -> ModuleType:
    """The package onnxruntime with its telemetry off, whatever the environment says.

    It is imported nowhere else: its import already looks up a host of its maker, and writes the
    number of this machine into the home. What was set then holds for the whole process.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    imported: ModuleType = onnxruntime
    return imported
