"""Line charts over a number of cameras, as SVG files for light and dark pages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 560, 320  # SVG units
LEFT, RIGHT, TOP, BOTTOM = 60, 190, 16, 44
COLOURS = ("#0b7285", "#e8590c", "#7048e8", "#868e96", "#2b8a3e", "#c2255c")


@dataclass(frozen=True)
class Curve:
    """One line: a value for each number of cameras."""

    name: str
    points: tuple[tuple[int, float], ...]
    dashed: bool = False


@dataclass(frozen=True)
class Drawn:
    """A curve in SVG units."""

    name: str
    colour: str
    dashed: bool
    points: tuple[tuple[float, float], ...]
    legend_y: float


@dataclass(frozen=True)
class Chart:
    """What the template draws."""

    title: str
    y_label: str
    x_ticks: tuple[tuple[float, str], ...]  # position, text
    y_ticks: tuple[tuple[float, str], ...]
    curves: tuple[Drawn, ...]
    limit_y: float | None


def chart(title: str, y_label: str, curves: Sequence[Curve], limit: float | None = None) -> Chart:
    """Lay the curves out: doublings of cameras are equally far apart, values start at 0."""
    counts = sorted({cameras for curve in curves for cameras, _ in curve.points})
    highest = max([value for curve in curves for _, value in curve.points] + [limit or 0.0])
    step = _step(highest)
    top = step * math.ceil(highest / step)
    low, high = math.log2(counts[0]), math.log2(counts[-1])

    def across(cameras: int) -> float:
        share = (math.log2(cameras) - low) / (high - low) if high > low else 0.5
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def up(value: float) -> float:
        return round(HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP), 1)

    return Chart(
        title,
        y_label,
        tuple((across(cameras), str(cameras)) for cameras in counts),
        tuple((up(step * n), f"{step * n:g}") for n in range(round(top / step) + 1)),
        tuple(
            Drawn(
                curve.name,
                COLOURS[place % len(COLOURS)],
                curve.dashed,
                tuple((across(cameras), up(value)) for cameras, value in sorted(curve.points)),
                TOP + 10 + 20 * place,
            )
            for place, curve in enumerate(curves)
        ),
        None if limit is None else up(limit),
    )


def _step(highest: float) -> float:
    """A round distance of the ticks, so that there are four to eight."""
    rough = max(highest, 1e-9) / 5
    size = 10.0 ** math.floor(math.log10(rough))
    return next(size * round_ for round_ in (1, 2, 2.5, 5, 10) if size * round_ >= rough)
