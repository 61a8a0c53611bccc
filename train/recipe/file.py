"""Recipes as a user gives them: a file, changed by options."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from monitor.config.yaml_file import explain, load
from monitor.errors import ConfigError
from train.recipe.options import TrainConfig


def read_recipe(path: Path | None, options: Mapping[str, Any]) -> TrainConfig:
    """The defaults, changed by the file, changed by `options`; ConfigError for the first fault."""
    recipe = load(path, TrainConfig) if path else TrainConfig()
    try:
        return TrainConfig.model_validate({**recipe.model_dump(), **options})
    except ValidationError as error:
        raise ConfigError(explain(error, TrainConfig)) from None
