"""The row that is also watched as the monitor would watch, from its networks to the page."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import benchmarks.recognition.networks
from benchmarks.recognition.fit_results import (
    KEPT,
    ClipScores,
    FitRecord,
    FoldAlerts,
    FoldEvents,
    FoldInsets,
)
from benchmarks.recognition.fits import Places, all_fits
from benchmarks.recognition.page import page
from benchmarks.recognition.series import Series, read_rows
from benchmarks.recognition.tuned import watch_tuned
from benchmarks.recognition.watching import watch_live
from benchmarks.results import drop, keep, read
from export.keras_file import MODEL_NAME, save_model
from monitor.errors import DataError
from monitor.recognition.metadata import Data, Unknown
from testkit.clips import make_clips
from testkit.footage import quiet_footage
from testkit.models import metadata
from testkit.trained import trained_like
from train.evaluate.novelty import with_novelty

RECIPE = "arch: convlstm-motion\nclip: {frames: 6, size: 32, fps: 10}\nbackground: [dark]\n"
ROWS = """
main: clips
live: {row: small, footage: quiet, wide: {footage: quiet, films: [b.mp4]}}
rows:
  - {name: small, recipe: small.yaml, data: [clips], splits: [grouped, nested]}
"""


def no_network_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the test fails if a network is loaded."""
    monkeypatch.setattr(
        benchmarks.recognition.networks,
        "load_model",
        lambda path: pytest.fail(f"{path} is loaded again"),
    )


def pretend_fits(series: Series, places: Places) -> None:
    """The networks and the results that fits would have left: one network for all of them."""
    spec = series.recipe.spec
    noise = np.random.default_rng(1).integers(0, 256, (8, 1, *spec.shape), np.uint8)
    network = with_novelty(trained_like(series.recipe.arch, spec), noise)
    for fit in all_fits([series], places, Console(quiet=True)):
        about = metadata(
            labels=("dark", "light"), background=("dark",), thresholds={"light": 0.5},
            frames=spec.frames, size=spec.size,
            unknown=Unknown(threshold=1e-4, share=0.9, evaluation="on what it is tested on"),
            data=Data(
                name="clips",
                sha256=fit.run.decoded_clips.sha256(fit.split.train),
                clips=0,
                groups=0,
            ),
        )  # fmt: skip
        folder = places.runs / fit.folder
        folder.mkdir(parents=True)
        save_model(network, about, folder / MODEL_NAME)
        clips = tuple(
            ClipScores(
                path=clip.path, label=clip.label, group=clip.group, fold=clip.fold,
                scores=(0.7, 0.3) if number % 3 else (0.4, 0.6),
            )
            for number, clip in enumerate(fit.split.test)
        )  # fmt: skip
        record = FitRecord(
            name=series.name, data=series.data, split=fit.kind, seed=fit.seed, fold=fit.fold,
            second=fit.second, folds=fit.folds, recipe=fit.run.recipe.model_dump(mode="json"),
            data_sha256=fit.data_sha256, split_sha256=fit.split_sha256,
            date="2026-11-21T10:00:00+00:00", fit_s=1.0, version="0.1.0",
            labels=("dark", "light"), clips=clips,
        )  # fmt: skip
        keep(places.results / series.file, KEPT, record)


