"""What the metadata of a model says about its test clips."""

import pytest

from train.data.clips import Clip
from train.experiment.training import _describe_test_clips

GROUPED = [Clip(f"one/{n}.mp4", "a", f"one/g{n % 2}", 0, dataset="one") for n in range(4)]
ALONE = [Clip(f"two/{n}.mp4", "a", f"two/{n}.mp4", None, dataset="two") for n in range(4)]


@pytest.mark.parametrize(
    ("clips", "says"),
    [
        pytest.param(GROUPED, "of 2 groups that were not trained on", id="groups"),
        pytest.param(
            [Clip("a.mp4", "a", "a.mp4", None)],
            "that were not trained on; no groups are known, so their scenes may have been",
            id="no groups",
        ),
        pytest.param(
            GROUPED + ALONE,
            "that were not trained on; no groups are known in two, so their scenes may have been",
            id="no groups in one of two data sets",
        ),
    ],
)
def test_test_clips_without_groups_are_not_called_new_scenes(clips: list[Clip], says: str) -> None:
    assert _describe_test_clips(clips) == says
