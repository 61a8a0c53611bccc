"""Networks that har-train did not make, wrapped to take the clips of har-monitor."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from export.keras_file import keras_errors, load_network, metadata_text
from export.options import Colours, NetworkDescription, Pixels
from export.verify import synthetic_clips
from monitor import __version__
from monitor.errors import ConfigError, ModelError
from monitor.names import printable
from monitor.recognition.metadata import INPUT, Data, ModelMetadata, first_fault
from monitor.windows.clip import ClipSpec

if TYPE_CHECKING:
    import keras

UNKNOWN = "data that is not known"
THRESHOLD = 0.5  # of every label, because nothing was measured
SUM_TOLERANCE = 1e-3  # of the sum of scores
SCALES = {Pixels.UNIT: (1 / 255, 0.0), Pixels.SIGNED: (1 / 127.5, -1.0), Pixels.BYTES: (1.0, 0.0)}


def load_foreign(path: Path, description: NetworkDescription) -> tuple[keras.Model, ModelMetadata]:
    """The network in `path`, wrapped to map uint8 RGB clips to scores that sum to 1; its metadata.

    ModelError if it is no network of clips; ConfigError if `description` does not fit it.
    """
    if metadata_text(path) is not None:
        raise ConfigError(f"{path}: har-train made it: its labels, its rate and the rest are in it")
    network = load_network(path)
    frames, size = _clip(path, network)
    count = _count(path, network, len(description.labels))
    metadata = _metadata(path, network.name, ClipSpec(frames, size, description.fps), description)
    from keras import Input, Model, layers

    clip = Input(metadata.network_clip.shape, dtype="uint8", name=INPUT)
    pixels = layers.Rescaling(*SCALES[description.pixels])(clip)
    if description.colours is Colours.BGR:
        pixels = layers.Concatenate()([pixels[:, :, :, :, at : at + 1] for at in (2, 1, 0)])
    with keras_errors(path, f"run it on clips of {metadata.network_clip.shape}"):
        # The single input and output, without the list or dict that may hold them.
        scores = Model(network.inputs[0], network.outputs[0], name=network.name)(pixels)
        given = Model(clip, scores)(synthetic_clips(metadata.network_clip), training=False)
    _check_scores(path, np.asarray(given), description.logits)
    if description.logits:
        scores = layers.Activation("softmax" if count > 1 else "sigmoid")(scores)
    if count == 1:
        scores = layers.Concatenate()([layers.Rescaling(-1.0, 1.0)(scores), scores])
    return Model(clip, scores, name=network.name), metadata


def _metadata(
    path: Path, network: str, clip: ClipSpec, description: NetworkDescription
) -> ModelMetadata:
    activities = [label for label in description.labels if label not in description.background]
    try:
        return ModelMetadata(
            name=printable(path.stem),
            network=printable(network),
            version=__version__,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            labels=description.labels,
            background=description.background,
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
    """Frames and size of a network's clips; ModelError if its input is no clip."""
    match takes := _shapes(network, "inputs"):
        case [(_, int(frames), int(height), int(width), 3)] if height == width:
            return frames, height
    raise ModelError(
        f"{path}: its network takes {_text(takes)}; allowed: one clip (N, T, H, W, 3) with H = W, "
        "where only N may be None"
    )


def _count(path: Path, network: keras.Model, labels: int) -> int:
    """The number of scores; ModelError for other outputs, ConfigError for another number of labels.

    A single score is that of the second of two labels.
    """
    match gives := _shapes(network, "outputs"):
        case [(_, int(count))] if labels == max(count, 2):
            return count
        case [(_, int(count))]:
            named = "the 2 labels of one score" if count == 1 else f"{count} labels"
            raise ConfigError(f"{path}: its network gives {named}, --labels names {labels}")
    raise ModelError(f"{path}: its network gives {_text(gives)}; allowed: (N, labels)")


def _shapes(network: keras.Model, side: str) -> list[tuple[int | None, ...]]:
    """The shapes of a network's inputs or outputs; empty if its file does not say."""
    return [tuple(value.shape) for value in getattr(network, side, None) or ()]


def _text(shapes: Sequence[tuple[int | None, ...]]) -> str:
    return " and ".join(map(str, shapes)) or "what its file does not tell"


def _check_scores(path: Path, found: NDArray[np.float32], logits: bool) -> None:
    """A ConfigError if (N, labels) scores do not sum to 1, or do although they are `logits`."""
    one = found.shape[1] == 1  # the other label has 1 - score
    sums = found.max() <= 1 if one else np.abs(found.sum(axis=1) - 1).max() <= SUM_TOLERANCE
    if found.min() >= 0 and sums:
        if logits and not one:
            raise ConfigError(f"{path}: its scores sum to 1, so they are no logits")
    elif not logits:
        raise ConfigError(
            f"{path}: its scores, {found.min():.3g} to {found.max():.3g}, do not sum to 1; "
            "allowed: softmax, a sigmoid for two labels, or --logits if it ends without"
        )
