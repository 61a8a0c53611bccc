"""The recognition benchmark: its plan, its results and its page."""

import logging
import re
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

import benchmarks.recognition.__main__
import benchmarks.recognition.fits
from benchmarks.recognition.fit_results import (
    KEPT,
    ClipScores,
    FitRecord,
    Kept,
    Network,
)
from benchmarks.recognition.fits import Places, do_fits, left_text
from benchmarks.recognition.page import mean_text, page
from benchmarks.recognition.series import TOGETHER, Declared, Series, read_rows
from benchmarks.results import drop, keep, read
from monitor.errors import ConfigError, DataError
from monitor.recognition.shipped import SHIPPED
from testkit import ROOT
from testkit.clips import make_clips
from train.recipe.options import Recipe, read_recipe

ROWS = ROOT / "benchmarks" / "recognition" / "plan.yaml"
CONFIGS = ROOT / "configs"
SMALL = "arch: svm\nclip: {frames: 4, size: 16, fps: 10}\ntest_share: 0.3\n"


class Bench:
    """A benchmark of two tiny data sets in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.rows = folder / "rows.yaml"
        self.recipe = folder / "small.yaml"
        self.recipe.write_text(SMALL)
        self.declare("{name: motion, recipe: small.yaml, data: [first], splits: [grouped, random]}")
        self.places = Places(folder / "data", folder / "results", folder / "runs", folder / "cache")
        make_clips(self.places.data / "first", 2)
        make_clips(self.places.data / "second", 2)

    def declare(self, *rows: str) -> None:
        """Write the plan."""
        self.rows.write_text("main: first\nrows:\n" + "".join(f"  - {row}\n" for row in rows))

    def run(self) -> set[str]:
        """Fit what is missing; return the keys of the results that were written."""
        before, written = self._lines(), self._written()
        do_fits(read_rows(self.rows).series, self.places, Console(quiet=True))
        after = self._lines()
        changed = {name for name, line in after.items() if before.get(name) != line}
        assert bool(changed) == (self._written() != written)
        return changed

    def page(self) -> str:
        """The page."""
        return page(read_rows(self.rows), self.places.results)

    def _written(self) -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in self.places.results.rglob("*.jsonl")}

    def fit(self, key: str) -> FitRecord:
        """What is kept of a fit of the row on the first data set."""
        one = read(self.places.results / "first/motion.jsonl", KEPT)[key]
        assert isinstance(one, FitRecord)
        return one

    def _lines(self) -> dict[str, Kept]:
        results = self.places.results
        return {
            f"{path.relative_to(results).with_suffix('')}/{key}": line
            for path in results.rglob("*.jsonl")
            for key, line in read(path, KEPT).items()
        }


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


ALL = {
    "first/motion/grouped-seed1-fold0",
    "first/motion/grouped-seed1-fold1",
    "first/motion/random-seed1",
}


def test_every_fit_leaves_a_result_and_a_second_run_only_reads_it(bench: Bench) -> None:
    assert bench.run() == ALL
    assert bench.run() == set()

    record = bench.fit("grouped-seed1-fold1")
    assert [(c.path, c.label, c.group, c.fold) for c in record.clips] == [
        ("dark/10.mp4", "dark", "g10", 1),
        ("dark/11.mp4", "dark", "g11", 1),
        ("light/10.mp4", "light", "g10", 1),
        ("light/11.mp4", "light", "g11", 1),
    ]
    for clip in record.clips:
        assert sum(clip.scores) == pytest.approx(1, abs=1e-3)
        assert all(score == round(score, 4) for score in clip.scores)
    assert record.recipe["arch"] == "svm"
    assert (record.folds, record.seed, record.labels) == (2, 1, ("dark", "light"))
    assert isinstance(record.fit_s, float)


def test_a_killed_run_goes_on_with_what_is_missing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    do = benchmarks.recognition.fits._do
    monkeypatch.setattr(
        benchmarks.recognition.fits,
        "_do",
        lambda fit, places: do(fit, places) if fit.fold == 0 else _killed(),
    )
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    monkeypatch.undo()

    assert bench.run() == ALL - {"first/motion/grouped-seed1-fold0"}


def _killed() -> FitRecord:
    raise KeyboardInterrupt


def test_a_lost_result_of_a_finished_fit_is_written_again_without_its_duration(
    bench: Bench,
) -> None:
    bench.run()
    before = bench.fit("random-seed1")
    drop(bench.places.results / "first/motion.jsonl", KEPT, before.key)

    assert bench.run() == {"first/motion/random-seed1"}
    after = bench.fit("random-seed1")
    assert after.fit_s is None
    assert after.clips == before.clips


def test_a_changed_recipe_or_override_is_fitted_anew(bench: Bench) -> None:
    bench.run()

    bench.recipe.write_text(SMALL + "stride: 4\n")
    assert bench.run() == ALL

    bench.declare("{name: motion, recipe: small.yaml, data: [first], overrides: {stride: 3}}")
    assert bench.run() == {name for name in ALL if "grouped" in name}


def test_an_option_set_to_its_default_changes_nothing(bench: Bench) -> None:
    bench.run()

    bench.recipe.write_text(SMALL + "stride: 5\n")

    assert bench.run() == set()


def test_changed_data_is_fitted_anew_and_an_older_result_leaves_the_table(bench: Bench) -> None:
    bench.declare("{name: motion, recipe: small.yaml, data: [first], seeds: [1, 2]}")
    bench.run()
    assert "| 1 2 |" in bench.page()
    folder = bench.places.data / "first"
    (folder / "dark/00.mp4").write_bytes((folder / "dark/00.mp4").read_bytes() + b"\0")
    bench.declare("{name: motion, recipe: small.yaml, data: [first], seeds: [1]}")

    assert bench.run() == {name for name in ALL if "grouped" in name}
    bench.declare("{name: motion, recipe: small.yaml, data: [first], seeds: [1, 2]}")
    assert "| 1 (unfinished: 2) |" in bench.page()


def test_changed_groups_are_fitted_anew(bench: Bench) -> None:
    bench.run()
    table = bench.places.data / "first" / "clips.csv"
    table.write_text(table.read_text().replace(",g11,", ",other,"))

    assert bench.run() == ALL


def test_every_row_is_fitted_with_its_first_seed_before_any_with_its_second(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.declare(
        "{name: one, recipe: small.yaml, data: [first, second], seeds: [5, 6]}",
        "{name: two, recipe: small.yaml, data: [first], seeds: [1]}",
    )
    with caplog.at_level(logging.INFO, "benchmarks.recognition.fits"):
        bench.run()

    said = [m for m in caplog.messages if m.startswith("fit ")]
    assert said[0] == (
        "fit 1 of 10, time left not known yet: one on first, grouped split, seed 5, fold 0"
    )
    assert said[1].startswith("fit 2 of 10, about ")
    assert [m.partition(": ")[2].partition(",")[0] for m in said] == [
        *["one on first"] * 2, *["one on second"] * 2, *["two on first"] * 2,
        *["one on first"] * 2, *["one on second"] * 2,
    ]  # fmt: skip


def test_the_time_left_is_estimated_from_fits_of_the_same_series() -> None:
    slow, fast, new = Path("slow"), Path("fast"), Path("new")
    took_s = {slow: [100.0, 140.0], fast: [20.0]}

    assert left_text([slow, slow, fast], took_s) == "about 4 min left"  # 120 120 20
    assert left_text([new], took_s) == "about 70 s left"
    assert left_text([new], {}) == "time left not known yet"


def record(
    series: Series, seed: int, fold: int | None, right: int, data_sha256: str = "d"
) -> FitRecord:
    """Four clips, of which `right` get the right label."""
    config = series.recipe_of("random" if fold is None else "grouped", seed)
    clips = []
    for number in range(4):
        scores = (0.9, 0.1) if (number % 2 == 0) == (number < right) else (0.1, 0.9)
        label = "dark" if number % 2 == 0 else "light"
        clips.append(
            ClipScores(path=f"{fold}{number}", label=label, group=f"g{fold}{number}", fold=fold,
                       scores=scores)
        )  # fmt: skip
    return FitRecord(
        name=series.name,
        data=series.data,
        split=config.split,
        seed=seed,
        fold=fold,
        folds=1 if fold is None else 2,
        recipe=config.model_dump(mode="json"),
        data_sha256=data_sha256,
        split_sha256="s",
        date=f"2026-11-2{seed}T10:00:00+00:00",
        fit_s=1.0,
        version="0.1.0",
        labels=("dark", "light"),
        clips=tuple(clips),
    )


def fitted(series: Series, results: Path, *records: FitRecord) -> None:
    for one in records:
        keep(results / series.file, KEPT, one)


def series_of(name: str, data: str = "first", seeds: tuple[int, ...] = (1, 2)) -> Series:
    return Series(name, data, ("grouped", "random"), seeds, Recipe())


def test_the_table_is_made_of_the_results_alone(tmp_path: Path) -> None:
    good, poor, other = series_of("good"), series_of("poor", seeds=(1,)), series_of("good", "more")
    fitted(
        good, tmp_path,
        *(record(good, 1, fold, right) for fold, right in ((0, 4), (1, 2), (None, 4))),
        *(record(good, 2, fold, right) for fold, right in ((0, 4), (1, 3), (None, 3))),
    )  # fmt: skip
    fitted(poor, tmp_path, *(record(poor, 1, fold, 1) for fold in (0, 1)))
    fitted(other, tmp_path, *(record(other, 1, fold, 3) for fold in (0, 1)))
    network = Network(
        arch="r2plus1d", clip={"frames": 20, "size": 64, "fps": 10.0}, parameters=125122,
        window_ms=5.46, date="2026-11-21T10:00:00+00:00", version="0.1.0",
    )  # fmt: skip
    keep(tmp_path / good.file, KEPT, network)

    text = page(Declared("first", (poor, good, other)), tmp_path)

    rows = [line for line in text.splitlines() if re.match(r"\| (model|good|poor) ", line)]
    assert rows == [
        "| model | parameters | ms per window | accuracy, grouped | accuracy, nested "
        "| accuracy, random | AUC, grouped | AUC, nested | AUC, random | ECE, grouped "
        "| ECE, at temperature | seeds |",
        # Seeds: (1 + .5) / 2 and (1 + .75) / 2; random 1 and .75.
        "| good | 125,122 | 5.5 | 0.812 ± 0.088 | – | 0.875 ± 0.177 | 0.812 ± 0.088 | – "
        "| 0.875 ± 0.177 | 0.087 ± 0.088 | – | 1 2 |",
        "| poor | – | – | 0.250 | – | – | 0.250 | – | – | 0.650 | – | 1 (unfinished: 1) |",
        "| model | more | seeds |",
        "| good | 0.750 | 1 |",
    ]
    assert "| first | 8 | 8 | 2 | dark | 0.500 | 2026-11-21 to 2026-11-22 | `d` 0.1.0 |" in text


def test_a_recipe_of_several_data_sets_is_fitted_on_them_together(bench: Bench) -> None:
    recipe = "data: [{path: elsewhere/first}, {path: elsewhere/second, labels: {day: light}}]\n"
    make_clips(bench.places.data / "second", 2, labels={"day": 200, "dark": 30})
    bench.recipe.with_name("both.yaml").write_text(
        SMALL + recipe.replace("day: light", "day: light, dark: dark")
    )
    bench.declare(
        "{name: motion, recipe: small.yaml, data: [first]}", "{name: both, recipe: both.yaml}"
    )

    fits = {key for key in bench.run() if key.startswith("together")}

    assert fits == {f"together/both/grouped-seed1-fold{fold}" for fold in (0, 1)}
    assert bench.run() == set()
    found = read(bench.places.results / "together/both.jsonl", KEPT)["grouped-seed1-fold1"]
    assert isinstance(found, FitRecord)
    assert {clip.path.partition("/")[0] for clip in found.clips} == {"first", "second"}
    assert [source["path"] for source in found.recipe["data"]] == ["first", "second"]
    rows = [
        line for line in bench.page().splitlines() if re.match(r"\| (first|second) \| \d", line)
    ]
    clips = sum(clip.path.startswith("second") for clip in found.clips)
    assert rows[-1].startswith(f"| second | {2 * clips} | 4 | ")
    assert rows[-2].startswith("| first | 8 | 4 | ")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (
            "recipe: both.yaml, streams: {clips: c, footage: d, false_alarms_per_day: 1}",
            "streams: clips: c is no data set that the recipe names; it names: a, b",
        ),
        ("recipe: small.yaml", "data is named neither here nor in the recipe"),
        ("recipe: both.yaml, data: [first]", "data is named both here and in the recipe"),
    ],
)
def test_the_data_of_a_row_is_named_once(bench: Bench, row: str, says: str) -> None:
    bench.recipe.with_name("both.yaml").write_text(SMALL + "data: [{path: a}, {path: b}]\n")
    bench.declare(f"{{name: motion, {row}}}")

    with pytest.raises(ConfigError, match=f"row motion: {says}$"):
        read_rows(bench.rows)


def test_the_command_without_data_writes_and_prints_the_table_and_fits_nothing(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "recognition.md"
    for name, path in (("ROWS", bench.rows), ("RESULTS", tmp_path), ("TABLE", table)):
        monkeypatch.setattr(benchmarks.recognition.__main__, name, path)

    result = CliRunner().invoke(benchmarks.recognition.__main__.app, [])

    assert result.exit_code == 0, result.output
    assert "| motion | – |" in table.read_text()
    assert result.stdout == table.read_text()


def test_a_result_of_another_recipe_is_not_in_the_table(tmp_path: Path) -> None:
    series = series_of("good", seeds=(1,))
    fitted(series, tmp_path, *(record(series, 1, fold, 4) for fold in (0, 1)))
    changed = Series("good", "first", ("grouped",), (1,), Recipe(epochs=7))

    assert "| good | – | – | 1.000 |" in page(Declared("first", (series,)), tmp_path)
    assert "| good | – | – | – |" in page(Declared("first", (changed,)), tmp_path)


def test_a_seed_without_all_its_folds_is_not_in_the_table(tmp_path: Path) -> None:
    series = series_of("good", seeds=(1,))
    fitted(series, tmp_path, record(series, 1, 0, 4))

    assert "| – | – | – (unfinished: 1) |" in page(Declared("first", (series,)), tmp_path)


def test_a_foreign_line_is_an_error_with_file_and_line(tmp_path: Path) -> None:
    series = series_of("good")
    path = tmp_path / "first" / "good.jsonl"
    path.parent.mkdir()
    path.write_text("{}\n")

    with pytest.raises(DataError) as error:
        page(Declared("first", (series,)), tmp_path)

    assert str(error.value).startswith(f"{path}:1: not a result of this benchmark: ")
    assert str(error.value).endswith("; remove the line, and it is measured again")
    assert "\n" not in str(error.value)


def test_one_seed_has_no_standard_deviation() -> None:
    assert mean_text([]) == "–"
    assert mean_text([0.7214]) == "0.721"
    assert mean_text([0.7, 0.8]) == "0.750 ± 0.071"


def test_the_shipped_plan_declares_the_paper_and_the_shipped_recipe() -> None:
    declared = read_rows(ROWS)
    series = declared.series

    assert declared.main == "fight-surv"
    of_main = [one for one in series if one.data == declared.main]
    assert {one.recipe.arch for one in of_main} >= {"convlstm", "lrcn", "svm", "forest"}
    assert all({"grouped", "random"} <= set(one.splits) for one in of_main)
    assert declared.watch is not None
    assert declared.watch.series in of_main
    assert {one.data for one in series} == {
        "fight-surv", "weizmann64", "weizmann", "arid-dark", "falls", TOGETHER
    }  # fmt: skip
    together = {one.name: one for one in series if one.data == TOGETHER}
    assert set(together) >= {f"the model {name}" for name in SHIPPED}
    for name in SHIPPED:
        recipe, shipped = read_recipe(CONFIGS / f"{name}.yaml", {}), together[f"the model {name}"]
        assert shipped.recipe.model_dump(exclude={"data"}) == recipe.model_dump(exclude={"data"})
        assert [one.path.name for one in recipe.data] == [str(one.path) for one in shipped.sources]
    (lrcn,) = [one.recipe for one in of_main if one.recipe.arch == "lrcn"]
    assert (lrcn.epochs, lrcn.patience, lrcn.batch) == (70, 15, 4)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        pytest.param(
            "{name: a, recipe: small.yaml, data: [first], overrides: {seed: 4}}",
            ":3: rows.0: seed is not overridden but named in seeds",
            id="seed among the overrides",
        ),
        pytest.param(
            "{name: a, recipe: small.yaml, data: [first], overrides: {epochs: 0}}",
            ": row a: epochs: input should be greater than or equal to 1, found 0",
            id="override out of range",
        ),
        pytest.param(
            "{name: a, recipe: small.yaml, data: [first], overrides: {footage: [yard]}}",
            ": row a: footage is not benchmarked",
            id="footage among the overrides",
        ),
        pytest.param(
            "{name: a, recipe: small.yaml, data: [first, first]}",
            ":3: rows.0: data names one twice",
            id="a data set twice",
        ),
        pytest.param(
            "{name: a, recipe: small.yaml, data: [second]}",
            ": main: no row is on first",
            id="nothing on the main data set",
        ),
        pytest.param(
            "{name: ../a, recipe: small.yaml, data: [first]}",
            ":3: rows.0.name: string should match pattern '^\\w[^|/]*$', found '../a'",
            id="a name that leads elsewhere",
        ),
        pytest.param(
            "{name: a b, recipe: small.yaml, data: [first]}\n"
            "  - {name: A-b, recipe: small.yaml, data: [first]}",
            ": two rows are called a b on first",
            id="two rows of one name",
        ),
        pytest.param(
            "{name: a, recipe: small.yaml, data: [first]}\n"
            "live: {row: b, footage: c, wide: {footage: c, films: [d.avi]}}",
            ": live: no row b on first",
            id="a row to watch that there is not",
        ),
        pytest.param(
            "{name: a, recipe: small.yaml, data: [first]}\n"
            "live: {row: a, footage: c, wide: {footage: c, films: [d.avi]}}",
            ": live: row a needs the splits grouped, nested",
            id="a row to watch that nothing could be tuned for",
        ),
        pytest.param(
            "{name: a, recipe: small.yaml, data: [first], splits: [grouped, nested]}\n"
            "live: {row: a, footage: c, wide: {footage: c, films: [d.avi]}}",
            ": live: row a is no network that can be watched",
            id="a row to watch that leaves no network",
        ),
    ],
)
def test_a_fault_in_a_row_is_one_line(bench: Bench, row: str, message: str) -> None:
    bench.declare(row)

    with pytest.raises(ConfigError) as error:
        read_rows(bench.rows)

    assert str(error.value) == f"{bench.rows}{message}"


def test_an_error_names_the_row_and_the_label_that_the_data_lacks(bench: Bench) -> None:
    bench.declare("{name: a, recipe: small.yaml, data: [first], overrides: {background: [grey]}}")

    with pytest.raises(ConfigError) as error:
        bench.run()

    assert str(error.value) == (
        "row a on first: background grey: no such label; labels here: dark, light"
    )


def test_an_error_names_the_row_and_its_missing_recipe(bench: Bench) -> None:
    bench.declare("{name: a, recipe: none.yaml, data: [first]}")

    with pytest.raises(ConfigError, match=r"rows\.yaml: row a: .*none\.yaml: no such file"):
        read_rows(bench.rows)
