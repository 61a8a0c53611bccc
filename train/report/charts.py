"""The report's pictures: line charts as coordinates for an SVG, frames as data URIs.

Charts are drawn by `chart.svg.jinja` inside the page, so that colours follow its light or dark
scheme, and their text is text.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from train.evaluate.metrics import Calibration, Roc

WIDTH, HEIGHT = 480, 360  # SVG units
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 14, 48
COLOURS = 8  # lines told apart by colour; more than that are drawn thin and grey


@dataclass(frozen=True)
class Line:
    """A curve in data units; `style` is a CSS class of the page."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    style: str


@dataclass(frozen=True)
class Tick:
    """A place on an axis, in SVG units, and what is written there."""

    place: float
    text: str


@dataclass(frozen=True)
class Curve:
    """A curve in SVG units."""

    name: str
    style: str
    points: str
    dots: tuple[tuple[float, float], ...]  # drawn as well where a curve has few points


@dataclass(frozen=True)
class Chart:
    """Everything that the chart template writes down."""

    title: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Curve, ...]
    diagonal: bool
    mark: Tick | None  # a vertical line


def chart(
    title: str,
    lines: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    diagonal: bool = False,
    whole_x: bool = False,
    mark: tuple[float, str] | None = None,
) -> Chart:
    """Lay `lines` out in a plot of the given ranges."""

    def across(x: float) -> float:
        return LEFT + (x - x_range[0]) / (x_range[1] - x_range[0]) * (WIDTH - LEFT - RIGHT)

    def up(y: float) -> float:
        return (
            HEIGHT - BOTTOM - (y - y_range[0]) / (y_range[1] - y_range[0]) * (HEIGHT - BOTTOM - TOP)
        )

    drawn = []
    for line in lines:
        places = tuple(
            (round(across(x), 2), round(up(y), 2))
            for x, y in zip(line.x, line.y, strict=True)
            if math.isfinite(y)
        )
        points = " ".join(f"{x:g},{y:g}" for x, y in places)
        drawn.append(Curve(line.name, line.style, points, places if len(places) <= 12 else ()))
    return Chart(
        title=title,
        x_label=x_label,
        y_label=y_label,
        x_ticks=tuple(
            Tick(round(across(x), 2), f"{x:g}") for x in _round_numbers(*x_range, whole_x)
        ),
        y_ticks=tuple(Tick(round(up(y), 2), f"{y:g}") for y in _round_numbers(*y_range, False)),
        lines=tuple(drawn),
        diagonal=diagonal,
        mark=None if mark is None else Tick(round(across(mark[0]), 2), mark[1]),
    )


def roc_chart(labels: Sequence[str], rocs: Sequence[Roc | None]) -> Chart:
    """One curve a label and, for three labels and more, their mean."""
    coloured = len(labels) <= COLOURS
    lines = [
        Line(
            f"{label}, AUC {curve.auc:.3f}",
            curve.fpr.tolist(),
            curve.tpr.tolist(),
            f"c{index}" if coloured else "thin",
        )
        for index, (label, curve) in enumerate(zip(labels, rocs, strict=True))
        if curve is not None
    ]
    if len(lines) > 2:
        grid = np.linspace(0, 1, 101)
        mean = np.mean([np.interp(grid, c.fpr, c.tpr) for c in rocs if c is not None], axis=0)
        auc = np.mean([curve.auc for curve in rocs if curve is not None])
        lines.append(
            Line(f"mean, AUC {auc:.3f}", [0.0, *grid.tolist()], [0.0, *mean.tolist()], "mean")
        )
    return chart(
        "ROC curves",
        lines,
        x_label="false positive rate",
        y_label="true positive rate",
        x_range=(0, 1),
        y_range=(0, 1),
        diagonal=True,
    )


def calibration_chart(calibration: Calibration) -> Chart:
    """Accuracy against score, a dot for every bin that holds clips."""
    held = np.flatnonzero(calibration.count)
    line = Line(
        "share right",
        calibration.confidence[held].tolist(),
        calibration.accuracy[held].tolist(),
        "c0",
    )
    return chart(
        "Calibration",
        [line],
        x_label="score of the answer",
        y_label="share right",
        x_range=(0, 1),
        y_range=(0, 1),
        diagonal=True,
    )


def history_charts(history: Mapping[str, Sequence[float]]) -> list[Chart]:
    """Loss and accuracy by epoch, training and validation; the best epoch is marked."""
    watched = [value if math.isfinite(value) else math.inf for value in history.get("val_loss", ())]
    mark = None
    if watched:
        best = int(np.argmin(watched)) + 1
        mark = (float(best), f"lowest validation loss: epoch {best}")
    charts = []
    for name in ("loss", "accuracy"):
        lines = [
            Line(words, [float(epoch) for epoch in range(1, len(history[key]) + 1)],
                 history[key], style)
            for key, words, style in ((name, "training", "c0"), (f"val_{name}", "validation", "c1"))
            if history.get(key)
        ]  # fmt: skip
        finite = [y for line in lines for y in line.y if math.isfinite(y)]
        if not finite:
            continue
        charts.append(
            chart(
                name.capitalize(),
                lines,
                x_label="epoch",
                y_label=name,
                x_range=(1, max(2, *(len(line.x) for line in lines))),
                y_range=(0, 1) if name == "accuracy" else (0, max(max(finite) * 1.05, 1e-6)),
                whole_x=True,
                mark=mark,
            )
        )
    return charts


def _round_numbers(low: float, high: float, whole: bool) -> list[float]:
    """About five round numbers from `low` to `high`."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * unit for unit in (1, 2, 2.5, 5, 10) if power * unit >= rough * 0.999)
    if whole:
        step = max(1.0, round(step))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]
