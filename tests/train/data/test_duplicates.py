"""Copies of clips are never on both sides of a split, and are reported."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from monitor.errors import DataError
from monitor.windows.clip import ClipSpec
from testkit.media import make_video
from train.cli.train import app
from train.data.decoding import DecodedClips, decode_clips
from train.data.layouts import find_clips
from train.data.split import fold_split, folds_of
from train.recipe.options import Recipe

SPEC = ClipSpec(frames=8, size=32, fps=10.0)
LABELS = ("fall", "sit")
EACH = 6


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Clips that all differ: of other lengths."""
    folder = tmp_path_factory.mktemp("made")
    return [
        make_video(folder / f"{number}.mp4", duration_s=1.0 + 0.2 * number).path
        for number in range(EACH * len(LABELS))
    ]


@pytest.fixture
def data(tmp_path: Path, made: list[Path]) -> Path:
    """A few clips of each of two labels."""
    return clips(tmp_path / "data", made, "{number}.mp4")


@pytest.fixture
def ucf(tmp_path: Path, made: list[Path]) -> Path:
    """The same, each in a group by its name."""
    return clips(tmp_path / "data", made, "v_{label}_g0{group}_c01.mp4")


def clips(data: Path, made: list[Path], name: str) -> Path:
    for place, clip in enumerate(made):
        number, label = place // 2, LABELS[place % 2]
        path = data / label / name.format(label=label, number=number, group=number + 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clip.read_bytes())
    return data


def decoded_clips(data: Path) -> DecodedClips:
    cache = data.parents[1] / "cache"  # of all tests
    return decode_clips(find_clips(data), SPEC, "time", cache, Console(quiet=True))


def repacked(target: Path, source: Path, *options: str) -> None:
    command = ["ffmpeg", "-v", "error", "-i", str(source), "-c", "copy", *options, str(target)]
    subprocess.run(command, check=True)


COPIES: dict[str, tuple[str, Callable[[Path, Path], object]]] = {
    "the same file": ("copy.mp4", lambda copy, clip: copy.write_bytes(clip.read_bytes())),
    "a hard link": ("copy.mp4", lambda copy, clip: copy.hardlink_to(clip)),
    "a link": ("copy.mp4", lambda copy, clip: copy.symlink_to(clip)),
    "other bytes at the end": (
        "copy.mp4",
        lambda copy, clip: copy.write_bytes(clip.read_bytes() + b"\0"),
    ),
    "another container": ("copy.mkv", repacked),
    "other metadata": ("copy.mp4", lambda copy, clip: repacked(copy, clip, "-metadata", "title=x")),
}


@pytest.mark.parametrize(("name", "copy"), COPIES.values(), ids=COPIES)
def test_an_exact_copy_is_reported_and_joins_the_group_of_its_original(
    data: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
    copy: Callable[[Path, Path], object],
) -> None:
    copy(data / "fall" / name, data / "fall" / "0.mp4")

    found = decoded_clips(data)

    groups = {clip.path: clip.group for clip in found.clips}
    assert groups.pop(f"fall/{name}") == groups["fall/0.mp4"] == "fall/0.mp4"
    assert all(path == group for path, group in groups.items())
    said = (
        f"exact copies of other clips count as one group with them (1): fall/{name} of fall/0.mp4"
    )
    assert found.notes == (said,)
    assert f"data: {said}" in caplog.messages
    for seed in range(3):
        config = Recipe(seed=seed, test_share=0.3, validation_share=0.3)
        for test in folds_of(found.clips, config).values():
            split = fold_split(found.clips, test, config)
            sides = [
                {clip.group for clip in part}
                for part in (split.train, split.validation, split.test)
            ]
            assert sum("fall/0.mp4" in side for side in sides) == 1


def test_clips_that_are_not_copies_are_unchanged(data: Path) -> None:
    make_video(data / "fall" / "small.mp4", duration_s=1.0, size=(80, 48))

    found = decoded_clips(data)

    assert found.notes == ()
    assert found.merged_groups == {}
    assert all(clip.group == clip.path for clip in found.clips)


