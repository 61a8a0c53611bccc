"""What is kept of a row: its fits, its network, and what that found in streams and regions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from benchmarks.recognition.series import Series, SplitKind
from benchmarks.results import Facts, Result, read
from train.evaluate.scores import Scored
from train.recipe.options import Recipe

DIGITS = 4  # of a score

View = Literal["whole", "region", "alone"]
# How rules are chosen: not at all, for the highest event F1, or for the fewest false alarms while
# half of the events or more are found.
Choosing = Literal["untuned", "highest F1", "fewest false alarms"]
CHOOSING: tuple[Choosing, ...] = ("untuned", "highest F1", "fewest false alarms")

_Fold = TypeVar("_Fold", bound="FoldFacts")


class TestedClip(Facts):
    """A clip that a model was tested on."""

    path: str
    label: str
    group: str


class ClipScores(TestedClip):
    """A test clip and its scores."""

    fold: int | None  # as the data names it
    scores: tuple[float, ...]  # in the order of the labels


class FitRecord(Result):
    """One fit and its test."""

    what: Literal["fit"] = "fit"
    split: SplitKind
    seed: int
    fold: int | None  # the tested fold; None for a random split
    second: int | None = None  # of a nested fit: the other fold that was held back
    name: str  # of the row
    data: str
    folds: int  # number of fits of this split and seed
    recipe: dict[str, Any]  # every option of har-train
    data_sha256: str  # of every usable clip's path, label and content
    split_sha256: str  # of which clips, of which groups, are in which part of the split
    date: str  # UTC
    fit_s: float | None  # None if the fit was interrupted
    version: str  # of har-monitor
    labels: tuple[str, ...]
    clips: tuple[ClipScores, ...]

    @property
    def key(self) -> str:
        """The fit."""
        return fit_key(self.split, self.seed, self.fold, self.second)

    def is_of(self, config: Recipe) -> bool:
        """Whether it was fitted with this very recipe."""
        return same_recipe(self.recipe, config)

    @property
    def scored(self) -> Scored:
        """The clips in the form that the metrics take."""
        return scored_clips(self.labels, self.clips, [clip.scores for clip in self.clips])


class Basis(Facts):
    """What the networks of a fold watched. If it is the same, so is what they found."""

    recipe: dict[str, Any]
    data_sha256: str
    footage: dict[str, str]  # file -> sha256
    temperature: float  # of the networks
    method: int  # raised if the benchmark measures otherwise than before

    def agrees(self, other: "Basis") -> bool:
        """Whether it is the same basis; the recipe of `other` has every option."""
        rest = {"recipe": other.recipe}
        return self.model_copy(update=rest) == other and same_recipe(
            self.recipe, Recipe.model_validate(other.recipe)
        )


class Network(Result):
    """The size and speed of a row's network, measured on its exported file."""

    what: Literal["network"] = "network"
    arch: str
    clip: dict[str, Any]  # frames, size, fps
    parameters: int
    window_ms: float  # median time of one window on one thread
    date: str  # UTC
    version: str

    @property
    def key(self) -> str:
        """A row has one network."""
        return self.what

    def is_of(self, config: Recipe) -> bool:
        """Whether the recipe has this very network."""
        return (self.arch, self.clip) == (config.arch, config.clip.model_dump(mode="json"))


class FoldFacts(Result):
    """What was measured with the network of a fold, which did not see the fold in training."""

    what: str
    seed: int
    fold: int
    name: str  # of the row
    data: str
    basis: Basis
    date: str  # UTC
    version: str  # of har-monitor

    @property
    def key(self) -> str:
        """The kind of measurement and the fold."""
        return f"{self.what}-fold{self.fold}"


class WatchedEvent(Facts):
    """An event of a stream, and its alerts."""

    stream: str
    label: str
    start_s: float
    end_s: float
    delays_s: tuple[float, ...]  # of its alerts, from its first frame; empty: not found


class FalseAlarm(Facts):
    """A false alarm, and what the middle of the window that decided it showed."""

    stream: str
    label: str
    time_s: float
    score: float
    shown: str  # clip or footage
    shown_label: str | None  # None: footage
    shown_s: float  # in the file


