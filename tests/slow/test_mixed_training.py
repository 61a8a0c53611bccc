"""har-train on two data sets, of which one has labels of its own."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

import train.cli.evaluate
import train.cli.train
from export.keras_file import load_model
from testkit.clips import make_clips
from testkit.footage import quiet_footage
from testkit.media import filtered
from tests.slow.test_tune_run import brightness, invoke
from train.networks.architectures import NETWORKS

RECIPE = """
data:
  - path: lamps
  - path: sky
    weight: {weight}
    terms: research only
    labels: {{night: dark, day: light, noon: light}}
"""
OPTIONS = """
clip: {frames: 4, size: 16, fps: 10}
batch: 4
epochs: 2
background: [dark]
"""


@pytest.fixture(scope="module", autouse=True)
def _small_network() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(NETWORKS, "r2plus1d", brightness)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two data sets and a run with both of their folds."""
    folder = tmp_path_factory.mktemp("mixed")
    make_clips(folder / "lamps")
    make_clips(folder / "sky", labels={"night": 30, "day": 180, "noon": 220, "dusk": 100})
    trained(folder, weight=2)
    return folder


def trained(folder: Path, weight: float) -> None:
    recipe = folder / "train.yaml"
    recipe.write_text(RECIPE.format(weight=weight) + OPTIONS)
    done = invoke(train.cli.train.app, "--config", recipe, "--out", folder / "run", "--folds",
                  "--cache", folder / "cache")  # fmt: skip
    assert done.exit_code == 0, done.output


def test_the_report_and_the_models_name_both_data_sets(folder: Path) -> None:
    report = json.loads((folder / "run" / "metrics.json").read_text())

    assert report["data"]["name"] == "lamps+sky"
    assert report["counts"] == {"clips": 20, "groups": 8, "skipped": 0}
    assert {name: part["clips"] for name, part in report["datasets"].items()} == {
        "lamps": 8, "sky": 12,
    }  # fmt: skip
    assert {name: part["clips"] for name, part in report["folds"].items()} == {
        "fold 0": 10, "fold 1": 10,
    }  # fmt: skip
    assert {clip["path"].split("/")[1]: clip["truth"] for clip in report["clips"]} == {
        "dark": "dark", "light": "light", "night": "dark", "day": "light", "noon": "light",
    }  # fmt: skip
    assert {clip["group"] for clip in report["clips"]} == {
        f"{name}/g{fold}{part}" for name in ("lamps", "sky") for fold in "01" for part in "01"
    }
    assert [source["labels"] for source in report["settings"]["data"]] == [
        {}, {"night": "dark", "day": "light", "noon": "light"},
    ]  # fmt: skip
    assert "Data sets" in (folder / "run" / "report.html").read_text()
    _, metadata = load_model(folder / "run" / "model.keras")
    assert metadata.name == "lamps+sky-r2plus1d"
    assert metadata.labels == ("dark", "light")
    assert metadata.data.terms == {"sky": "research only"}
    assert (metadata.data.name, metadata.data.clips, metadata.data.groups) == ("lamps+sky", 20, 8)
    assert metadata.metrics["clips"] == 20
    assert metadata.evaluation.startswith(
        "cross-validated on lamps+sky, 2 folds, 20 clips of 8 groups that were not trained on"
    )
    for fold in range(2):
        _, of_fold = load_model(folder / "run" / f"fold-{fold}" / "model.keras")
        assert (of_fold.data.clips, of_fold.data.groups) == (10, 4)
        assert of_fold.metrics["clips"] == 10


def test_the_same_weights_resume_a_run_and_others_begin_anew(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    counts = []
    for weight in (2, 1, 2):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            trained(folder, weight)
        counts.append(sum("finished before" in line for line in caplog.messages))
        assert "sky: clips whose label is not mapped are left out: dusk 4" in caplog.messages

    assert counts == [3, 0, 0]


def test_a_run_is_tuned_on_the_data_that_its_recipe_names(folder: Path) -> None:
    footage = quiet_footage(folder / "yard.mp4", 20)

    done = invoke(train.cli.evaluate.app, folder / "run", "--tune", "--footage", footage,
                  "--cache", folder / "cache")  # fmt: skip

    assert done.exit_code == 0, done.stderr
    report = json.loads((folder / "run" / "tuning" / "metrics.json").read_text())
    assert report["clips"]["clips"] == 20
    assert {stream["name"].split("/")[0] for stream in report["streams"]} == {"lamps", "sky"}


def test_the_clips_of_one_of_the_data_sets_are_laid_into_footage(folder: Path) -> None:
    yards = folder / "yards"
    yards.mkdir()
    for number in range(2):
        quiet_footage(yards / f"{number}.mp4", 20)

    done = invoke(train.cli.evaluate.app, folder / "run", "--tune", "--footage", yards,
                  "--data", folder / "lamps", "--cache", folder / "cache")  # fmt: skip

    assert done.exit_code == 0, done.stderr
    report = json.loads((folder / "run" / "tuning" / "metrics.json").read_text())
    assert report["clips"]["clips"] == 8
    names = {stream["name"].split("/")[0] for stream in report["streams"]}
    assert names == {"lamps", "0.mp4", "1.mp4"}
    assert report["settings"]["clips"] == "lamps"


def test_videos_with_events_are_watched_as_they_were_filmed(folder: Path) -> None:
    rooms = folder / "rooms"
    rooms.mkdir()
    rows = ["path,label,group,fold,start_s,end_s"]
    for fold in range(2):
        lit = "hflip," * fold + f"eq=brightness=0.3:enable='between(t,{6 + fold},9)'"
        filtered(rooms / f"{fold}.mp4", lit, quiet_footage(folder / f"dark-{fold}.mp4", 14))
        rows += [f"{fold}.mp4,dark,room{fold},{fold},,"]
        rows += [f"{fold}.mp4,light,room{fold},{fold},{6 + fold},9"]
    (rooms / "videos.csv").write_text("\n".join(rows) + "\n")
    recipe = folder / "rooms.yaml"
    recipe.write_text("data: [{path: rooms}]\n" + OPTIONS)
    done = invoke(train.cli.train.app, "--config", recipe, "--out", folder / "of-rooms", "--folds",
                  "--cache", folder / "cache")  # fmt: skip
    assert done.exit_code == 0, done.output

    garden = quiet_footage(folder / "garden.mp4", 20)
    done = invoke(train.cli.evaluate.app, folder / "of-rooms", "--tune", "--footage", garden,
                  "--cache", folder / "cache")  # fmt: skip

    assert done.exit_code == 0, done.stderr
    report = json.loads((folder / "of-rooms" / "tuning" / "metrics.json").read_text())
    assert [stream["name"] for stream in report["streams"]] == ["0.mp4", "1.mp4"]
    assert report["events"]["events"] == 2
    assert report["clips"] is None
    assert "as they were filmed" in report["how"]
