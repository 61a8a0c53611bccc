"""What motion-tsm sees of a clip: differences, in their order, whatever the light and the place."""

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.windows.clip import ClipSpec
from train.networks.architectures import build
from train.networks.motion_tsm import _shift, _with_neighbours, difference_pictures

SPEC = ClipSpec(frames=20, size=64, fps=10.0)
Clip = NDArray[np.uint8]


def moving(right: bool = True, level: float = 1.0) -> Clip:
    """(1, 20, 64, 64, 3): a patch of noise that crosses a scene of noise."""
    random = np.random.default_rng(3)
    scene = random.integers(60, 120, (64, 64, 1))
    patch = random.integers(130, 200, (24, 16, 1))
    frames = np.repeat(np.repeat(scene[np.newaxis], 20, axis=0), 3, axis=-1)
    for step in range(20):
        left = 2 * step if right else 38 - 2 * step
        frames[step, 20:44, left : left + 16] = patch
    return np.asarray(frames * level, np.uint8)[np.newaxis]


def test_a_picture_holds_three_differences_in_a_row_in_standard_deviations_of_the_clip() -> None:
    clip = np.random.default_rng(1).integers(0, 256, (2, 10, 8, 8, 3), np.uint8)

    found = np.asarray(difference_pictures(clip))

    grey = clip.mean(axis=-1)
    grey -= grey.mean(axis=(2, 3), keepdims=True)
    scaled = 1.5 * grey / (grey.std(axis=(1, 2, 3), keepdims=True) + 2)
    steps = np.diff(scaled, axis=1)
    expected = np.stack([steps[:, at : at + 7 : 2] for at in range(3)], axis=-1)
    assert found.shape == (2, 4, 8, 8, 3)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_where_nothing_moves_nothing_is_seen() -> None:
    clip = np.repeat(moving()[:, :1], 20, axis=1)

    assert np.abs(np.asarray(difference_pictures(clip))).max() == 0


def test_light_and_contrast_change_little() -> None:
    bright, dark = (np.asarray(difference_pictures(moving(level=level))) for level in (1.0, 0.4))

    assert np.corrcoef(bright.ravel(), dark.ravel())[0, 1] > 0.99
    assert dark.std() == pytest.approx(bright.std(), rel=0.15)


def test_some_channels_come_from_the_next_picture_and_some_from_the_one_before() -> None:
    pictures = np.arange(3 * 16, dtype=np.float32).reshape(1, 3, 1, 1, 16)

    found = np.asarray(_shift(pictures)).reshape(3, 16)

    given = pictures.reshape(3, 16)
    assert found[:, :2].tolist() == [*given[1:, :2].tolist(), [0, 0]]
    assert found[:, 2:4].tolist() == [[0, 0], *given[:-1, 2:4].tolist()]
    assert (found[:, 4:] == given[:, 4:]).all()


def test_each_second_picture_is_seen_with_both_neighbours() -> None:
    pictures = np.arange(1, 6, dtype=np.float32).reshape(1, 5, 1, 1, 1)

    found = np.asarray(_with_neighbours(pictures)).reshape(-1, 3)

    assert found.tolist() == [[0, 1, 2], [2, 3, 4], [4, 5, 0]]


def test_the_same_movement_to_the_left_looks_different() -> None:
    network = build("motion-tsm", SPEC, 2)
    right, left = (np.asarray(network(moving(right), training=False)) for right in (True, False))

    assert np.abs(np.log(right) - np.log(left)).max() > 0.05, "log odds"
