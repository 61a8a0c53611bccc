"""Clips that a model is tested on."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from testkit.footage import motion_clips
from testkit.models import metadata
from train.evaluate.evaluation_set import load_evaluation_set


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
