"""The recognition benchmark with a network: its model, its size and its speed are kept too."""

from pathlib import Path

import pytest
from rich.console import Console

import benchmarks.recognition.fits
from benchmarks.recognition.fit_results import KEPT, FitRecord, Network
from benchmarks.recognition.fits import Places, do_fits
from benchmarks.recognition.page import page
from benchmarks.recognition.series import read_rows
from benchmarks.results import drop, keep, read
from export.keras_file import load_model
from testkit.clips import make_clips

RECIPE = "clip: {frames: 4, size: 16, fps: 10}\nepochs: 1\nbatch: 4\nbackground: [dark]\n"
ROWS = "main: clips\nrows:\n  - {name: small, recipe: small.yaml, data: [clips]}\n"


def test_a_network_is_fitted_measured_and_then_only_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_clips(tmp_path / "data" / "clips")
    (tmp_path / "small.yaml").write_text(RECIPE)
    (tmp_path / "rows.yaml").write_text(ROWS)
    places = Places(*(tmp_path / name for name in ("data", "results", "runs", "cache")))
    declared = read_rows(tmp_path / "rows.yaml")

    do_fits(declared.series, places, Console(quiet=True))
    monkeypatch.setattr(
        benchmarks.recognition.fits, "fit_split", lambda *_: pytest.fail("fitted again")
    )
    do_fits(declared.series, places, Console(quiet=True))

    row = next(x for x in page(declared, places.results).splitlines() if "| small |" in x)
    results = places.results / "clips" / "small.jsonl"
    network = network_of(results)
    assert network.parameters == 125_122
    assert network.window_ms > 0
    assert row.startswith(f"| small | 125,122 | {network.window_ms:.1f} | 0.")
    folder = places.runs / "clips" / "small" / "grouped-seed1-fold1"
    _, metadata = load_model(folder / "model.keras")
    assert metadata.evaluation == "benchmark: small on clips, grouped split, seed 1, fold 1"
    record = read(results, KEPT)["grouped-seed1-fold1"]
    assert isinstance(record, FitRecord)
    right = [clip.scores[0 if clip.label == "dark" else 1] > 0.5 for clip in record.clips]
    assert metadata.metrics["accuracy"] == sum(right) / len(right)

    keep(results, KEPT, network.model_copy(update={"parameters": 7}))
    drop(results, KEPT, "grouped-seed1-fold0")
    do_fits(declared.series, places, Console(quiet=True))
    assert network_of(results).parameters == 125_122, (
        "the code made another network of the same recipe"
    )

    drop(results, KEPT, "network")
    do_fits(declared.series, places, Console(quiet=True))
    assert network_of(results).parameters == 125_122, (
        "the models of fits that are done are still there"
    )


def network_of(results: Path) -> Network:
    network = read(results, KEPT)["network"]
    assert isinstance(network, Network)
    return network
