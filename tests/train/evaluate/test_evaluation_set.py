"""Clips that a model is tested on."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from testkit.footage import motion_clips
from testkit.media import make_video
from testkit.models import metadata
from train.evaluate.evaluation_set import load_evaluation_set


def test_parts_of_a_video_are_inserted_into_streams_as_parts(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", duration_s=8)
    rows = "a.mp4,moving,a,0,1,4\na.mp4,still,a,0,4,\n"
    (tmp_path / "clips.csv").write_text(f"path,label,group,fold,start_s,end_s\n{rows}")

    held = load_evaluation_set(metadata(), tmp_path, None, tmp_path / "cache", Console(quiet=True))

    inserts = {clip.name: clip for clip in held.clip_inserts}
    assert {clip.path for clip in inserts.values()} == {tmp_path / "a.mp4"}
    assert {name: (clip.offset_s, clip.duration_s) for name, clip in inserts.items()} == {
        "a.mp4#t=1,4": pytest.approx((1.0, 3.0)),
        "a.mp4#t=4": pytest.approx((4.0, 4.0)),
    }


@pytest.mark.parametrize(
    ("strides", "windows"),
    [
        pytest.param((), 9, id="as a model file, which does not say"),
        pytest.param((5,), 9, id="as most recipes"),
        pytest.param((1,), 44, id="at every frame"),
    ],
)
def test_clips_are_scored_at_the_given_stride(
    tmp_path: Path, fight_clip: Path, nofight_clip: Path, strides: tuple[int, ...], windows: int
) -> None:
    data = motion_clips(tmp_path / "data", fight_clip, nofight_clip)
    held = load_evaluation_set(metadata(), data, 0, tmp_path / "cache", Console(quiet=True))
    seen = 0

    def predict(found: NDArray[np.uint8]) -> NDArray[np.float32]:
        nonlocal seen
        seen += len(found)
        return np.full((len(found), 2), 0.5, np.float32)

    held.score(predict, metadata(), *strides)

    assert seen == windows
