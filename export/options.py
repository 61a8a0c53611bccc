"""What a user says of an export: engine, ONNX operator set, and a network of other origin."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from monitor.errors import ConfigError

DEFAULT_OPSET = 17
OPSETS = range(15, 19)  # tf2onnx refuses 19 and newer


class Engine(StrEnum):
    """What writes the ONNX graph, as the command names it."""

    FUSED = "fused"
    TF2ONNX = "tf2onnx"


class Pixels(StrEnum):
    """The range to which a network expects pixels of 0 to 255 to be scaled."""

    UNIT = "0..1"
    SIGNED = "-1..1"
    BYTES = "0..255"


class Colours(StrEnum):
    """The order of a pixel's colours."""

    RGB = "rgb"
    BGR = "bgr"  # as OpenCV reads pictures


@dataclass(frozen=True)
class NetworkDescription:
    """What the file of a foreign network does not say: labels, sampling rate, pixels, scores."""

    labels: tuple[str, ...]  # in the order of the scores
    fps: float  # frames a second in a clip
    background: tuple[str, ...] = ()
    pixels: Pixels = Pixels.UNIT
    colours: Colours = Colours.RGB
    logits: bool = False  # whether it ends without softmax or sigmoid


def parse_labels(lines: Sequence[str]) -> tuple[str, ...]:
    """Labels from comma-separated lines; a label that holds a comma is quoted."""
    try:
        rows = list(csv.reader(lines, skipinitialspace=True))
    except csv.Error as error:
        raise ConfigError(f"--labels: {error}") from None
    return tuple(label.strip() for row in rows for label in row)


def check_opset(opset: int) -> None:
    """ConfigError if `opset` is not one of OPSETS."""
    if opset not in OPSETS:
        raise ConfigError(f"opset {opset}: allowed are {OPSETS[0]} to {OPSETS[-1]}")
