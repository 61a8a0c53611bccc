"""Networks that har-train did not make, as ones that take what har-monitor gives."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from export.keras_file import contract_text, keras_can, load_network
from export.options import Colours, Described, Pixels
from export.verify import synthetic_clips
from monitor import __version__
from monitor.errors import ConfigError, ModelError
from monitor.names import printable
from monitor.recognition.metadata import INPUT, Contract, Data, first_fault
from monitor.windows.clip import ClipSpec

if TYPE_CHECKING:
    import keras

UNKNOWN = "data that is not known"
THRESHOLD = 0.5  # of every label: nothing was measured that would suit it better
SUM_TOLERANCE = 1e-3  # of scores that sum to 1
SCALES = {Pixels.UNIT: (1 / 255, 0.0), Pixels.SIGNED: (1 / 127.5, -1.0), Pixels.BYTES: (1.0, 0.0)}


def load_foreign(path: Path, described: Described) -> tuple[keras.Model, Contract]:
    """The network in `path` as one from uint8 RGB clips to scores that sum to 1, and its contract.

    ModelError if it is no network of clips; ConfigError if it is not as `described`.
    """
    if contract_text(path) is not None:
        raise ConfigError(f"{path}: har-train made it: its labels, its rate and the rest are in it")
    network = load_network(path)
    frames, size = _clip(path, network)
    count = _count(path, network, len(described.labels))
    contract = _contract(path, network.name, ClipSpec(frames, size, described.fps), described)
    from keras import Input, Model, layers

    clip = Input(contract.clip.shape, dtype="uint8", name=INPUT)
    pixels = layers.Rescaling(*SCALES[described.pixels])(clip)
    if described.colours is Colours.BGR:
        pixels = layers.Concatenate()([pixels[:, :, :, :, at : at + 1] for at in (2, 1, 0)])
    with keras_can(path, f"run it on clips of {contract.clip.shape}"):
        # Without the lists or names that its one input and its one output may stand in.
        scores = Model(network.inputs[0], network.outputs[0], name=network.name)(pixels)
        given = Model(clip, scores)(synthetic_clips(contract.clip), training=False)
    _check_scores(path, np.asarray(given), described.logits)
    if described.logits:
        scores = layers.Activation("softmax" if count > 1 else "sigmoid")(scores)
    if count == 1:
        scores = layers.Concatenate()([layers.Rescaling(-1.0, 1.0)(scores), scores])
    return Model(clip, scores, name=network.name), contract


def _contract(path: Path, network: str, clip: ClipSpec, described: Described) -> Contract:
    activities = [label for label in described.labels if label not in described.background]
    try:
        return Contract(
            name=printable(path.stem),
            network=printable(network),
            version=__version__,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            labels=described.labels,
            background=described.background,
            frames=clip.frames,
            size=clip.size,
            fps=clip.fps,
            thresholds=dict.fromkeys(activities, THRESHOLD),
            data=Data(name=UNKNOWN, sha256=hashlib.sha256().hexdigest(), clips=0, groups=0),
            metrics={},
            evaluation=f"not at all: har-train did not make {printable(path.name)}",
        )
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_fault(error)}") from None


def _clip(path: Path, network: keras.Model) -> tuple[int, int]:
    """Frames and size of the clips that a network takes; ModelError if it takes others."""
    match takes := _shapes(network, "inputs"):
        case [(_, int(frames), int(height), int(width), 3)] if height == width:
            return frames, height
    raise ModelError(
        f"{path}: its network takes {_text(takes)}; allowed: one clip (N, T, H, W, 3) with H = W, "
        "where only N may be None"
    )


def _count(path: Path, network: keras.Model, labels: int) -> int:
    """How many scores a network gives; ModelError for other outputs, ConfigError for other labels.

    One score is that of the second label of two.
    """
    match gives := _shapes(network, "outputs"):
        case [(_, int(count))] if labels == max(count, 2):
            return count
        case [(_, int(count))]:
            named = "the 2 labels of one score" if count == 1 else f"{count} labels"
            raise ConfigError(f"{path}: its network gives {named}, --labels names {labels}")
    raise ModelError(f"{path}: its network gives {_text(gives)}; allowed: (N, labels)")


def _shapes(network: keras.Model, side: str) -> list[tuple[int | None, ...]]:
    """The shapes of a network's inputs or outputs; none if its file does not tell them."""
    return [tuple(value.shape) for value in getattr(network, side, None) or ()]


def _text(shapes: Sequence[tuple[int | None, ...]]) -> str:
    return " and ".join(map(str, shapes)) or "what its file does not tell"


def _check_scores(path: Path, found: NDArray[np.float32], logits: bool) -> None:
    """A ConfigError if (N, labels) scores do not sum to 1, or do although they are `logits`."""
    one = found.shape[1] == 1  # and 1 less it for the other label
    sums = found.max() <= 1 if one else np.abs(found.sum(axis=1) - 1).max() <= SUM_TOLERANCE
    if found.min() >= 0 and sums:
        if logits and not one:
            raise ConfigError(f"{path}: its scores sum to 1, so they are no logits")
    elif not logits:
        raise ConfigError(
            f"{path}: its scores, {found.min():.3g} to {found.max():.3g}, do not sum to 1; "
            "allowed: softmax, a sigmoid for two labels, or --logits if it ends without"
        )
