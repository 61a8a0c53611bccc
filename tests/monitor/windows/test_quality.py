"""What is said of pictures: nothing of real ones, the truth of spoilt ones."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.sources.file import FileSource
from monitor.windows.buffer import WindowBuffer
from monitor.windows.clip import ClipSpec, scale_frame
from monitor.windows.quality import picture_fault
from testkit.media import filtered

SPEC = ClipSpec(frames=20, size=64, fps=10)


def clips(video: Path, spec: ClipSpec = SPEC) -> Iterator[NDArray[np.uint8]]:
    source, buffer = FileSource(video), WindowBuffer("", spec, stride=5)
    source.open()
    while (picture := source.read()) is not None:
        window = buffer.push(picture.time_s, partial(scale_frame, picture.picture, spec.size))
        if window is not None:
            yield window.clip
    source.close()


SPOILT = {
    "as it is": ("null", None),
    "black": ("drawbox=t=fill:c=black", "black"),
    "a covered lens, with noise": ("drawbox=t=fill:c=0x101010,noise=alls=12:allf=t", "black"),
    "black, with a clock": (
        "drawbox=t=fill:c=black,drawbox=x=10:y=8:w=150:h=16:t=fill:c=white",
        "black",
    ),
    "white": ("drawbox=t=fill:c=white", "blank"),
    "grey, with noise": ("drawbox=t=fill:c=gray,noise=alls=12:allf=t", "blank"),
    "night": ("eq=brightness=-0.35:contrast=0.35", None),
    "one picture, under noise": ("loop=loop=-1:size=1,noise=alls=6:allf=t,trim=duration=3", None),
    "out of focus": ("gblur=sigma=22", "blurred"),
    "out of focus, with a clock": (
        "gblur=sigma=22,drawbox=x=10:y=8:w=150:h=16:t=8:c=white",
        "blurred",
    ),
    "box blur": ("boxblur=40:2", "blurred"),
    "a little soft": ("gblur=sigma=4", None),
    "compressed hard": ("scale=160:120,scale=480:360:flags=neighbor", None),
}


@pytest.mark.parametrize(("filters", "fault"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_picture_is_called_what_it_is(
    filters: str, fault: str | None, fight_clip: Path, tmp_path: Path
) -> None:
    video = filtered(tmp_path / "v.mp4", filters, fight_clip)
    assert {picture_fault(clip, True) for clip in clips(video)} == {fault}


def test_a_window_with_a_black_moment_is_black(fight_clip: Path, tmp_path: Path) -> None:
    blink = "drawbox=t=fill:c=black:enable='between(t,1.0,1.15)'"
    video = filtered(tmp_path / "v.mp4", blink, fight_clip)
    assert [picture_fault(clip, True) for clip in clips(video)] == ["black"] * 3 + [None] * 3


def test_a_region_that_is_bare_until_somebody_comes_is_usable(
    fight_clip: Path, tmp_path: Path
) -> None:
    bare = "drawbox=t=fill:c=gray:enable='lt(t,1.5)'"
    video = filtered(tmp_path / "v.mp4", bare, fight_clip)
    assert [picture_fault(clip, False) for clip in clips(video)] == [None] * 6
    empty = filtered(tmp_path / "w.mp4", "drawbox=t=fill:c=gray", fight_clip)
    assert {picture_fault(clip, False) for clip in clips(empty)} == {"blank"}


@pytest.mark.parametrize("crf", [26, 34], ids=["fine", "coarse"])
def test_a_picture_that_is_sent_again_and_again_is_still(
    crf: int, fight_clip: Path, tmp_path: Path
) -> None:
    again = "loop=loop=-1:size=1,trim=duration=8"
    video = filtered(tmp_path / "v.mp4", again, fight_clip, crf=crf)
    _, *later = clips(video)  # the encoder refines its first picture
    assert {picture_fault(clip, True) for clip in later} == {"still"}


@pytest.mark.slow
@pytest.mark.parametrize("size", [32, 64, 112, 224])
def test_the_limits_hold_for_models_of_any_size(
    size: int, fight_clip: Path, tmp_path: Path
) -> None:
    spec = ClipSpec(20, size, 10)
    assert {picture_fault(clip, True) for clip in clips(fight_clip, spec)} == {None}
    black = filtered(tmp_path / "v.mp4", "drawbox=t=fill:c=black", fight_clip)
    assert {picture_fault(clip, True) for clip in clips(black, spec)} == {"black"}


def test_a_plain_room_with_sharp_corners_is_not_called_blurred() -> None:
    room = np.full((20, 64, 64, 3), 150, np.uint8)
    room[:, :, 24:] = 200
    room[:, 40:] = 90
    room[:, :, :, 0] += np.arange(20, dtype=np.uint8)[:, np.newaxis, np.newaxis]
    assert picture_fault(room, True) is None


def test_a_small_region_is_not_called_blurred(fight_clip: Path, tmp_path: Path) -> None:
    close = filtered(tmp_path / "v.mp4", "crop=20:20:220:150", fight_clip)
    found = [(picture_fault(clip, True), picture_fault(clip, False)) for clip in clips(close)]
    assert ("blurred", None) in found
    assert {in_region for _, in_region in found} == {None}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "every", "dark"),
    [("fight-surv/fight", 8, 0), ("fight-surv/nofight", 12, 0), ("arid-dark", 8, 0.03)],
)
def test_real_footage_is_called_nothing_but_the_darkest_black(
    folder: str, every: int, dark: float, shared_data: Path
) -> None:
    videos = sorted((shared_data / folder).rglob("*.mp4"))[::every]
    assert len(videos) >= 12
    found = [picture_fault(clip, True) for video in videos for clip in clips(video)]
    assert set(found) <= {None, "black"}
    assert found.count("black") <= dark * len(found)