def test_many_copies_take_one_line(data: Path) -> None:
    for number in range(5):
        (data / "fall" / f"copy{number}.mp4").hardlink_to(data / "fall" / "1.mp4")

    (note,) = decoded_clips(data).notes

    assert note == (
        "exact copies of other clips count as one group with them (5): fall/copy0.mp4 of "
        "fall/1.mp4, fall/copy1.mp4 of fall/1.mp4, fall/copy2.mp4 of fall/1.mp4, ..."
    )


def test_groups_that_share_a_clip_count_as_one(ucf: Path) -> None:
    for copied, group in (("g01", "g03"), ("g03", "g04")):
        (ucf / "fall" / f"v_fall_{group}_c02.mp4").hardlink_to(
            ucf / f"fall/v_fall_{copied}_c01.mp4"
        )

    found = decoded_clips(ucf)

    assert found.merged_groups == {"g03": "g01", "g04": "g01"}
    assert {clip.group for clip in found.clips} == {"g01", "g02", "g05", "g06"}


def trained(data: Path, recipe: str = "") -> dict[str, Any]:
    """What har-train reports of a baseline on the clips."""
    out, config = data.parent / "out", data.parent / "recipe.yaml"
    config.write_text(f"clip: {{frames: 8, size: 32}}\narch: svm\nbackground: [sit]\n{recipe}")
    options = {
        "--data": data,
        "--out": out,
        "--config": config,
        "--cache": data.parents[1] / "cache",
    }
    words = [str(word) for option in options.items() for word in option]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.stderr
    report: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return report


def test_a_group_that_counts_as_another_is_excluded_with_it(ucf: Path) -> None:
    (ucf / "fall" / "v_fall_g03_c02.mp4").hardlink_to(ucf / "fall/v_fall_g01_c01.mp4")

    report = trained(ucf, "exclude_groups: [g03]\n")

    assert report["settings"]["exclude_groups"] == ["g01"]


def test_copies_do_not_make_data_without_groups_look_grouped(data: Path) -> None:
    for number in range(EACH):
        (data / "fall" / f"copy{number}.mp4").hardlink_to(data / "fall" / f"{number}.mp4")

    report = trained(data)

    assert report["split"] == "ungrouped"
    assert "no groups are known" in report["notes"][0]
    assert report["notes"][1].startswith("exact copies of other clips count as one group with them")


def rows(data: Path, *more: str) -> None:
    lines = ["path,label,group,fold"]
    for label in ("fall", "sit"):
        lines += [f"{label}/{n}.mp4,{label},{label}{n},{n % 2}" for n in range(EACH)]
    (data / "clips.csv").write_text("\n".join((*lines, *more)) + "\n")


def test_a_table_with_copies_in_one_fold_is_accepted(data: Path) -> None:
    (data / "fall" / "copy.mp4").hardlink_to(data / "fall" / "0.mp4")
    rows(data, "fall/copy.mp4,fall,other,0")

    assert decoded_clips(data).merged_groups == {"other": "fall0"}


@pytest.mark.parametrize("name", ["copy.mp4", "copy.mkv"])
def test_copies_in_two_folds_of_a_table_are_reported_and_moved_into_one(
    data: Path, name: str
) -> None:
    repacked(data / "fall" / name, data / "fall" / "0.mp4")
    rows(data, f"fall/{name},fall,other,1")

    found = decoded_clips(data)

    places = {clip.path: (clip.group, clip.fold) for clip in found.clips}
    assert places[f"fall/{name}"] == places["fall/0.mp4"] == ("fall0", 0)
    assert found.notes == (
        "exact copies of other clips count as one group with them, in one fold and not in two (1): "
        f"fall/{name} of fall/0.mp4",
    )


@pytest.mark.parametrize("name", ["copy.mp4", "copy.mkv"])
def test_a_copy_with_another_label_is_an_error(data: Path, name: str) -> None:
    repacked(data / "sit" / name, data / "fall" / "0.mp4")

    with pytest.raises(DataError) as error:
        decoded_clips(data)
    assert str(error.value) == (
        f"sit/{name} and fall/0.mp4 are the same video, labelled sit and fall"
    )


def test_a_folder_that_is_linked_into_another_label_is_an_error(data: Path) -> None:
    (data / "sit" / "more").symlink_to("../fall")

    with pytest.raises(DataError) as error:
        decoded_clips(data)
    assert str(error.value) == (
        "sit/more/0.mp4 and fall/0.mp4 are the same video, labelled sit and fall"
    )
