"""Which clips the rules of a run are tuned on."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from export.keras_file import MODEL_NAME
from monitor.errors import ConfigError
from train.experiment.rule_tuning import _sources, tune_model
from train.recipe.options import DataOptions, Recipe

RUN = Path("run")
MAPPED = DataOptions(path=Path("ut"), labels={"kick": "fight", "hug": "nofight"})


def test_the_data_that_the_recipe_names_is_taken_by_default() -> None:
    both = (MAPPED, DataOptions(path=Path("street")))

    assert _sources(RUN, Recipe(data=both), None) == (both, "")


def test_another_place_keeps_the_labels_that_the_recipe_gives(tmp_path: Path) -> None:
    (found,), chosen = _sources(RUN, Recipe(data=(MAPPED,)), tmp_path)

    assert (found.path, found.labels) == (tmp_path, MAPPED.labels)
    assert chosen == ""
    assert _sources(RUN, Recipe(), tmp_path) == ((DataOptions(path=tmp_path),), "")


def test_one_of_several_data_sets_may_be_chosen() -> None:
    both = (MAPPED, DataOptions(path=Path("street")))

    assert _sources(RUN, Recipe(data=both), Path("street").absolute()) == (both, "street")
    with pytest.raises(ConfigError) as error:
        _sources(RUN, Recipe(data=both), Path("yard"))

    assert str(error.value) == (
        "--data yard: none of the data sets that run was fitted on: ut, street"
    )


def test_tuning_without_clips_and_without_data_in_the_recipe_is_an_error(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "fold-0").mkdir(parents=True)
    (run / "fold-0" / MODEL_NAME).touch()
    (run / "metrics.json").write_text(json.dumps({"settings": {}}))

    with pytest.raises(ConfigError) as error:
        tune_model(run, None, tmp_path / "yard", None, tmp_path / "cache", Console(quiet=True))

    assert str(error.value) == f"--data is missing, and the recipe of {run} names no data"
