"""Which files an archive has, and what they are called."""

from pathlib import Path

import pytest

from monitor.errors import ConfigError
from monitor.names import is_name
from monitor.scan.files import camera_names, find_files


def made(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return paths


def test_a_folder_is_searched_with_all_in_it(tmp_path: Path) -> None:
    films = made(tmp_path, "a.mp4", "hall/2026/b.MKV", "hall/c.ts")
    made(tmp_path, "notes.txt", "hall/.hidden.mp4", "mp4")
    assert find_files(tmp_path, pytest.fail) == sorted(films)


def test_a_list_has_a_path_a_line_from_where_it_lies(tmp_path: Path) -> None:
    first, second = made(tmp_path, "in/a.mp4", "any name")
    listed = tmp_path / "list.txt"
    listed.write_text(f"# films\n\nin/a.mp4\n  any name\n{first}\nmissing.mp4\n")
    assert find_files(listed, pytest.fail) == sorted([first, second, tmp_path / "missing.mp4"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "neither a folder nor a list of paths in UTF-8"),
        (None, "no such file or directory"),
    ],
)
def test_what_is_neither_is_an_error(content: bytes | None, message: str, tmp_path: Path) -> None:
    place = tmp_path / "list.txt"
    if content is not None:
        place.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        find_files(place, pytest.fail)
    assert str(caught.value) == f"{place}: {message}"


def test_files_are_called_after_their_places_and_no_two_alike(tmp_path: Path) -> None:
    paths = [
        tmp_path / name for name in ("a.mkv", "a.mp4", "hall/a.mp4", "x" * 60 + ".mp4", "?.mp4")
    ]
    names = list(camera_names(paths, {}, tmp_path).values())
    assert names[:3] == ["a", "a-2", "hall-a"]
    assert names[4] == "film"
    assert all(map(is_name, names))
    assert (
        len({*names, *camera_names([tmp_path / ("x" * 61 + ".mp4")], {}, tmp_path).values()}) == 6
    )


def test_a_file_that_is_known_keeps_its_name(tmp_path: Path) -> None:
    old, new = tmp_path / "b.mp4", tmp_path / "a" / "b.mp4"
    other = tmp_path / "a-b.mp4"
    assert camera_names([new, other, old], {other: "a-b"}, tmp_path) == {
        new: "a-b-2",
        other: "a-b",
        old: "b",
    }
