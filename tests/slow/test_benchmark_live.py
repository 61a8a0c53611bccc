"""The row of the benchmark that is watched as the monitor would, from clips to tables."""

import shutil
from pathlib import Path

import pytest
from rich.console import Console

import benchmarks.networks
from benchmarks.events import FoldEvents, events_file, read_facts
from benchmarks.fits import do_fits
from benchmarks.insets import FoldInsets, insets_file
from benchmarks.live import watch_live
from benchmarks.page import page
from benchmarks.places import Places
from benchmarks.series import read_rows
from monitor.errors import DataError
from tests.footage import quiet_footage
from tests.slow.clips import make_clips

RECIPE = "clip: {frames: 4, size: 16, fps: 10}\nepochs: 20\nbatch: 4\nbackground: [dark]\n"
ROWS = """
main: clips
live: {row: small, background: quiet, wide: [b.mp4]}
rows:
  - {name: small, recipe: small.yaml, data: [clips], splits: [grouped, nested]}
"""


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

    with pytest.raises(DataError, match="not every two folds were held back together yet"):
        watch_live(declared, places, console)
    do_fits(declared.series, places, console)
    watch_live(declared, places, console)

    events = read_facts(places.results / events_file(series, 1), FoldEvents)
    assert events is not None
    assert (events.tuned_in, events.tested_in) == (("a.mp4",), ("b.mp4",))
    for judged in events.judged.values():
        assert [event.label for event in judged.events] == ["light", "light"]
        assert {alarm.shown for alarm in judged.alone} <= {"a.mp4", "b.mp4"}
    assert [clip.alone for clip in events.clips].count("light") >= 1
    insets = read_facts(places.results / insets_file(series, 1), FoldInsets)
    assert insets is not None
    assert [clip.path for clip in insets.clips] == [
        "dark/10.mp4", "dark/11.mp4", "light/10.mp4", "light/11.mp4",
    ]  # fmt: skip
    assert {clip.box[2:] for clip in insets.clips} == {(32, 32)}
    text = page(declared, places.results)
    assert "## Events in streams" in text
    assert "## Regions of interest" in text

    monkeypatch.setattr(
        benchmarks.networks, "load_model", lambda path: pytest.fail(f"{path} is loaded again")
    )
    watch_live(declared, places, console)
    assert page(declared, places.results) == text
    monkeypatch.undo()

    run = places.runs / "clips" / "small"
    shutil.copy(
        run / "nested-seed1-fold0-fold1" / "model.keras",
        run / "nested-seed1-fold1-fold2" / "model.keras",
    )
    (places.results / events_file(series, 2)).unlink()
    with pytest.raises(DataError, match="was fitted on other clips; remove it and"):
        watch_live(declared, places, console)
