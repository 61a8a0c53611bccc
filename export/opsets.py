"""The ONNX operator sets that can be written."""

from monitor.errors import ConfigError

DEFAULT_OPSET = 17
OPSETS = range(15, 19)  # tf2onnx refuses 19 and newer


def check_opset(opset: int) -> None:
    """A ConfigError when `opset` is not one of OPSETS."""
    if opset not in OPSETS:
        raise ConfigError(f"opset {opset}: allowed are {OPSETS[0]} to {OPSETS[-1]}")
