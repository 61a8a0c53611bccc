"""A named part of a camera's picture: where it lies, whatever the size of the picture."""

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]  # x, y in fractions of the picture's width and height


@dataclass(frozen=True)
class Region:
    """A polygon; a box is one whose four corners are those of its bounds."""

    name: str
    corners: tuple[Point, ...]  # three or more, in their order along the outline

    @staticmethod
    def box(name: str, left: float, top: float, right: float, bottom: float) -> "Region":
        """The region between these fractions of the picture."""
        return Region(name, ((left, top), (right, top), (right, bottom), (left, bottom)))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the smallest box around it."""
        xs, ys = zip(*self.corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    @property
    def is_box(self) -> bool:
        """Whether nothing within its bounds lies outside it."""
        return self.corners == Region.box("", *self.bounds).corners

    def contains(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of these points lie inside, by the even-odd rule; `x` and `y` are broadcast."""
        inside = np.zeros(np.broadcast_shapes(x.shape, y.shape), np.bool_)
        for (x0, y0), (x1, y1) in _edges(self.corners):
            if y0 != y1:
                between = (y0 > y) != (y1 > y)
                inside ^= between & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
        return inside

    def __str__(self) -> str:
        left, top, right, bottom = (f"{100 * side:g}" for side in self.bounds)
        kind = "box" if self.is_box else f"polygon of {len(self.corners)} points"
        return f"{kind}, {left} to {right} % across, {top} to {bottom} % down"


def crosses_itself(corners: tuple[Point, ...]) -> bool:
    """Whether two edges of an outline cross each other; one that only touches itself does not."""
    edges = list(_edges(corners))
    return any(
        _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0
        for (a, b), (c, d) in combinations(edges, 2)
    )


def area(corners: tuple[Point, ...]) -> float:
    """The share of the picture within an outline that does not cross itself."""
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in _edges(corners))) / 2


def _edges(corners: tuple[Point, ...]) -> "pairwise[tuple[Point, Point]]":
    return pairwise((*corners, corners[0]))


def _turn(a: Point, b: Point, c: Point) -> float:
    """Above 0 if a, b, c turn one way, below 0 the other way, 0 on a line."""
    cross_product = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return round(cross_product, 9)  # fractions such as 0.1 are not exact
