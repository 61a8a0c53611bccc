import numpy as np
import pytest
from numpy.typing import NDArray

from train.fit.moving_patch import paste_moving_patches

FRAMES, SIZE, FPS = 20, 64, 10.0
GREY = np.full((FRAMES, SIZE, SIZE, 3), 100, np.uint8)


def picture(seed: int) -> NDArray[np.uint8]:
    """Squares of 8x8 pixels in random colours."""
    cells = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return cells.repeat(8, axis=0).repeat(8, axis=1)


def crossed(
    seed: int, count: int = 1, window: NDArray[np.uint8] = GREY, fps: float = FPS
) -> NDArray[np.uint8]:
    pictures = [picture(number) for number in range(count)]
    return paste_moving_patches(window, pictures, fps, np.random.default_rng(seed))


def test_a_window_with_patches_keeps_its_shape_and_the_original_is_untouched() -> None:
    found = crossed(1)

    assert found.shape == GREY.shape
    assert found.dtype == np.uint8
    assert (GREY == 100).all()


def test_the_same_seed_gives_the_same_patches() -> None:
    assert (crossed(1) == crossed(1)).all()
    assert (crossed(1) != crossed(2)).any()


def test_without_pictures_the_window_is_unchanged() -> None:
    assert (crossed(1, count=0) == GREY).all()


def middles(window: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Where that which is not grey has its middle, frame by frame, while it is whole in view."""
    changed = (window != 100).any(axis=3)
    edge = changed[:, [0, -1]].any(axis=(1, 2)) | changed[:, :, [0, -1]].any(axis=(1, 2))
    whole = changed.any(axis=(1, 2)) & ~edge
    return np.array([np.argwhere(frame).mean(axis=0) for frame in changed[whole]])


@pytest.mark.parametrize("seed", range(8))
def test_a_patch_moves_in_one_direction(seed: int) -> None:
    steps = [
        np.diff(found, axis=0)
        for number in range(seed, 200, 8)
        if len(found := middles(crossed(number))) > 4
    ]

    assert steps
    for step in steps:
        way = step.mean(axis=0)
        # A border that is soft changes by a pixel as its pixels round.
        assert (step @ way >= -1.5 * np.hypot(*way)).all()


@pytest.mark.parametrize("seed", range(8))
def test_at_twice_the_rate_a_patch_moves_half_as_far_each_frame(seed: int) -> None:
    often = np.full((2 * FRAMES - 1, *GREY.shape[1:]), 100, np.uint8)

    slow, fast = crossed(seed), crossed(seed, window=often, fps=2 * FPS)

    np.testing.assert_allclose(fast[::2].astype(int), slow.astype(int), atol=1)


def test_most_windows_with_patches_differ_from_the_original() -> None:
    changed = [(crossed(seed, count=3) != GREY).any(axis=(1, 2, 3)).mean() for seed in range(30)]

    assert np.mean([share > 0 for share in changed]) > 0.8
    assert np.mean(changed) > 0.4
