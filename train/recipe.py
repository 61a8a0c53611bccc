"""Recipes as a user gives them: a file, changed by options."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from monitor.errors import ConfigError
from monitor.yamlfile import explain, load
from train.config import TrainConfig


def read_recipe(path: Path | None, options: Mapping[str, Any]) -> TrainConfig:
    """The defaults, changed by the file, changed by `options`; ConfigError for the first fault.

    Paths in the file are relative to it.
    """
    recipe = TrainConfig()
    if path:
        recipe = load(path, TrainConfig)
        footage = tuple(path.parent / place for place in recipe.footage)
        recipe = recipe.model_copy(update={"footage": footage})
    try:
        return TrainConfig.model_validate({**recipe.model_dump(), **options})
    except ValidationError as error:
        raise ConfigError(explain(error, TrainConfig)) from None
