"""The recipe of a training run: every option, its default and its limits, written once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from monitor.config.yaml_file import explain, load
from monitor.errors import ConfigError
from monitor.names import Label, printable
from monitor.paths import Place
from monitor.windows.clip import ClipSpec
from monitor.windows.zoom import STEP
from train.networks.architectures import NETWORKS

BASELINES = ("svm", "forest")
ARCHITECTURES = (*NETWORKS, *BASELINES)

Share = Annotated[float, Field(ge=0, le=1)]
Part = Annotated[float, Field(gt=0, le=0.5)]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClipOptions(_Options):
    """The clips that the network takes."""

    frames: int = Field(20, ge=2, le=512)
    size: int = Field(64, ge=8, le=1024)  # height and width, pixels
    fps: float = Field(10.0, gt=0, le=240)  # sampling rate


class AugmentOptions(_Options):
    """Augmentation; a share of 0 turns it off, and so does 1 for `speed_min` and `crop_min`."""

    speed_min: float = Field(0.6, ge=0.1, le=1)  # slowest motion; 1: as filmed
    speed_max: float = Field(1.0, ge=1, le=4)  # fastest motion
    rate_share: Share = 0.0  # windows of a camera of another rate, once to twice the model's
    crop_min: float = Field(0.75, ge=0.1, le=1)  # smallest side kept; 1: the whole picture
    zoom_share: Share = 0.0  # windows of which a part that moves is shown, as if nearer
    zoom_min: float = Field(0.4, ge=0.1, le=1)  # smallest side of that part
    part_share: Share = 0.0  # windows of which the second view is shown, if the model zooms
    crossing_share: Share = 0.0  # windows that rigid things cross, cut from clips
    paste_share: Share = 0.0  # windows shown smaller, inside a window of a background label
    paste_max: float = Field(3.0, ge=1.2, le=8)  # how many times smaller, at most
    flip_share: Share = 0.5  # windows mirrored left to right
    brightness: Share = 0.1  # largest shift, as a share of white
    contrast: Share = 0.2  # largest change of the distance from mid-grey
    gamma: float = Field(0.0, ge=0, le=2)  # largest logarithm of the exponent of brightness
    gray_share: Share = 0.2  # windows without colour
    negative_share: Share = 0.0  # windows with dark and bright exchanged
    noise: float = Field(0.0, ge=0, le=64)  # largest standard deviation, grey levels
    mixup_share: Share = 0.5  # batches that are blended with themselves, shuffled
    mixup_alpha: float = Field(0.3, gt=0, le=10)  # of the Beta distribution of the blend


class DataOptions(_Options):
    """A folder of clips or videos to train on."""

    path: Place
    clips: Place | None = None  # a clips.csv for this folder that lies elsewhere
    labels: dict[Label, Label] = {}  # label there: label of the model; empty: as they are
    weight: float = Field(1.0, gt=0)  # of its training windows, beside other data sets
    # Few clips of one's own cameras: each counts as `weight` clips of its label in other data sets,
    # and all of a label as half of its windows at most. So labels keep their balance.
    own: bool = False
    terms: str = Field("", max_length=300)  # of use, such as MIT; the model file has them

    @property
    def name(self) -> str:
        """What reports and groups call it."""
        return printable(self.path.resolve().name)


class Recipe(_Options):
    """What har-train does; `configs/train.yaml` shows every option with its default."""

    data: tuple[DataOptions, ...] = ()
    arch: str = "r2plus1d"
    clip: ClipOptions = ClipOptions()
    zoom: Literal[1, 2] = 1  # 2: the network also sees the part that moves most, enlarged
    sampling: Literal["time", "uniform"] = "time"
    stride: int = Field(5, ge=1)  # sampled frames between the windows that score a clip
    split: Literal["grouped", "random"] = "grouped"
    test_share: Part = 0.2
    validation_share: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    epochs: int = Field(30, ge=1)
    batch: int = Field(8, ge=1)
    optimizer: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = Field(2e-3, gt=0, le=1)
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup_share: float = Field(0.05, ge=0, lt=1)
    weight_decay: float = Field(0.02, ge=0, le=1)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    ema_momentum: float | None = Field(0.99, gt=0, lt=1)
    patience: int | None = Field(None, ge=1)
    augment: AugmentOptions | None = AugmentOptions()
    labels: tuple[Label, ...] = ()
    background: tuple[Label, ...] = ()
    threshold: Share = 0.5
    exclude_groups: tuple[str, ...] = ()
    footage: tuple[Place, ...] = ()  # files and folders
    seed: int = Field(1, ge=0, lt=2**32)

    @field_validator("arch")
    @classmethod
    def _check_arch(cls, arch: str) -> str:
        if arch not in ARCHITECTURES:
            raise ValueError(f"unknown network {arch!r}; allowed: {', '.join(ARCHITECTURES)}")
        return arch

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        if self.patience is not None and not self.validation_share:
            raise ValueError("patience needs a validation_share above 0, or null for no early stop")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels names a label twice")
        if len(self.labels) == 1:
            raise ValueError("labels names one label; at least two are needed, or [] for all")
        if self.arch in BASELINES and any(source.weight != 1 for source in self.data):
            raise ValueError(f"a weight of data needs a network: {self.arch} takes every window")
        if self.zoom > 1 and self.clip.size % STEP:
            raise ValueError(f"zoom needs a clip.size that {STEP} divides; found {self.clip.size}")
        if self.arch in BASELINES and self.zoom > 1:
            raise ValueError(f"zoom needs a network; found {self.arch}")
        if self.zoom == 1 and self.augment is not None and self.augment.part_share:
            raise ValueError("augment.part_share needs zoom: 2")
        if self.optimizer == "adam" and self.weight_decay:
            raise ValueError("weight_decay needs optimizer adamw, or 0")
        return self

    @property
    def spec(self) -> ClipSpec:
        """The clips that the model takes."""
        return ClipSpec(self.clip.frames, self.clip.size * self.zoom, self.clip.fps)

    @property
    def network_spec(self) -> ClipSpec:
        """The clips that the network takes: the views of a clip, if it zooms."""
        return ClipSpec(self.clip.frames, self.clip.size, self.clip.fps)


def read_recipe(path: Path | None, options: Mapping[str, Any]) -> Recipe:
    """The defaults, overridden by the file and then by `options`; ConfigError for a bad value."""
    recipe = load(path, Recipe) if path else Recipe()
    try:
        return Recipe.model_validate({**recipe.model_dump(), **options})
    except ValidationError as error:
        raise ConfigError(explain(error, Recipe)) from None
