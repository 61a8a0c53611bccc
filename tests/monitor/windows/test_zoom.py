import cv2
import numpy as np
import pytest

from monitor.windows.zoom import halved, moving_part, views

STILL = np.random.default_rng(1).integers(0, 256, (1, 128, 128, 3), np.uint8).repeat(6, axis=0)


def with_movement(top: int, left: int, side: int = 10) -> np.ndarray:
    """A still clip in which a square flickers."""
    clip = STILL.copy()
    clip[::2, top : top + side, left : left + side] = 255
    clip[1::2, top : top + side, left : left + side] = 0
    return clip


def test_the_whole_is_the_rounded_mean_of_four_pixels_each() -> None:
    clip = with_movement(20, 70)

    blocks = clip.astype(float).reshape(6, 64, 2, 64, 2, 3).mean(axis=(2, 4))

    assert np.array_equal(halved(clip), np.floor(blocks + 0.5))
    assert halved(clip).dtype == np.uint8


@pytest.mark.parametrize("size", [64, 128, 160])
def test_the_part_has_the_rounded_areas_of_its_pixels(size: int) -> None:
    clip = np.random.default_rng(size).integers(0, 256, (3, size, size, 3), np.uint8)

    (whole, part), _ = views(clip)
    top, left = moving_part(whole)

    seen = clip[:, top : top + size * 5 // 8, left : left + size * 5 // 8].astype(int)
    fifths = np.array(((4, 1, 0, 0, 0), (0, 3, 2, 0, 0), (0, 0, 2, 3, 0), (0, 0, 0, 1, 4)))
    fives = seen.reshape(3, size // 8, 5, size // 8, 5, 3)
    sums = np.einsum("tyaxbc,pa,qb->typxqc", fives, fifths, fifths)
    assert np.array_equal(part, ((sums + 12) // 25).reshape(part.shape))


@pytest.mark.parametrize("place", [(0, 0), (20, 70), (60, 60), (118, 118), (0, 118), (101, 3)])
def test_the_part_that_moves_is_seen_as_an_area_average(place: tuple[int, int]) -> None:
    clip = with_movement(*place)

    (whole, part), box = views(clip)
    top, left = moving_part(whole)

    assert whole.shape == part.shape == (6, 64, 64, 3)
    seen = clip[:, top : top + 80, left : left + 80]
    expected = [cv2.resize(frame, (64, 64), interpolation=cv2.INTER_AREA) for frame in seen]
    assert np.abs(np.subtract(part, expected, dtype=np.int16)).max() <= 1
    assert box == (left / 128, top / 128, (left + 80) / 128, (top + 80) / 128)
    assert top <= place[0] <= place[0] + 10 <= top + 80
    assert left <= place[1] <= place[1] + 10 <= left + 80


def test_of_two_places_the_one_that_moves_more_is_seen() -> None:
    clip = with_movement(5, 5, side=8)
    clip[:, 90:110, 90:110] = with_movement(90, 90, side=20)[:, 90:110, 90:110]

    top, left = moving_part(halved(clip))

    assert top >= 110 - 80
    assert left >= 110 - 80


def test_what_all_of_the_picture_does_is_no_movement() -> None:
    clip = with_movement(100, 20, side=12) // 2
    clip[1::2] += 60

    top, left = moving_part(halved(clip))

    assert top <= 100 <= 112 <= top + 80
    assert left <= 20 <= 32 <= left + 80


def test_a_clip_in_which_nothing_moves_has_a_part_too() -> None:
    seen, _ = views(STILL)
    assert seen.shape == (2, 6, 64, 64, 3)
