"""Where a region lies."""

import numpy as np
import pytest

from monitor.windows.region import Point, Region, area, crosses_itself

LEFT_ARM, RIGHT_ARM = ((0.1, 0.1), (0.3, 0.1), (0.3, 0.6)), ((0.7, 0.6), (0.7, 0.1), (0.9, 0.1))
U_SHAPE = (*LEFT_ARM, *RIGHT_ARM, (0.9, 0.9), (0.1, 0.9))


def test_a_box_has_its_own_bounds_and_is_one() -> None:
    till = Region.box("till", 0.1, 0.4, 0.35, 0.9)
    assert till.bounds == (0.1, 0.4, 0.35, 0.9)
    assert till.is_box
    assert str(till) == "box, 10 to 35 % across, 40 to 90 % down"


def test_a_polygon_lies_within_its_bounds() -> None:
    door = Region("door", ((0.6, 0.2), (0.9, 0.2), (0.9, 0.9), (0.55, 0.9)))
    assert door.bounds == (0.55, 0.2, 0.9, 0.9)
    assert not door.is_box
    assert str(door) == "polygon of 4 points, 55 to 90 % across, 20 to 90 % down"


@pytest.mark.parametrize(
    ("point", "inside"),
    [((0.2, 0.2), True), ((0.5, 0.3), False), ((0.5, 0.8), True), ((0.95, 0.5), False)],
    ids=["arm", "between the arms", "base", "beside"],
)
def test_a_hollow_is_outside(point: Point, inside: bool) -> None:
    x, y = np.array([point[0]]), np.array([point[1]])
    assert Region("u", U_SHAPE).contains(x, y).item() is inside


def test_the_share_of_points_inside_is_the_area() -> None:
    steps = (np.arange(400) + 0.5) / 400
    inside = Region("u", U_SHAPE).contains(steps, steps[:, np.newaxis])
    assert inside.mean() == pytest.approx(area(U_SHAPE), abs=0.003)
    assert area(U_SHAPE) == pytest.approx(0.8 * 0.8 - 0.4 * 0.5)


OUTLINES = {
    "triangle": (((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)), False),
    "edges on one line": (U_SHAPE, False),
    "the other way round": (U_SHAPE[::-1], False),
    "bow tie": (((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)), True),
    "one corner through the far side": (
        ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.5, 0.05), (0.1, 0.9)),
        True,
    ),
}


@pytest.mark.parametrize(("corners", "crosses"), OUTLINES.values(), ids=OUTLINES)
def test_an_outline_that_crosses_itself_is_found(corners: tuple[Point, ...], crosses: bool) -> None:
    assert crosses_itself(corners) is crosses
