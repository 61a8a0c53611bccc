"""What the recognition benchmark compares, as benchmarks/recognition/plan.yaml declares it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from monitor.config.yaml_file import load
from monitor.errors import ConfigError
from train.recipe.options import BASELINES, DataOptions, Recipe, read_recipe

TOGETHER = "together"  # how the data sets of a recipe that names several are called
SplitKind = Literal["grouped", "random", "nested"]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Name = Annotated[str, Field(pattern=r"^\w[^|/]*$")]  # of a row of a table, and of a file


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Wide(_Options):
    """Footage in which people are small: clips are laid into it."""

    footage: Name  # folder beside the data sets
    films: tuple[str, ...] = Field(min_length=1)  # files in it


class Streams(_Options):
    """Streams that the networks of a row watch, by the rules that har-evaluate --tune finds."""

    clips: Name  # data set of the recipe: its clips are laid into footage, or its videos watched
    footage: Name  # folder beside the data sets: footage in which nothing happens
    false_alarms_per_day: float = Field(gt=0)  # the most that the rules may give


class Row(_Options):
    """One recipe, fitted on each of its data sets with each split and seed."""

    name: Name
    recipe: Path  # a configuration of har-train, relative to this file
    overrides: dict[str, Any] = {}  # options of har-train that differ from the recipe's
    data: tuple[Name, ...] = ()  # folders of the folder of data sets; none: the recipe names them
    splits: tuple[SplitKind, ...] = ("grouped",)
    seeds: tuple[Seed, ...] = Field((1,), min_length=1)
    streams: Streams | None = None  # of a recipe that names several data sets
    wide: Wide | None = None  # its clips, of the data set in `streams`, are also laid into this

    @model_validator(mode="after")
    def _nothing_twice(self) -> Self:
        for option, named in (("seed", "seeds"), ("split", "splits")):
            if option in self.overrides:
                raise ValueError(f"{option} is not overridden but named in {named}")
        if self.wide is not None and self.streams is None:
            raise ValueError("wide needs streams, whose clips are laid into it")
        for name in ("data", "splits", "seeds"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"{name} names one twice")
        return self


class Live(_Options):
    """The row that is also watched as the monitor would watch, and the footage."""

    row: Name  # on the main data set, with grouped and nested splits
    footage: Name  # folder beside the data sets: footage in which nothing happens
    wide: Wide


class Rows(_Options):
    """The whole file."""

    main: Name  # the data set that has a table of its own; the others share a short one
    live: Live | None = None
    rows: tuple[Row, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Series:
    """One recipe on one data set: a line of a table."""

    name: str
    data: str
    splits: tuple[SplitKind, ...]
    seeds: tuple[int, ...]
    recipe: Recipe
    named: tuple[DataOptions, ...] = ()  # the recipe's own data, each by its folder's name alone
    streams: Streams | None = None
    wide: Wide | None = None

    @property
    def sources(self) -> tuple[DataOptions, ...]:
        """Its data, relative to the folder of data sets."""
        return self.named or (DataOptions(path=Path(self.data)),)

    @property
    def folder(self) -> Path:
        """Its folder among the runs."""
        return Path(self.data, slug(self.name))

    @property
    def file(self) -> Path:
        """Its file among the results."""
        return Path(self.data, f"{slug(self.name)}.jsonl")

    def seeds_of(self, split: SplitKind) -> tuple[int, ...]:
        """The seeds of a split; nested has only the first, by which choices are made."""
        return self.seeds[:1] if split == "nested" else self.seeds

    def recipe_of(self, split: SplitKind, seed: int) -> Recipe:
        """The recipe of one split and seed."""
        drawn = "random" if split == "random" else "grouped"
        return self.recipe.model_copy(update={"split": drawn, "seed": seed})


@dataclass(frozen=True)
class Watch:
    """The series that is also watched as the monitor would watch, and the footage."""

    series: Series
    footage: str  # a folder beside the data sets
    wide: Wide


@dataclass(frozen=True)
class Declared:
    """What the plan declares."""

    main: str  # the data set that has a table of its own
    series: tuple[Series, ...]  # in the order of the rows
    watch: Watch | None = None


def read_rows(path: Path) -> Declared:
    """What the file `path` declares.

    ConfigError if it, a recipe or an override has a fault.
    """
    declared = load(path, Rows)
    found: list[Series] = []
    for row in declared.rows:
        try:
            recipe = read_recipe(path.parent / row.recipe, row.overrides)
        except ConfigError as error:
            raise ConfigError(f"{path}: row {row.name}: {error}") from None
        if recipe.footage:
            raise ConfigError(f"{path}: row {row.name}: footage is not benchmarked")
        if bool(row.data) == bool(recipe.data):
            raise ConfigError(
                f"{path}: row {row.name}: data is named "
                + ("both here and in the recipe" if row.data else "neither here nor in the recipe")
            )
        named = sorted(source.path.name for source in recipe.data)
        if row.streams is not None and row.streams.clips not in named:
            raise ConfigError(
                f"{path}: row {row.name}: streams: clips: {row.streams.clips} is no data set that "
                f"the recipe names; it names: {', '.join(named) or 'none'}"
            )
        if recipe.data:
            found.append(_together(row, recipe))
        found += [Series(row.name, data, row.splits, row.seeds, recipe) for data in row.data]
    folders = [series.folder for series in found]
    for series in found:
        if folders.count(series.folder) > 1:
            raise ConfigError(f"{path}: two rows are called {series.name} on {series.data}")
    if declared.main not in {series.data for series in found}:
        raise ConfigError(f"{path}: main: no row is on {declared.main}")
    return Declared(declared.main, tuple(found), _watch(path, declared, found))


def _together(row: Row, recipe: Recipe) -> Series:
    """The series of a recipe that names its data: the folder of data sets may lie anywhere."""
    sources = tuple(
        source.model_copy(update={"path": Path(source.path.name)}) for source in recipe.data
    )
    data = tuple(
        source.model_copy(update={"clips": source.clips and Path(source.clips.name)})
        for source in sources
    )
    recipe = recipe.model_copy(update={"data": data})
    return Series(row.name, TOGETHER, row.splits, row.seeds, recipe, sources, row.streams, row.wide)


def _watch(path: Path, declared: Rows, found: Sequence[Series]) -> Watch | None:
    live = declared.live
    if live is None:
        return None
    for series in found:
        if (series.name, series.data) == (live.row, declared.main):
            if not {"grouped", "nested"} <= set(series.splits):
                raise ConfigError(f"{path}: live: row {live.row} needs the splits grouped, nested")
            if series.recipe.arch in BASELINES or series.recipe.sampling != "time":
                raise ConfigError(f"{path}: live: row {live.row} is no network that can be watched")
            return Watch(series, live.footage, live.wide)
    raise ConfigError(f"{path}: live: no row {live.row} on {declared.main}")


def slug(name: str) -> str:
    """A row's name as the name of a file."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower().replace("'", "")).strip("-")
