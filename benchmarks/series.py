"""What the recognition benchmark compares, as benchmarks/recognition.yaml declares it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from monitor.errors import ConfigError
from monitor.yamlfile import load
from train.config import TrainConfig
from train.recipe import read_recipe

SplitKind = Literal["grouped", "random", "nested"]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Name = Annotated[str, Field(pattern=r"^\w[^|/]*$")]  # of a row of a table, and of a folder


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Row(_Options):
    """One recipe, fitted on each of its data sets by each split and seed."""

    name: Name
    recipe: Path  # a configuration of har-train, relative to the YAML file
    overrides: dict[str, Any] = {}  # options of har-train that differ from the recipe's
    data: tuple[Name, ...] = Field(min_length=1)  # folders of the folder of data sets
    splits: tuple[SplitKind, ...] = ("grouped",)
    seeds: tuple[Seed, ...] = Field((1,), min_length=1)

    @model_validator(mode="after")
    def _nothing_twice(self) -> Self:
        for option, named in (("seed", "seeds"), ("split", "splits")):
            if option in self.overrides:
                raise ValueError(f"{option} is not overridden but named in {named}")
        for name in ("data", "splits", "seeds"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"{name} names one twice")
        return self


class Rows(_Options):
    """The whole file."""

    main: Name  # the data set that has a table of its own; the others share a short one
    rows: tuple[Row, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Series:
    """One recipe on one data set: a line of a table."""

    name: str
    data: str
    splits: tuple[SplitKind, ...]
    seeds: tuple[int, ...]
    recipe: TrainConfig

    @property
    def folder(self) -> Path:
        """Where its results lie, relative to those of all."""
        return Path(self.data, slug(self.name))

    def seeds_of(self, split: SplitKind) -> tuple[int, ...]:
        """The seeds of a split; choices are made with the first, so that is enough for nested."""
        return self.seeds[:1] if split == "nested" else self.seeds

    def config(self, split: SplitKind, seed: int) -> TrainConfig:
        """The recipe of one split and seed."""
        drawn = "random" if split == "random" else "grouped"
        return self.recipe.model_copy(update={"split": drawn, "seed": seed})


def read_series(path: Path) -> tuple[str, tuple[Series, ...]]:
    """The main data set, and every series declared in the file `path`, in its order.

    ConfigError for a fault in it, in a recipe or in what overrides one.
    """
    declared = load(path, Rows)
    found: list[Series] = []
    for row in declared.rows:
        try:
            recipe = read_recipe(path.parent / row.recipe, row.overrides)
        except ConfigError as error:
            raise ConfigError(f"{path}: row {row.name}: {error}") from None
        found += [Series(row.name, data, row.splits, row.seeds, recipe) for data in row.data]
    folders = [series.folder for series in found]
    for series in found:
        if folders.count(series.folder) > 1:
            raise ConfigError(f"{path}: two rows are called {series.name} on {series.data}")
    if declared.main not in {series.data for series in found}:
        raise ConfigError(f"{path}: main: no row is on {declared.main}")
    return declared.main, tuple(found)


def slug(name: str) -> str:
    """A row's name as a folder's."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower().replace("'", "")).strip("-")
