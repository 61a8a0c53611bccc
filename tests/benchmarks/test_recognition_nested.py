"""Figures of networks that two folds were held back from, on results made by hand."""

import itertools
from pathlib import Path

import pytest

import benchmarks.recognition.nested
from benchmarks.recognition.figures import Line, choose, read_line
from benchmarks.recognition.fit_results import KEPT, ClipScores, FitRecord
from benchmarks.recognition.nested import nested
from benchmarks.recognition.page import page
from benchmarks.recognition.series import Declared, Series
from benchmarks.results import keep
from train.evaluate.scores import Scored
from train.recipe.options import Recipe

FOLDS = (0, 1, 2)
RIGHT, WRONG = 0.9, 0.1


def series_of(name: str) -> Series:
    return Series(name, "first", ("grouped", "nested"), (1, 2), Recipe())


def fit(
    series: Series, seed: int, score: dict[int, float], fold: int, second: int | None = None
) -> FitRecord:
    """A clip of each label in every tested fold; `score` is what its own label gets there."""
    tested = (fold,) if second is None else (fold, second)
    clips = [
        ClipScores(path=f"{at}{label}", label=label, group=f"g{at}", fold=at, scores=scores)
        for at in tested
        for label, scores in (
            ("dark", (score[at], 1 - score[at])),
            ("light", (1 - score[at], score[at])),
        )
    ]
    return FitRecord(
        name=series.name, data=series.data, split="grouped" if second is None else "nested",
        seed=seed, fold=fold, second=second, folds=3,
        recipe=series.recipe_of("grouped", seed).model_dump(mode="json"),
        data_sha256="d", split_sha256="s", date="2026-11-21T10:00:00+00:00", fit_s=1.0,
        version="0.1.0", labels=("dark", "light"), clips=tuple(clips),
    )  # fmt: skip


def nested_fits(series: Series, scores: dict[tuple[int, int], float]) -> list[FitRecord]:
    """`scores`: (i, j) -> what is said of fold j by the network that saw neither."""
    return [
        fit(series, 1, {i: scores[j, i], j: scores[i, j]}, i, j)
        for i, j in itertools.combinations(FOLDS, 2)
    ]


def line(tmp_path: Path, series: Series, *records: FitRecord) -> Line:
    for one in records:
        keep(tmp_path / series.file, KEPT, one)
    return read_line(series, tmp_path)


EVEN = dict.fromkeys(itertools.permutations(FOLDS, 2), RIGHT)


def test_a_nested_network_answers_for_each_fold_with_the_clips_of_the_other() -> None:
    found = nested(nested_fits(series_of("a"), EVEN | {(0, 1): WRONG}))

    assert set(found.parts) == set(itertools.permutations(FOLDS, 2))
    assert found.parts[0, 1].clips == ("1dark", "1light")
    assert found.measured[0, 1].accuracy == 0
    assert found.measured[1, 0].accuracy == 1
    assert found.accuracy == found.auc == (pytest.approx(5 / 6),)
    assert [found.auc_for(fold) for fold in FOLDS] == [0.5, 1, 1]


def test_the_temperature_of_a_fold_is_fitted_without_its_own_clips(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    series = series_of("a")
    for fold in FOLDS:
        seen: list[Scored] = []
        monkeypatch.setattr(
            benchmarks.recognition.nested,
            "fit_temperature",
            lambda parts, seen=seen: seen.extend(parts) or 1.0,
        )
        nested(nested_fits(series, EVEN)).temperature(fold)
        assert {clip[0] for part in seen for clip in part.clips} == {
            str(other) for other in FOLDS if other != fold
        }
    monkeypatch.undo()
    changed = {(other, 0): 0.6 for other in (1, 2)}  # what is said of fold 0

    before, after = (
        nested(nested_fits(series, scores)).temperature(0) for scores in (EVEN, EVEN | changed)
    )

    assert before == after
    assert nested(nested_fits(series, EVEN | changed)).temperature(1) != before


def test_the_calibration_error_is_measured_at_the_temperature_of_each_fold(tmp_path: Path) -> None:
    series = series_of("a")
    modest = dict.fromkeys(EVEN, 0.6)  # always right, and yet unsure: to be cooled
    read = line(
        tmp_path,
        series,
        *(fit(series, seed, {fold: 0.6}, fold) for seed in (1, 2) for fold in FOLDS),
        *nested_fits(series, modest),
    )

    assert read.grouped.calibration_error == pytest.approx((0.4, 0.4))
    assert read.calibrated_error == pytest.approx((0.02, 0.02), abs=0.02)
    assert read.missing == ()


def test_a_row_that_lacks_a_nested_fit_has_no_nested_figures(tmp_path: Path) -> None:
    series = series_of("a")
    read = line(
        tmp_path,
        series,
        *(fit(series, 1, {fold: RIGHT}, fold) for fold in FOLDS),
        *nested_fits(series, EVEN)[:-1],
    )

    assert read.nested.accuracy == read.nested.auc == read.calibrated_error == ()
    assert read.missing == (1, 2)


def test_choices_are_made_on_the_other_folds_and_tested_on_the_fold_itself(tmp_path: Path) -> None:
    first, second = series_of("first"), series_of("second")
    lines = [
        line(
            tmp_path,
            first,
            *(fit(first, 1, {fold: RIGHT if fold else WRONG}, fold) for fold in FOLDS),
            *nested_fits(first, EVEN),
        ),
        line(
            tmp_path,
            second,
            *(fit(second, 1, {fold: RIGHT}, fold) for fold in FOLDS),
            *nested_fits(second, EVEN | {(0, 1): WRONG, (1, 2): WRONG}),
        ),
    ]

    chosen = choose(lines)

    assert chosen is not None
    assert chosen.folds == {"first": (0, 1, 2)}
    assert chosen.accuracy == pytest.approx(2 / 3), "it fails on the fold it was chosen for"
    assert choose(lines[:1]) is None, "there is nothing to choose from"


def test_the_page_says_which_model_would_be_chosen(tmp_path: Path) -> None:
    first, second = series_of("first"), series_of("second")
    for series, scores in (
        (first, EVEN | {(1, 0): WRONG}),
        (second, EVEN | {(0, 1): WRONG, (2, 0): WRONG}),
    ):
        line(
            tmp_path,
            series,
            *(fit(series, 1, {fold: RIGHT}, fold) for fold in FOLDS),
            *nested_fits(series, scores),
        )

    text = page(Declared("first", (first, second)), tmp_path)

    assert "| first | 0, 2 |\n| second | 1 |\n" in text
    assert "the chosen models reach an accuracy of 1.000 and an AUC of 1.000." in text
