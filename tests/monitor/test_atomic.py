"""Files and folders that are made whole, or not at all and said."""

from pathlib import Path

import pytest

from monitor.atomic import make_folder, replacing
from monitor.errors import MonitorError


def test_a_folder_is_made_with_those_above_it_and_may_exist(tmp_path: Path) -> None:
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_a_folder_that_cannot_be_made_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "below"

    with pytest.raises(MonitorError) as error:
        make_folder(folder)

    assert str(error.value) == f"{folder}: cannot be made: Not a directory"


def test_a_file_is_replaced_only_if_writing_it_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with replacing(path) as temporary:
        temporary.write_text("first")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("second")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder / "gone" / "a.txt", "there is no folder"),
        (lambda folder: folder, "it is a folder"),
    ],
    ids=["no folder", "a folder"],
)
def test_what_cannot_be_written_is_said_before_anything_is(
    make: object, says: str, tmp_path: Path
) -> None:
    assert callable(make)
    with pytest.raises(MonitorError, match=says), replacing(make(tmp_path)):
        pytest.fail("nothing is to be written")
