"""What a user says of an export: engine, ONNX operator set, and a network of other origin."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from monitor.errors import ConfigError

DEFAULT_OPSET = 17
OPSETS = range(15, 19)  # tf2onnx refuses 19 and newer


class Engine(StrEnum):
    """The name of a route, as the command takes it."""

    FUSED = "fused"
    TF2ONNX = "tf2onnx"


class Pixels(StrEnum):
    """The numbers that a network takes for a pixel's 0 to 255, as the command names them."""

    UNIT = "0..1"
    SIGNED = "-1..1"
    BYTES = "0..255"


class Colours(StrEnum):
    """The order of a pixel's colours."""

    RGB = "rgb"
    BGR = "bgr"  # as OpenCV reads pictures


@dataclass(frozen=True)
class Described:
    """A network's labels, its clips' sampling rate, and how it takes pixels and gives scores."""

    labels: tuple[str, ...]  # in the order of the scores
    fps: float  # frames a second in a clip
    background: tuple[str, ...] = ()
    pixels: Pixels = Pixels.UNIT
    colours: Colours = Colours.RGB
    logits: bool = False  # whether it ends without softmax or sigmoid


def labels_in(lines: Sequence[str]) -> tuple[str, ...]:
    """The labels in lines of some each, with commas between; one that holds a comma is quoted."""
    try:
        rows = list(csv.reader(lines, skipinitialspace=True))
    except csv.Error as error:
        raise ConfigError(f"--labels: {error}") from None
    return tuple(label.strip() for row in rows for label in row)


def check_opset(opset: int) -> None:
    """A ConfigError when `opset` is not one of OPSETS."""
    if opset not in OPSETS:
        raise ConfigError(f"opset {opset}: allowed are {OPSETS[0]} to {OPSETS[-1]}")
