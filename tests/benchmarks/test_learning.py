"""The benchmark of learning from dismissed false alarms."""

import csv
from pathlib import Path

import pytest

from benchmarks.learning.films import AROUND_S, cut_films, fights_in_films, write_split
from benchmarks.learning.measure import Counts, Learned
from benchmarks.learning.page import page
from testkit.footage import quiet_footage
from train.data.footage import find_footage


@pytest.fixture
def data(tmp_path: Path, fight_clip: Path) -> Path:
    """A street of 24 s, a road that is too short, and a fight of each fold."""
    for name, seconds in (("street/yard.mp4", 24), ("cars/short.mp4", 5), ("people/hall.mp4", 9)):
        film = tmp_path / "data" / "background" / name
        film.parent.mkdir(parents=True)
        quiet_footage(film, seconds)
    fights = tmp_path / "data" / "fight-surv"
    fights.mkdir()
    rows = ["path,label,group,fold"]
    for fold in range(5):
        (fights / f"{fold}.mp4").write_bytes(fight_clip.read_bytes())
        rows.append(f"{fold}.mp4,fight,g{fold},{fold}")
    (fights / "clips.csv").write_text("\n".join([*rows, "0.mp4,nofight,g9,-1"]) + "\n")
    return tmp_path / "data"


def test_each_long_film_is_cut_into_halves_that_share_nothing(data: Path, tmp_path: Path) -> None:
    films = cut_films(data, tmp_path / "films")
    assert [(film.name, film.kind) for film in films] == [("yard", "street"), ("hall", "people")]
    lengths = [find_footage(path)[0].duration_s for path in (films[0].first, films[0].second)]
    assert lengths == pytest.approx([12.0, 12.0], abs=0.1)
    assert sum(lengths) == pytest.approx(24.0, abs=0.1)


def test_only_fights_that_no_network_saw_are_tested_in_second_halves(
    data: Path, tmp_path: Path
) -> None:
    table = tmp_path / "clips.csv"
    write_split(data, table)
    with table.open(newline="") as file:
        folds = {row["path"] + row["label"]: row["fold"] for row in csv.DictReader(file)}
    films = cut_films(data, tmp_path / "films")
    plans = fights_in_films(data, films)

    assert [folds[f"{fold}.mp4fight"] for fold in range(5)] == ["0", "0", "0", "1", "1"]
    assert folds["0.mp4nofight"] == "-1"
    assert [plan.name for plan in plans] == ["3.mp4", "4.mp4"]
    before, fight, after = plans[0].segments
    assert plans[0].size == (480, 360), "the film is shown in the fight's size"
    assert before.path == after.path == films[0].second
    assert (before.label, fight.label) == (None, "fight")
    assert fight.start_s == pytest.approx(AROUND_S, abs=0.1)
    assert before.offset_s == pytest.approx(0.0, abs=0.1)
    assert plans[1].segments[0].path == films[1].second, "films take turns"


def test_the_page_adds_up_all_seeds() -> None:
    def learned(seed: int, before: int, after: int, found: tuple[int, int]) -> Learned:
        return Learned(
            seed=seed, date="2026-05-04", films={"street": 2, "cars": 1},
            minutes={"street": 1.5, "cars": 0.5}, dismissed=7, fights=50,
            before=Counts(false_alarms={"street": before, "cars": 1}, fights_found=found[0]),
            after=Counts(false_alarms={"street": after, "cars": 0}, fights_found=found[1]),
        )  # fmt: skip

    text = page([learned(1, 9, 3, (40, 39)), learned(2, 9, 2, (41, 43))])

    assert "| 1 | before |  | 9 | 1 | 10 | 40 |" in text
    assert "|  | after | 7 | 3 | 0 | 3 | 39 |" in text
    assert "20 false alarms before, 5 after (75% fewer)" in text
    assert "1.0 points more are found" in text
