"""Parts of videos, decoded."""

import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import train.data.cache
from monitor.sources.file import read_frames
from monitor.windows.clip import ClipSpec
from testkit.media import make_video, number_of
from train.data.cache import DecodedClip
from train.data.clips import Clip
from train.data.decoding import DecodedClips, _part_of, decode_clips
from train.data.layouts import find_clips
from train.data.mixed import load_data
from train.data.split import fold_split, folds_of
from train.recipe.options import DataOptions, Recipe

SPEC = ClipSpec(frames=8, size=32, fps=10.0)
QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6 s, 150 frames."""
    return make_video(tmp_path_factory.mktemp("film") / "a.mp4", duration_s=6).path


@pytest.fixture
def data(tmp_path: Path, film: Path) -> Path:
    """A data folder with two videos that differ."""
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(film, folder / "a.mp4")
    make_video(folder / "b.mp4", duration_s=3)
    return folder


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file is decoded."""
    found: Counter[str] = Counter()

    def noted(path: Path) -> Iterator[tuple[float, object]]:
        found[path.name] += 1
        return read_frames(path)

    monkeypatch.setattr(train.data.cache, "read_frames", noted)
    return found


def decoded(data: Path, *rows: str) -> DecodedClips:
    (data / "clips.csv").write_text("\n".join(("path,label,group,fold,start_s,end_s", *rows)))
    return decode_clips(find_clips(data), SPEC, "time", data.parent / "cache", QUIET)


def numbers(found: DecodedClips, clip: Clip) -> list[int]:
    return [number_of(frame) for frame in found.load(clip).frames]


def test_parts_hold_their_frames_and_their_file_is_decoded_once(
    data: Path, read: Counter[str]
) -> None:
    found = decoded(
        data,
        "a.mp4,fall,a,0,1,2.4",
        "a.mp4,sit,a,0,,1",
        "a.mp4,sit,a,0,2.4,",
        "b.mp4,sit,b,1,,",
    )

    shown = {clip.path: numbers(found, clip) for clip in found.clips}
    assert shown == {
        "a.mp4#t=0,1": list(range(25)),
        "a.mp4#t=1,2.4": list(range(25, 60)),
        "a.mp4#t=2.4": list(range(60, 150)),
        "b.mp4": list(range(75)),
    }
    assert all(found.load(clip).times_s[0] == 0 for clip in found.clips)
    assert found.skipped == ()
    assert read == {"a.mp4": 1, "b.mp4": 1}
    decoded(data, "a.mp4,fall,a,0,1,3", "b.mp4,sit,b,1,,")
    assert read == {"a.mp4": 1, "b.mp4": 1}, "other parts of it are in the cache, too"


def test_events_are_cut_from_a_video_that_is_decoded_once(data: Path, read: Counter[str]) -> None:
    rows = "path,label,group,fold,start_s,end_s\na.mp4,fall,a,0,3,3.6\nb.mp4,sit,b,1,,\n"
    (data / "videos.csv").write_text(rows)

    dataset = find_clips(data, span_s=SPEC.span_s)
    found = decode_clips(dataset, SPEC, "time", data.parent / "cache", QUIET)

    shown = {clip.path: numbers(found, clip) for clip in found.clips if clip.group == "a"}
    assert {path: (some[0], some[-1] + 1) for path, some in shown.items()} == {
        "a.mp4#t=0,1.8": (0, 45),
        "a.mp4#t=1.8,3": (45, 75),
        "a.mp4#t=2.5,4.1": (63, 103),
        "a.mp4#t=3.6": (90, 150),
    }
    assert all(one + 1 == other for some in shown.values() for one, other in pairwise(some))
    assert read == {"a.mp4": 1, "b.mp4": 1}


def test_a_part_ends_with_its_video_and_one_that_begins_after_it_is_skipped(data: Path) -> None:
    found = decoded(
        data,
        "a.mp4,fall,a,0,5,9",
        "a.mp4,fall,a,0,6,9",
        "a.mp4,fall,a,0,5.7,",
        "a.mp4,sit,a,0,1.001,1.039",
        "b.mp4,sit,b,1,,",
    )

    assert numbers(found, found.clips[0]) == list(range(125, 150))
    assert {skip.path: skip.reason for skip in found.skipped} == {
        "a.mp4#t=6,9": "there is no frame; the last one of the video is at 5.96 s",
        "a.mp4#t=5.7": "too short: 0.24 s in 7 frames, less than half of the 0.80 s of a window",
        "a.mp4#t=1.001,1.039": "there is no frame; the last one of the video is at 5.96 s",
    }


def test_a_part_of_a_video_whose_times_step_back_is_skipped() -> None:
    frames = np.zeros((4, 8, 8, 3), np.uint8)
    film = DecodedClip(frames, np.array([0.0, 1.0, 0.5, 1.5]))

    assert _part_of(Clip("a.mp4", "fall", "a", 0), film) is film
    assert _part_of(Clip("a.mp4#t=1,2", "fall", "a", 0, 1.0, 2.0), film) == (
        "a part of a video whose times step back cannot be found"
    )


def test_parts_of_copies_of_one_video_count_as_one_group(data: Path) -> None:
    shutil.copy(data / "a.mp4", data / "copy.mp4")

    found = decoded(data, "a.mp4,fall,a,0,1,3", "copy.mp4,sit,copy,1,4,6", "b.mp4,sit,b,1,,")

    places = {clip.file: (clip.group, clip.fold) for clip in found.clips}
    assert places == {"a.mp4": ("a", 0), "copy.mp4": ("a", 0), "b.mp4": ("b", 1)}
    assert found.notes == (
        "exact copies of other clips count as one group with them, in one fold and not in two (1): "
        "copy.mp4#t=4,6 of a.mp4#t=1,3",
    )


@pytest.mark.parametrize("named", ["one", "two"])
def test_a_video_in_two_data_sets_is_in_one_group_and_fold(
    tmp_path: Path, film: Path, named: str
) -> None:
    """One data set names folds, the other does not; whichever name comes first."""
    for name in ("one", "two"):
        folder = tmp_path / name
        for label in ("fall", "sit"):
            (folder / label).mkdir(parents=True)
            for number in range(3):
                duration_s = 1 + number / 5 + (label == "sit") / 10 + (name == "two") / 20
                make_video(folder / label / f"{number}.mp4", duration_s=duration_s)
        shutil.copy(film, folder / "fall" / "both.mp4")
    rows = ["path,label,group,fold", "fall/both.mp4,fall,x,2"]
    rows += [f"{label}/{n}.mp4,{label},g{n},{n}" for label in ("fall", "sit") for n in range(2)]
    (tmp_path / named / "clips.csv").write_text("\n".join(rows))
    sources = [DataOptions(path=tmp_path / name) for name in ("one", "two")]

    dataset = load_data(sources, (), SPEC.span_s)
    found = decode_clips(dataset, SPEC, "time", tmp_path / "cache", QUIET)

    both = [clip for clip in found.clips if clip.file.endswith("both.mp4")]
    assert [clip.dataset for clip in both] == ["one", "two"]
    assert len({clip.group for clip in both}) == 1
    assert [clip.fold for clip in both] == [2, 2]
    folds = folds_of(found.clips, Recipe(test_share=0.3))
    assert [fold for fold, tested in folds.items() for clip in tested if clip in both] == [2, 2]
    for tested in folds.values():
        fold_split(found.clips, tested, Recipe())  # raises if a group crosses it
