"""What each fit left as evidence: small JSON files from which every figure can be computed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from benchmarks.recognition.series import Series, SplitKind
from export.atomic import replacing
from monitor.errors import DataError
from train.evaluate.scores import Scored
from train.recipe.options import TrainConfig
from train.report.files import json_text

DIGITS = 4  # of a score
NETWORK = "network.json"

_Read = TypeVar("_Read", bound="Facts")


class Facts(BaseModel):
    """Something that was measured, as it is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TestedClip(Facts):
    """A clip that a model was tested on."""

    path: str
    label: str
    group: str


class ClipScores(TestedClip):
    """A test clip and what the model said of it."""

    fold: int | None  # as the data names it
    scores: tuple[float, ...]  # in the order of the labels


class Evidence(Facts):
    """One fit, tested."""

    name: str  # of the row
    data: str
    split: SplitKind
    seed: int
    fold: int | None  # the tested one; None for a random split
    second: int | None = None  # of a nested fit: the other fold that was held back
    folds: int  # fits that this split and seed consist of
    recipe: dict[str, Any]  # every option of har-train
    data_sha256: str  # of every usable clip's path, label and content
    split_sha256: str  # of which clips, of which groups, are in which part of the split
    date: str  # UTC
    fit_s: float | None  # None if an interrupted fit was gone on with
    version: str  # of har-monitor
    labels: tuple[str, ...]
    clips: tuple[ClipScores, ...]

    def is_of(self, config: TrainConfig) -> bool:
        """Whether it was fitted by this very recipe."""
        return same_recipe(self.recipe, config)

    @property
    def scored(self) -> Scored:
        """The clips in the form that is measured."""
        return scored_clips(self.labels, self.clips, [clip.scores for clip in self.clips])


class Basis(Facts):
    """What the networks of a fold watched: where it is the same, so is what they found."""

    recipe: dict[str, Any]
    data_sha256: str
    footage: dict[str, str]  # file -> sha256
    temperature: float  # that the networks were at
    method: int  # raised where the benchmark measures otherwise than before

    def agrees(self, other: "Basis") -> bool:
        """Whether it is the same; the recipe of `other` has every option."""
        rest = {"recipe": other.recipe}
        return self.model_copy(update=rest) == other and same_recipe(
            self.recipe, TrainConfig.model_validate(other.recipe)
        )


class Network(Facts):
    """The size and speed of a row's network, measured on its exported file."""

    arch: str
    clip: dict[str, Any]  # frames, size, fps
    parameters: int
    window_ms: float  # median time of one window on one thread
    date: str  # UTC
    version: str

    def is_of(self, config: TrainConfig) -> bool:
        """Whether the recipe has this very network."""
        return (self.arch, self.clip) == (config.arch, config.clip.model_dump(mode="json"))


def scored_clips(
    labels: tuple[str, ...], clips: Sequence[TestedClip], scores: Sequence[tuple[float, ...]]
) -> Scored:
    """Test clips with their scores, each in the order of the labels, without pictures."""
    return Scored(
        labels=labels,
        clips=tuple(clip.path for clip in clips),
        groups=tuple(clip.group for clip in clips),
        truth=np.array([labels.index(clip.label) for clip in clips], np.int64),
        scores=np.array(scores, np.float32),
        previews=np.empty((len(clips), 0, 1, 1, 3), np.uint8),
    )


def same_recipe(recipe: dict[str, Any], config: TrainConfig) -> bool:
    """Whether a recipe that was kept is `config`; options that came later had their default."""
    try:
        return TrainConfig.model_validate(recipe) == config
    except ValidationError:
        return False


def evidence_file(
    series: Series, split: SplitKind, seed: int, fold: int | None, second: int | None
) -> Path:
    """Where the evidence of a fit lies, relative to the results."""
    parts = [f"{split}-seed{seed}"]
    parts += [] if fold is None else [f"fold{fold}"]
    parts += [] if second is None else [f"fold{second}"]
    return series.folder / f"{'-'.join(parts)}.json"


def write_facts(path: Path, facts: Facts) -> None:
    """Write `facts`, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json_text(facts.model_dump(mode="json")), encoding="utf-8")


def read_facts(path: Path, kind: type[_Read]) -> _Read | None:
    """The facts at `path`; None if there are none, DataError if they cannot be read."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{path}: not a result of this benchmark: {reason}; remove it, and it is made anew"
        ) from None


def now() -> str:
    """The time as evidence holds it, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
