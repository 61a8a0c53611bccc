"""What a model file says about itself: the metadata that travels inside it."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from monitor.errors import ModelError
from monitor.names import Label, is_printable, printable
from monitor.windows.clip import ClipSpec
from monitor.windows.zoom import STEP

METADATA_KEY = "har_monitor.contract"
INPUT, OUTPUT, NOVELTY = "clip", "scores", "novelty"

MOST_CHARACTERS = 1 << 22  # of metadata: room for the names of ten thousand films


def _plain(text: str) -> str:
    if not is_printable(text):
        raise ValueError("holds characters that cannot be printed")
    return text


Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=3600)]
Word = Annotated[str, Field(max_length=300), AfterValidator(_plain)]
FilmName = Annotated[str, Field(max_length=4096), AfterValidator(_plain)]
Sentence = Annotated[str, Field(max_length=10_000), AfterValidator(_plain)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]  # SHA-256
Count = Annotated[int, Field(ge=0, le=10**12)]
Metrics = Annotated[dict[Word, float], Field(max_length=200)]


class Film(BaseModel):
    """A file of footage in which nothing happens, or a part of it, that was trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: FilmName
    sha256: Digest  # of the file
    from_s: float
    to_s: float
    slices: Count = Field(ge=1)  # that it was cut into


class Data(BaseModel):
    """The clips a model was fitted on, and the footage beside them."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: Word
    sha256: Digest  # of every clip's path, label and content
    clips: Count
    groups: Count
    terms: Annotated[dict[Word, Word], Field(max_length=200)] = {}  # of use, by data set
    footage: tuple[Film, ...] = ()


class RuleDefaults(BaseModel):
    """Rules that make activities of scores; the defaults are for a model that was never tuned."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    hysteresis: Share = 0.15
    smoothing_s: Seconds = 0.5
    min_s: Seconds = 0.5


class Tuning(RuleDefaults):
    """The rules that suited a model best, beside its thresholds, and how they were found."""

    metrics: Metrics  # of events and false alarms; what was wanted, what was measured
    evaluation: Sentence  # how the metrics were measured, in one sentence


class Unknown(BaseModel):
    """From where on a window is too unlike the training clips to be named."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    threshold: float = Field(gt=0)  # of the output `novelty`
    share: Share  # of windows of known activities that lie above it, held-out ones
    evaluation: Sentence  # how the threshold was found, in one sentence


class Motion(BaseModel):
    """How little a window may move to be classified at all."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    least: float = Field(gt=0)  # grey levels, as monitor.windows.motion measures
    evaluation: Sentence  # how it was found, in one sentence


class ModelMetadata(BaseModel):
    """Everything needed to run a model and to know where it comes from.

    The graph's input `clip` is uint8 RGB (N, T, H, W, 3), where N may be fixed to 1; output
    `scores` is float32 (N, labels), each row summing to 1. Where the metadata has `unknown`, and
    only there, a second output `novelty`, float32 (N,), says how unlike the training clips each one
    is. Normalisation is inside the graph; the views of a model that zooms are made before it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    schema_version: Literal[1] = 1
    name: Word
    network: Word
    version: Word
    created: Word  # UTC, ISO 8601
    labels: tuple[Label, ...] = Field(min_length=2, max_length=1000)  # in the order of the scores
    background: tuple[Label, ...] = ()  # labels that never alert
    frames: int = Field(ge=2, le=512)
    size: int = Field(ge=8, le=1024)  # pixels
    fps: float = Field(gt=0, le=240)
    # 2: a clip has twice the size; the network sees it whole, and the part in which most moves.
    zoom: Literal[1, 2] = 1
    colour: Literal["rgb"] = "rgb"
    resize: Literal["area"] = "area"
    thresholds: dict[Label, Share]  # label -> score at which an activity is entered
    # What the logits were divided by so that scores mean what they say; it is in the graph already.
    temperature: float | None = Field(None, gt=0)
    data: Data
    metrics: Metrics  # measured on held-out clips
    evaluation: Sentence  # how the metrics were measured, in one sentence
    tuning: Tuning | None = None
    unknown: Unknown | None = None
    motion: Motion | None = None  # None: some of its activities hardly move

    @model_validator(mode="after")
    def _labels_agree(self) -> "ModelMetadata":
        labels = set(self.labels)
        if len(labels) != len(self.labels):
            raise ValueError("labels must differ from each other")
        for name, named in (("background", self.background), ("thresholds", self.thresholds)):
            if unknown := sorted(set(named) - labels):
                raise ValueError(
                    f"{name} names {unknown[0]!r}; labels here: {', '.join(self.labels)}"
                )
        if self.zoom > 1 and self.size % STEP:
            raise ValueError(f"zoom needs a size that {STEP} divides, found {self.size}")
        if set(self.background) == labels:
            raise ValueError("every label is a background label: nothing could alert")
        if missing := sorted(set(self.alert_labels) - set(self.thresholds)):
            raise ValueError(f"thresholds has none for the label {missing[0]}")
        return self

    @property
    def clip(self) -> ClipSpec:
        """The clips this model takes."""
        return ClipSpec(self.frames, self.size * self.zoom, self.fps)

    @property
    def network_clip(self) -> ClipSpec:
        """The clips that its network takes: the views of a clip, if it zooms."""
        return ClipSpec(self.frames, self.size, self.fps)

    @property
    def alert_labels(self) -> tuple[str, ...]:
        """The labels that may alert."""
        return tuple(label for label in self.labels if label not in self.background)

    @property
    def alert_places(self) -> tuple[int, ...]:
        """Their places among the scores."""
        return tuple(map(self.labels.index, self.alert_labels))


def parse_metadata(text: str, where: Path) -> ModelMetadata:
    """The metadata written in `text`, which was read from the file `where`."""
    if len(text) > MOST_CHARACTERS:
        raise ModelError(
            f"{where}: its metadata has {len(text)} characters; allowed: {MOST_CHARACTERS}"
        )
    try:
        return ModelMetadata.model_validate_json(text)
    except ValidationError as error:
        raise ModelError(f"{where}: its metadata does not hold: {first_fault(error)}") from None


def first_fault(error: ValidationError) -> str:
    """The first fault of metadata in one line."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "metadata"
    message = first["msg"].removeprefix("Value error, ")
    found = first["input"]
    if first["type"] != "json_invalid" and isinstance(found, str | int | float | bool):
        message += f", found {found!r:.100}"
    return f"{printable(field)[:100]}: {printable(message)[:500]}"
