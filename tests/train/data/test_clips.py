import logging
from pathlib import Path

import pytest

from monitor.errors import ConfigError, DataError
from train.data.clips import Clip, data_hash, only_labels
from train.data.layouts import find_clips
from train.data.video_files import SUFFIXES

HEADER = "path,label,group,fold\n"


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def table(root: Path, text: str) -> Path:
    touch(root, "a/1.mp4", "a/2.mp4", "b/1.mp4")
    (root / "clips.csv").write_text(text)
    return root


def test_a_table_names_clips_labels_groups_and_folds(tmp_path: Path) -> None:
    data = table(tmp_path, HEADER + "b/1.mp4,b,y,-1\na/1.mp4,a,x,0\na/2.mp4,a,x,0\n")

    dataset = find_clips(data)

    assert dataset.name == tmp_path.name
    assert dataset.labels == ("a", "b")
    assert dataset.clips == (
        Clip("a/1.mp4", "a", "x", 0),
        Clip("a/2.mp4", "a", "x", 0),
        Clip("b/1.mp4", "b", "y", -1),
    )
    assert dataset.file(dataset.clips[0]) == tmp_path / "a/1.mp4"


def test_a_table_may_have_a_byte_order_mark_and_more_columns(tmp_path: Path) -> None:
    rows = "﻿note,path,label,group,fold\nx,a/1.mp4,a,x,0\ny,b/1.mp4,b,y,1\n"

    assert len(find_clips(table(tmp_path, rows)).clips) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "path,label,group\na/1.mp4,a,x\n",
            "1: no column fold; columns needed: path, label, group, fold",
            id="missing column",
        ),
        pytest.param(
            HEADER + "a/1.mp4,a,x,0\na/9.mp4,a,x,0\n", "3: a/9.mp4: no such file", id="missing file"
        ),
        pytest.param(
            HEADER + "a/1.mp4,a,x,one\n",
            "2: fold 'one': a whole number is needed, -1 for train only",
            id="fold in words",
        ),
        pytest.param(
            HEADER + "a/1.mp4,a,x,-2\n",
            "2: fold '-2': a whole number is needed, -1 for train only",
            id="fold below -1",
        ),
        pytest.param(HEADER + "a/1.mp4,,x,0\n", "2: label is empty", id="empty label"),
        pytest.param(HEADER + "a/1.mp4,a,x\n", "2: fold is empty", id="short row"),
        pytest.param(
            HEADER + "a/1.mp4,a,x,0\nb/1.mp4,b,y,1\na/1.mp4,a,x,0\n",
            "4: a/1.mp4 is also on line 2",
            id="clip twice",
        ),
        pytest.param(
            HEADER + "a/1.mp4,a,x,0\nb/1.mp4,b,y,1\na/2.mp4,a,x,1\n",
            "4: group x is in fold 1 and, on line 2, in fold 0; a group belongs to one fold",
            id="group in two folds",
        ),
        pytest.param(
            HEADER + "a/1.mp4,a,x,-1\nb/1.mp4,b,x,1\n",
            "3: group x is in fold 1 and, on line 2, in fold -1; a group belongs to one fold",
            id="train-only group in a fold",
        ),
    ],
)
def test_a_wrong_table_is_an_error_that_names_the_line(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(DataError) as error:
        find_clips(table(tmp_path, text))

    assert str(error.value) == f"{tmp_path / 'clips.csv'}:{message}"


def test_ucf_classes_are_labels_and_their_group_numbers_are_groups(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "Biking/v_Biking_g01_c01.avi",
        "Biking/v_Biking_g02_c01.avi",
        "HorseRace/v_HorseRace_g01_c02.avi",
    )

    assert find_clips(tmp_path).clips == (
        Clip("Biking/v_Biking_g01_c01.avi", "Biking", "g01", None),
        Clip("Biking/v_Biking_g02_c01.avi", "Biking", "g02", None),
        Clip("HorseRace/v_HorseRace_g01_c02.avi", "HorseRace", "g01", None),
    )


def test_ucf_names_are_read_without_folders_too(shared_data: Path) -> None:
    dataset = find_clips(shared_data / "ucf-named")

    assert dataset.labels == ("Biking", "HorseRiding", "Swing")
    assert [clip.group for clip in dataset.clips] == ["g01", "g05", "g01", "g11"]


def test_folders_without_groups_are_read_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path, "run/1.mp4", "sit/deep/2.MOV", "sit/notes.txt", ".git/3.mp4", "sit/.4.mp4")

    with caplog.at_level(logging.WARNING):
        dataset = find_clips(tmp_path)

    assert dataset.clips == (
        Clip("run/1.mp4", "run", "run/1.mp4", None),
        Clip("sit/deep/2.MOV", "sit", "sit/deep/2.MOV", None),
    )
    assert caplog.messages == [
        f"{tmp_path}: 2 skipped, hidden or a system's own (deleted files, previews, copies): "
        ".git/3.mp4, sit/.4.mp4",
        "skipped, not a video by its ending: .txt",
        f"{tmp_path}: no groups are known (no clips.csv, no names with gNN): every clip counts as "
        "its own group, so a split may leak scenes into the test",
    ]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param(
            ("notes.txt",),
            "{0}: no clips; a data folder holds clips.csv, videos.csv, a folder per label, "
            "or files named v_<Class>_gNN_cNN",
            id="no clips",
        ),
        pytest.param(
            ("run/1.mp4", "sit/notes.txt"),
            "{0}/sit: no clips in this folder; every label needs some; endings read: "
            + " ".join(sorted(SUFFIXES)),
            id="empty class",
        ),
        pytest.param(
            ("run/1.mp4", "run/2.mp4"),
            "{0}: only one label (run); at least two are needed",
            id="one label",
        ),
        pytest.param(
            ("run/1.mp4", "@ 👀/2.mp4"),
            "{0}: label '@ 👀': up to 64 letters, digits, spaces and signs are allowed, a letter "
            "or digit among them, none of / \\ and no space . - in front",
            id="label without a letter",
        ),
    ],
)
def test_a_folder_that_cannot_be_trained_on_is_an_error(
    tmp_path: Path, files: tuple[str, ...], message: str
) -> None:
    touch(tmp_path, *files)

    with pytest.raises(DataError) as error:
        find_clips(tmp_path)

    assert str(error.value) == message.format(tmp_path)


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        find_clips(tmp_path / "none")

    assert str(error.value) == f"{tmp_path / 'none'}: no such folder"


def test_labels_can_be_chosen_and_an_unknown_one_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{label}/v_{label}_g01_c01.avi" for label in ("A", "B", "C")))
    dataset = find_clips(tmp_path)

    assert only_labels(dataset, ()) == dataset
    assert [clip.label for clip in only_labels(dataset, ("C", "A")).clips] == ["A", "C"]
    with pytest.raises(ConfigError) as error:
        only_labels(dataset, ("A", "D"))
    assert str(error.value) == f"labels D: no such label in {tmp_path}; labels there: A, B, C"


def test_the_hash_follows_paths_labels_and_contents_but_not_order() -> None:
    clips = [Clip("1", "a", "x", 0), Clip("2", "b", "y", 1)]
    contents = {"1": "c1", "2": "c2"}
    known = data_hash(clips, contents)

    assert data_hash(clips[::-1], contents) == known
    assert data_hash(clips, {"1": "c1", "2": "c3"}) != known
    assert data_hash([clips[0], Clip("2", "a", "y", 1)], contents) != known
    assert data_hash([clips[0]], contents) != known
