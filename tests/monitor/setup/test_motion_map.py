"""Where things move in a picture."""

from collections.abc import Iterator

import numpy as np
import pytest
from av import VideoFrame

from monitor.setup.motion_map import MotionMap

WIDTH, HEIGHT = 640, 360
LOOKS = 60  # half a second each


def looks(*, mover: tuple[int, int] | None, clock: bool = False) -> Iterator[VideoFrame]:
    """Pictures of a wall on which a square stands now here, now there, about a place."""
    wall = np.tile(np.linspace(60, 160, WIDTH, dtype=np.uint8), (HEIGHT, 1))
    for count in range(LOOKS):
        image = wall.copy()
        if clock:
            image[4:20, 20:40] = 250 * (count % 2)
        if mover is not None and (not clock or count >= LOOKS // 2):
            x, y = mover[0] + 24 * (count % 2), mover[1]
            image[y : y + 48, x : x + 24] = 250
        yield VideoFrame.from_ndarray(np.stack([image] * 3, axis=2), "rgb24")


def found(pictures: Iterator[VideoFrame], most: int = LOOKS) -> MotionMap:
    seen = MotionMap()
    for count, picture in zip(range(most), pictures, strict=False):
        seen.see(count / 2, picture)
    return seen


@pytest.mark.parametrize(
    "mover", [(480, 200), (0, 60), (590, 240)], ids=["inside", "left", "right"]
)
def test_the_box_holds_what_moves_and_little_more(mover: tuple[int, int]) -> None:
    box = found(looks(mover=mover)).box
    assert box is not None
    left, top, right, bottom = box
    x, y = mover[0] / WIDTH, mover[1] / HEIGHT
    assert 0 <= left <= x
    assert x + 48 / WIDTH <= right <= 1
    assert 0 <= top <= y
    assert y + 48 / HEIGHT <= bottom <= 1
    assert right - left == pytest.approx(0.25, abs=0.021)
    assert bottom - top == pytest.approx(0.25, abs=0.08)


def test_a_clock_in_the_picture_does_not_count() -> None:
    box = found(looks(mover=(480, 200), clock=True)).box
    assert box is not None
    assert box[0] > 0.5
    assert box[1] > 0.3
    assert found(looks(mover=None, clock=True)).box is None


def test_no_part_is_named_where_all_of_it_moves_or_nothing_or_too_little_was_seen() -> None:
    both = zip(looks(mover=(10, 10)), looks(mover=(580, 300)), strict=True)
    everywhere = (pair[count % 4 // 2] for count, pair in enumerate(both))
    assert found(everywhere).box is None
    assert found(looks(mover=None)).box is None
    assert found(looks(mover=(480, 200)), LOOKS // 2).box is None


def test_a_camera_that_is_set_to_another_size_is_seen_afresh() -> None:
    seen = found(looks(mover=(480, 200)))
    seen.see(100, VideoFrame(320, 240, "gray"))
    assert seen.box is None
