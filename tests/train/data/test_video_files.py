"""Which files of a folder are read as videos, and which are skipped."""

import logging
import os
from pathlib import Path

import pytest

from monitor.errors import DataError
from testkit.media import make_video
from train.data.footage import find_footage
from train.data.layouts import find_clips
from train.data.video_files import VideoFinder

HIDDEN = (
    *(".Trash-1000/files/a.mp4", ".ipynb_checkpoints/a-checkpoint.mp4", "._a.mp4", ".a.mp4"),
    *("$RECYCLE.BIN/S-1-5/$R1.mp4", "System Volume Information/a.mp4", "lost+found/#12.mp4"),
    *("#recycle/a.mp4", "@Recycle/a.mp4", "@eaDir/a.mp4/SYNOPHOTO_FILM_M.mp4", "@eadir/b.MP4"),
    *("__MACOSX/._a.mp4", ".AppleDouble/a.mp4", ".deep/deeper/a.mp4"),
)


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def below(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in VideoFinder(root).below(root)]


def paths(data: Path) -> list[str]:
    return [clip.path for clip in find_clips(data, min_labels=1).clips]


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_and_system_files_are_skipped_at_every_depth(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "fall/1.mp4", "sit/1.mp4", name, f"fall/{name}", f"fall/deep/{name}")

    assert below(tmp_path) == paths(tmp_path) == ["fall/1.mp4", "sit/1.mp4"]


def test_similar_names_are_read(tmp_path: Path) -> None:
    names = ("a.b/1.mp4", "lost and found/1.mp4", "my.Trash/1.mp4", "recycle/1.mp4", "trash/1.mp4")

    assert below(touch(tmp_path, *names)) == list(names)


def test_a_hidden_folder_that_is_named_itself_is_read(tmp_path: Path) -> None:
    assert paths(touch(tmp_path / ".data", "fall/1.mp4", "sit/1.mp4")) == [
        "fall/1.mp4",
        "sit/1.mp4",
    ]
    assert below(touch(tmp_path / ".films", "1.mp4")) == ["1.mp4"]


def test_a_table_may_name_hidden_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    touch(tmp_path, "fall/.old/1.mp4", "sit/._1.mp4")
    rows = "path,label,group,fold\nfall/.old/1.mp4,fall,a,0\nsit/._1.mp4,sit,b,1\n"
    (tmp_path / "clips.csv").write_text(rows)

    assert paths(tmp_path) == ["fall/.old/1.mp4", "sit/._1.mp4"]
    assert caplog.messages == []


def test_ucf_names_are_read_without_their_hidden_copies(tmp_path: Path) -> None:
    names = ("v_A_g01_c01.avi", "v_B_g01_c01.avi")
    touch(
        tmp_path, *names, *(f"._{name}" for name in names), "@eaDir/v_A_g01_c01.avi/v_A_g01_c01.avi"
    )
    assert paths(tmp_path) == list(names)
    folders = tmp_path / "ucf"
    touch(folders, "A/v_A_g01_c01.avi", "A/._v_A_g01_c01.avi", "B/v_B_g01_c01.avi", ".C/x.avi")
    assert paths(folders) == ["A/v_A_g01_c01.avi", "B/v_B_g01_c01.avi"]


def test_skipped_files_are_counted_and_named_in_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path, "fall/1.mp4", "sit/1.mp4", ".DS_Store", "fall/.git/config", "3.mp4")
    touch(tmp_path, *(f"fall/.Trash-1000/{number}.mp4" for number in range(9)))
    (tmp_path / "sit" / "disk").symlink_to(tmp_path / "not mounted")

    find_clips(tmp_path)

    said = [message.removeprefix(f"{tmp_path}: ") for message in caplog.messages]
    assert said[:3] == [
        "9 skipped, hidden or a system's own (deleted files, previews, copies): "
        "fall/.Trash-1000/0.mp4, fall/.Trash-1000/1.mp4, fall/.Trash-1000/2.mp4, ...",
        "1 skipped, links that lead nowhere: sit/disk",
        "1 skipped, videos beside the folders of the labels: 3.mp4",
    ]
    assert len(said) == 4, "and that no groups are known"


