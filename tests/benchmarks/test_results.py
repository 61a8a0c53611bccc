"""Results are kept a line each, and a line that is no result is named."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, TypeAdapter

from benchmarks.results import Result, drop, keep, read, write
from monitor.errors import DataError


class Speed(Result):
    what: Literal["speed"] = "speed"
    camera: int
    fps: float

    @property
    def key(self) -> str:
        return f"camera-{self.camera}"


class Weight(Result):
    what: Literal["weight"] = "weight"
    mib: int

    @property
    def key(self) -> str:
        return self.what


Kept = Speed | Weight
KEPT: TypeAdapter[Kept] = TypeAdapter(Annotated[Kept, Field(discriminator="what")])
FIRST, SECOND, WEIGHT = Speed(camera=1, fps=25), Speed(camera=2, fps=15), Weight(mib=130)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "fight-surv" / "row.jsonl"
    write(path, [FIRST, SECOND, WEIGHT])
    return path


def test_each_result_is_a_line_that_begins_with_what_was_measured(file: Path) -> None:
    assert file.read_text() == (
        '{"what":"speed","camera":1,"fps":25.0}\n'
        '{"what":"speed","camera":2,"fps":15.0}\n'
        '{"what":"weight","mib":130}\n'
    )
    assert read(file, KEPT) == {"camera-1": FIRST, "camera-2": SECOND, "weight": WEIGHT}


def test_there_are_no_results_without_a_file(tmp_path: Path) -> None:
    assert read(tmp_path / "row.jsonl", KEPT) == {}


def test_a_new_result_takes_the_place_of_the_old_one_and_no_other_line_changes(file: Path) -> None:
    before = file.read_text().splitlines()

    keep(file, KEPT, Speed(camera=2, fps=14))
    keep(file, KEPT, Speed(camera=3, fps=10))

    assert file.read_text().splitlines() == [
        before[0],
        '{"what":"speed","camera":2,"fps":14.0}',
        before[2],
        '{"what":"speed","camera":3,"fps":10.0}',
    ]


def test_a_dropped_result_leaves_the_others(file: Path) -> None:
    drop(file, KEPT, "camera-1")
    drop(file, KEPT, "camera-7")

    assert list(read(file, KEPT)) == ["camera-2", "weight"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param(
            '{"what":"speed","camera":2,"fp',
            "2: not a result of this benchmark: Invalid JSON: EOF while parsing",
            id="torn",
        ),
        pytest.param(
            '{"camera":"door","label":"fight"}',
            "2: not a result of this benchmark: Unable to extract tag using discriminator 'what'",
            id="foreign",
        ),
        pytest.param(
            '{"what":"speed","camera":2,"fps":"fast"}',
            "2: not a result of this benchmark: speed.fps: Input should be a valid number",
            id="wrong value",
        ),
        pytest.param(
            '{"what":"speed","camera":1,"fps":24}',
            "2: a second camera-1; remove one of the two lines",
            id="measured twice",
        ),
    ],
)
def test_a_line_that_is_no_result_is_an_error_with_file_and_line(
    file: Path, line: str, message: str
) -> None:
    lines = file.read_text().splitlines()
    text = "\n".join([lines[0], line, lines[2]])
    file.write_text(text)

    for touch in (lambda: read(file, KEPT), lambda: keep(file, KEPT, SECOND)):
        with pytest.raises(DataError) as error:
            touch()
        assert str(error.value).startswith(f"{file}:{message}")
        assert "\n" not in str(error.value)
    assert file.read_text() == text, "a file with a fault is left as it is"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path, KEPT)
    assert str(error.value) == f"{tmp_path}: cannot be read: Is a directory"