class Judgement(Facts):
    """What was found with some rules."""

    thresholds: dict[str, float]
    smoothing_s: float
    min_s: float
    events: tuple[WatchedEvent, ...]
    false_alarms: tuple[FalseAlarm, ...]
    alone: tuple[FalseAlarm, ...]  # in the whole footage alone


class ClipAnswer(Facts):
    """The label with the highest score, of a clip alone and while a stream showed it."""

    path: str
    label: str
    alone: str
    in_stream: str | None  # None if no window of it was classified


class FoldEvents(FoldFacts):
    """The streams of a fold, watched by the network that did not see the fold."""

    what: Literal["events"] = "events"
    tuned_in: tuple[str, ...]  # footage
    tested_in: tuple[str, ...]  # other footage
    footage_s: dict[str, float]  # length of each film
    streams_s: dict[str, float]  # length of each stream
    judged: dict[Choosing, Judgement]
    clips: tuple[ClipAnswer, ...]


class FoldAlerts(FoldFacts):
    """The streams of a fold, by rules that were tuned on the other folds.

    The network has not seen the fold. Its films are in no stream of another fold.
    """

    what: Literal["alerts"] = "alerts"
    per_day: float  # the most false alarms that the rules may give where they are tuned
    streams_s: dict[str, float]  # length of each stream
    films_s: dict[str, float]  # length of each film that was also watched alone
    quiet_s: dict[str, float]  # what showed no event: a kind of footage, or clips of a label
    judged: Judgement
    clips: tuple[ClipAnswer, ...]  # that were laid into footage


class InsetClip(TestedClip):
    """A clip laid into a film, and its scores in three views."""

    film: str
    offset_s: float
    box: tuple[int, int, int, int]  # left, top, width and height, pixels
    region: tuple[float, float, float, float]
    scores: dict[View, tuple[float, ...]]


class FoldInsets(FoldFacts):
    """The clips of a fold, seen by the network that did not see the fold in training."""

    what: Literal["regions"] = "regions"
    labels: tuple[str, ...]
    clips: tuple[InsetClip, ...]

    def scored(self, view: View) -> Scored:
        """The clips in one view."""
        return scored_clips(self.labels, self.clips, [clip.scores[view] for clip in self.clips])


Kept = FitRecord | Network | FoldEvents | FoldAlerts | FoldInsets
KEPT: TypeAdapter[Kept] = TypeAdapter(Annotated[Kept, Field(discriminator="what")])


def scored_clips(
    labels: tuple[str, ...], clips: Sequence[TestedClip], scores: Sequence[tuple[float, ...]]
) -> Scored:
    """Test clips and their scores, each in the order of the labels, without images."""
    return Scored(
        labels=labels,
        clips=tuple(clip.path for clip in clips),
        groups=tuple(clip.group for clip in clips),
        truth=np.array([labels.index(clip.label) for clip in clips], np.int64),
        scores=np.array(scores, np.float32),
        previews=np.empty((len(clips), 0, 1, 1, 3), np.uint8),
    )


def same_recipe(recipe: dict[str, Any], config: Recipe) -> bool:
    """Whether a kept recipe is `config`; options that came later had their default."""
    try:
        return Recipe.model_validate(recipe) == config
    except ValidationError:
        return False


def fit_key(split: SplitKind, seed: int, fold: int | None, second: int | None) -> str:
    """A name for a fit that is unique in its row."""
    parts = [f"{split}-seed{seed}"]
    parts += [] if fold is None else [f"fold{fold}"]
    parts += [] if second is None else [f"fold{second}"]
    return "-".join(parts)


def read_folds(
    kind: type[_Fold], series: Series, grouped: Sequence[FitRecord], results: Path
) -> tuple[_Fold, ...]:
    """What was measured of every fold that the grouped fits of the first seed were tested on.

    Empty if a fold is missing, or was measured with networks of other fits.
    """
    seed = series.seeds[0]
    config, hashes = series.recipe_of("grouped", seed), {one.data_sha256 for one in grouped}
    kept = read(results / series.file, KEPT).values()
    by_fold = {
        one.fold: one
        for one in kept
        if isinstance(one, kind)
        and same_recipe(one.basis.recipe, config)
        and one.basis.data_sha256 in hashes
    }
    folds = [one.fold for one in grouped if one.seed == seed and one.fold is not None]
    if not set(folds) <= set(by_fold):
        return ()
    return tuple(by_fold[fold] for fold in folds)