@pytest.mark.timeout(300)  # beside other work; 25 s of one core
def test_a_row_is_watched_once_and_then_only_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_clips(tmp_path / "data" / "clips", folds=3)
    (tmp_path / "data" / "quiet").mkdir()
    for name in ("a", "b"):
        quiet_footage(tmp_path / "data" / "quiet" / f"{name}.mp4", 20)
    (tmp_path / "small.yaml").write_text(RECIPE)
    (tmp_path / "rows.yaml").write_text(ROWS)
    places = Places(*(tmp_path / name for name in ("data", "results", "runs", "cache")))
    declared = read_rows(tmp_path / "rows.yaml")
    assert declared.watch is not None
    series, console = declared.watch.series, Console(quiet=True)

    with pytest.raises(DataError, match="not every fold, or every two folds, were held back yet"):
        watch_live(declared, places, console)
    pretend_fits(series, places)
    watch_live(declared, places, console)

    kept = read(places.results / series.file, KEPT)
    events = kept["events-fold1"]
    assert isinstance(events, FoldEvents)
    assert (events.tuned_in, events.tested_in) == (("a.mp4",), ("b.mp4",))
    for judged in events.judged.values():
        assert [event.label for event in judged.events] == ["light", "light"]
        assert {alarm.shown for alarm in judged.alone} <= {"a.mp4", "b.mp4"}
    assert all(clip.in_stream for clip in events.clips), "no window was called unknown"
    insets = kept["regions-fold1"]
    assert isinstance(insets, FoldInsets)
    assert [clip.path for clip in insets.clips] == [
        "dark/10.mp4", "dark/11.mp4", "light/10.mp4", "light/11.mp4",
    ]  # fmt: skip
    assert {clip.box[2:] for clip in insets.clips} == {(32, 32)}
    text = page(declared, places.results)
    assert "## Events in streams" in text
    assert "## Regions of interest" in text

    no_network_is_loaded(monkeypatch)
    watch_live(declared, places, console)
    assert page(declared, places.results) == text
    monkeypatch.undo()

    run = places.runs / "clips" / "small"
    shutil.copy(
        run / "nested-seed1-fold0-fold1" / "model.keras",
        run / "nested-seed1-fold1-fold2" / "model.keras",
    )
    drop(places.results / series.file, KEPT, "events-fold2")
    with pytest.raises(DataError, match="was fitted on other clips; remove it and"):
        watch_live(declared, places, console)


TOGETHER = """
main: clips
rows:
  - {name: small, recipe: small.yaml, data: [clips]}
  - name: both
    recipe: both.yaml
    streams: {clips: clips, footage: quiet, false_alarms_per_day: 100000}
    wide: {footage: quiet, films: [street/0.mp4]}
"""


@pytest.mark.timeout(300)  # beside other work
def test_the_folds_of_several_data_sets_watch_streams_by_rules_of_the_other_folds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("clips", "others"):
        make_clips(tmp_path / "data" / name, folds=2)
    (tmp_path / "data" / "quiet" / "street").mkdir(parents=True)
    for number in range(2):
        quiet_footage(tmp_path / "data" / "quiet" / "street" / f"{number}.mp4", 20)
    (tmp_path / "small.yaml").write_text(RECIPE)
    (tmp_path / "both.yaml").write_text(RECIPE + "data: [{path: clips}, {path: others}]\n")
    (tmp_path / "rows.yaml").write_text(TOGETHER)
    places = Places(*(tmp_path / name for name in ("data", "results", "runs", "cache")))
    declared = read_rows(tmp_path / "rows.yaml")
    series, console = declared.series[1], Console(quiet=True)
    pretend_fits(series, places)

    watch_tuned(declared.series, places, console)

    kept = read(places.results / series.file, KEPT)
    for fold in (0, 1):
        found = kept[f"alerts-fold{fold}"]
        assert isinstance(found, FoldAlerts)
        assert list(found.films_s) == [f"street/{fold}.mp4"]
        assert {event.label for event in found.judged.events} == {"light"}
        assert {clip.path for clip in found.clips} == {
            f"clips/{label}/{fold}{number}.mp4" for label in ("dark", "light") for number in (0, 1)
        }
        assert set(found.quiet_s) == {"clips of dark", "street"}
        assert found.streams_s[f"street/{fold}.mp4"] == pytest.approx(20, abs=0.2)
        insets = kept[f"regions-fold{fold}"]
        assert isinstance(insets, FoldInsets)
        assert {clip.path for clip in insets.clips} == {clip.path for clip in found.clips}
    text = page(declared, places.results)
    assert "### Alerts of both" in text
    assert "were also laid small into wide footage" in text

    no_network_is_loaded(monkeypatch)
    watch_tuned(declared.series, places, console)
    assert page(declared, places.results) == text
