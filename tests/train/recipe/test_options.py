from pathlib import Path

import pytest
import yaml

from monitor.config.yaml_file import load
from monitor.errors import ConfigError
from testkit import ROOT
from train.recipe.options import DataOptions, Recipe, read_recipe

CONFIGS = ROOT / "configs"


def test_the_shipped_recipe_shows_every_option_with_its_default() -> None:
    shipped = yaml.safe_load((CONFIGS / "train.yaml").read_text(encoding="utf-8"))

    assert load(CONFIGS / "train.yaml", Recipe) == Recipe()
    assert list(shipped) == list(Recipe.model_fields)
    defaults = Recipe().model_dump(mode="json")
    for block in ("clip", "augment"):
        assert list(shipped[block]) == list(defaults[block])


def test_the_papers_recipe_has_the_papers_values() -> None:
    recipe = load(CONFIGS / "ucf50-paper.yaml", Recipe)

    assert recipe.arch == "convlstm"
    assert recipe.labels == ("HorseRace", "Biking", "Swing", "PizzaTossing")
    assert (recipe.clip.frames, recipe.clip.size) == (20, 64)
    assert (recipe.sampling, recipe.split) == ("uniform", "random")
    assert (recipe.test_share, recipe.validation_share) == (0.25, 0.2)
    assert (recipe.epochs, recipe.batch, recipe.patience) == (50, 4, 10)
    assert (recipe.optimizer, recipe.learning_rate, recipe.schedule) == ("adam", 1e-3, "constant")
    assert (recipe.label_smoothing, recipe.ema_momentum, recipe.augment) == (0, None, None)


def test_the_papers_other_network_differs_in_epochs_and_patience_only() -> None:
    convlstm = load(CONFIGS / "ucf50-paper.yaml", Recipe)

    lrcn = load(CONFIGS / "ucf50-paper-lrcn.yaml", Recipe)

    changes = {"arch": "lrcn", "epochs": 70, "patience": 15}
    assert lrcn == convlstm.model_copy(update=changes)


def test_the_recipe_for_ucf50_is_the_default_one_on_the_papers_classes() -> None:
    paper = load(CONFIGS / "ucf50-paper.yaml", Recipe)

    recipe = load(CONFIGS / "ucf50.yaml", Recipe)

    assert (recipe.sampling, recipe.split) == ("time", "grouped")
    of_the_data = {"labels": paper.labels, "test_share": paper.test_share, "epochs": 60}
    assert recipe == Recipe().model_copy(update=of_the_data)


def test_footage_is_found_beside_the_recipe_and_an_option_replaces_it(tmp_path: Path) -> None:
    path = tmp_path / "train.yaml"
    path.write_text("footage: [films, /srv/yard.mp4]\n")

    assert read_recipe(path, {}).footage == (tmp_path / "films", Path("/srv/yard.mp4"))
    assert read_recipe(path, {"footage": (Path("here"),)}).footage == (Path("here"),)


def test_data_is_found_beside_the_recipe_and_an_option_replaces_it(tmp_path: Path) -> None:
    path = tmp_path / "train.yaml"
    path.write_text("data:\n  - {path: ut, weight: 2, labels: {kick: fight}}\n  - path: /srv/a\n")

    found = read_recipe(path, {})

    assert [source.path for source in found.data] == [tmp_path / "ut", Path("/srv/a")]
    assert [source.weight for source in found.data] == [2, 1]
    assert [source.labels for source in found.data] == [{"kick": "fight"}, {}]
    here = (DataOptions(path=Path("here")),)
    assert read_recipe(path, {"data": here}).data == here


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "seed: 1\naugment:\n  crop: 0.5\n",
            "3: unknown option augment.crop; options here: brightness, contrast, crop_min, "
            "crossing_share, flip_share, gamma, gray_share, mixup_alpha, mixup_share, "
            "negative_share, noise, part_share, paste_max, paste_share, rate_share, speed_max, "
            "speed_min, zoom_min, zoom_share",
            id="unknown option in a block",
        ),
        pytest.param(
            "arch: resnet\n",
            "1: arch: unknown network 'resnet'; allowed: convlstm, lrcn, r2plus1d, "
            "motion-peaks, convlstm-motion, motion-trajectories, motion-tsm, svm, forest",
            id="unknown network",
        ),
        pytest.param(
            "epochs: 0\n",
            "1: epochs: input should be greater than or equal to 1, found 0",
            id="no epochs",
        ),
        pytest.param(
            "sampling: uniformly\n",
            "1: sampling: input should be 'time' or 'uniform', found 'uniformly'",
            id="mistyped choice",
        ),
        pytest.param(
            "validation_share: 0\npatience: 5\n",
            "1: patience needs a validation_share above 0, or null for no early stop",
            id="early stopping without validation",
        ),
        pytest.param(
            "optimizer: adam\n",
            "1: weight_decay needs optimizer adamw, or 0",
            id="weight decay for Adam",
        ),
        pytest.param(
            "labels: [fight]\n",
            "1: labels names one label; at least two are needed, or [] for all",
            id="one label",
        ),
        pytest.param(
            "data:\n  - path: ut\n    weight: 0\n",
            "3: data.0.weight: input should be greater than 0, found 0",
            id="data without weight",
        ),
        pytest.param(
            "arch: svm\ndata:\n  - {path: ut, weight: 2}\n",
            "1: a weight of data needs a network: svm takes every window",
            id="a weight for a classical classifier",
        ),
        pytest.param(
            "augment:\n  part_share: 0.5\n",
            "1: augment.part_share needs zoom: 2",
            id="a second view of a model that has none",
        ),
    ],
)
def test_a_wrong_recipe_is_an_error_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "train.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError) as error:
        load(path, Recipe)

    assert str(error.value) == f"{path}:{message}"