def test_hidden_files_other_than_videos_are_not_mentioned(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    below(touch(tmp_path, "a.mp4", ".DS_Store", ".git/config", "@eaDir/a.mp4/SYNO@.fileindexdb"))

    assert caplog.messages == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path, "fall/1.mp4", "fall/closed/2.mp4", "sit/1.mp4")
    (tmp_path / "fall" / "closed").chmod(0)
    try:
        assert paths(tmp_path) == ["fall/1.mp4", "sit/1.mp4"]
    finally:
        (tmp_path / "fall" / "closed").chmod(0o700)
    assert "1 skipped, folders that cannot be read: fall/closed" in caplog.text


def test_a_label_whose_clips_are_all_hidden_is_an_error_after_they_were_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path, "fall/.Trash-1000/1.mp4", "sit/1.mp4")

    with pytest.raises(DataError, match=r"fall: no clips in this folder; every label needs some"):
        find_clips(tmp_path)
    assert "1 skipped, hidden" in caplog.text


def test_linked_folders_and_files_are_read(tmp_path: Path) -> None:
    disk = touch(tmp_path / "disk", "more/2.mp4", "more/deep/3.mp4", "4.mp4")
    data = touch(tmp_path / "data", "fall/1.mp4")
    (data / "fall" / "more").symlink_to("../../disk/more")
    (data / "fall" / "4.mp4").symlink_to(disk / "4.mp4")
    (data / "sit").symlink_to(touch(disk / "sit", "5.mp4"))

    expected = ["fall/1.mp4", "fall/4.mp4", "fall/more/2.mp4", "fall/more/deep/3.mp4", "sit/5.mp4"]
    assert below(data) == paths(data) == expected


LOOPS: dict[str, dict[str, str]] = {  # link in the data folder -> where it leads
    "itself": {"fall/a": "a"},
    "its own folder": {"fall/a": "."},
    "the folder above": {"fall/a": ".."},
    "the root of all": {"fall/a": "/"},
    "one another": {"fall/a": "deep", "fall/deep/b": ".."},
    "a linked folder's own parent": {"fall/a": "../../disk/more", "../disk/more/up": ".."},
    "a label that leads to all": {"a": "."},
}


@pytest.mark.parametrize("links", LOOPS.values(), ids=LOOPS)
def test_links_that_lead_back_are_not_followed(tmp_path: Path, links: dict[str, str]) -> None:
    data = touch(tmp_path / "data", "fall/1.mp4", "sit/1.mp4")
    (data / "fall" / "deep").mkdir()
    (tmp_path / "disk" / "more").mkdir(parents=True)
    for link, target in links.items():
        (data / link).symlink_to(target)

    assert below(data) == paths(data) == ["fall/1.mp4", "sit/1.mp4"]


def test_a_folder_that_is_reached_twice_is_read_once_by_its_own_path(tmp_path: Path) -> None:
    touch(tmp_path, "fall/z/1.mp4", "sit/1.mp4")
    (tmp_path / "fall" / "a").symlink_to("z")
    (tmp_path / "fall" / "b").symlink_to("a")

    assert paths(tmp_path) == ["fall/z/1.mp4", "sit/1.mp4"]


def test_a_folder_of_hidden_links_takes_nothing_from_others(tmp_path: Path) -> None:
    touch(tmp_path, "fall/z/1.mp4", "sit/1.mp4")
    (tmp_path / "fall" / ".a").symlink_to("z")

    assert paths(tmp_path) == ["fall/z/1.mp4", "sit/1.mp4"]


def test_footage_is_found_in_the_same_way(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    films = tmp_path / "films"
    (films / "@eaDir").mkdir(parents=True)
    (tmp_path / "disk").mkdir()
    for path in (
        films / "a.mp4",
        films / "._a.mp4",
        films / "@eaDir/a.mp4",
        tmp_path / "disk/b.mp4",
    ):
        make_video(path, fps=10, duration_s=1)
    (films / "disk").symlink_to("../disk")
    (films / "disk" / "back").symlink_to("../films")

    with caplog.at_level(logging.WARNING):
        found = find_footage(films)

    assert [film.name for film in found] == ["a.mp4", "disk/b.mp4"]
    assert caplog.messages == [
        f"{films}: 2 skipped, hidden or a system's own (deleted files, previews, copies): "
        "._a.mp4, @eaDir/a.mp4"
    ]
    (film,) = find_footage(films / "._a.mp4")
    assert film.name == "._a.mp4"
