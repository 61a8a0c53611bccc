"""Line charts as SVG: inside a page, or as a file of their own with a legend.

`chart` computes SVG coordinates, `chart.svg.jinja` draws them. Inside a page the colours follow its
light or dark scheme, and text is text.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from train.evaluate.metrics import Calibration, Roc
from train.report.render import render

WIDTH, HEIGHT = 480, 360  # SVG units
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 14, 48
COLOURS = 8  # lines told apart by colour; more than that are drawn thin and grey


@dataclass(frozen=True)
class Line:
    """A line in data units; `style` names CSS classes of chart.css.jinja."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    style: str


@dataclass(frozen=True)
class Tick:
    """A position on an axis, in SVG units, and its text."""

    place: float
    text: str


@dataclass(frozen=True)
class Curve:
    """A line in SVG units."""

    name: str
    style: str
    points: str
    dots: tuple[tuple[float, float], ...]  # the points again, if they are few


@dataclass(frozen=True)
class Chart:
    """The values that the chart template needs."""

    title: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Curve, ...]
    diagonal: bool
    mark: Tick | None  # a vertical line
    limit: float | None  # height of a horizontal line


def chart(
    title: str,
    lines: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    x_ticks: Sequence[float] | None = None,
    log_x: bool = False,
    diagonal: bool = False,
    mark: tuple[float, str] | None = None,
    limit: float | None = None,
) -> Chart:
    """Lay `lines` out in a plot of the given ranges; by default the ticks are round numbers."""
    first, last = (math.log(x) for x in x_range) if log_x else x_range

    def across(x: float) -> float:
        share = ((math.log(x) if log_x else x) - first) / (last - first) if last > first else 0.5
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 2)

    def up(y: float) -> float:
        share = (y - y_range[0]) / (y_range[1] - y_range[0])
        return round(HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP), 2)

    curves = []
    for line in lines:
        pairs = zip(line.x, line.y, strict=True)
        places = tuple((across(x), up(y)) for x, y in pairs if math.isfinite(y))
        points = " ".join(f"{x:g},{y:g}" for x, y in places)
        curves.append(Curve(line.name, line.style, points, places if len(places) <= 12 else ()))
    shown = _round_numbers(*x_range) if x_ticks is None else x_ticks
    return Chart(
        title=title,
        x_label=x_label,
        y_label=y_label,
        x_ticks=tuple(Tick(across(x), f"{x:g}") for x in shown),
        y_ticks=tuple(Tick(up(y), f"{y:g}") for y in _round_numbers(*y_range)),
        lines=tuple(curves),
        diagonal=diagonal,
        mark=None if mark is None else Tick(across(mark[0]), mark[1]),
        limit=None if limit is None else up(limit),
    )


def svg_file(drawn: Chart) -> str:
    """A chart as the content of an SVG file, with a legend, for light and dark pages."""
    return render("chart_file.svg.jinja", chart=drawn)


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
        epochs = max(2, *(len(line.x) for line in lines))
        charts.append(
            chart(
                name.capitalize(),
                lines,
                x_label="epoch",
                y_label=name,
                x_range=(1, epochs),
                y_range=(0, 1) if name == "accuracy" else (0, max(max(finite) * 1.05, 1e-6)),
                x_ticks=_round_numbers(1, epochs, whole=True),
                mark=mark,
            )
        )
    return charts


def _round_numbers(low: float, high: float, whole: bool = False) -> list[float]:
    """About five round numbers from `low` to `high`."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * unit for unit in (1, 2, 2.5, 5, 10) if power * unit >= rough * 0.999)
    if whole:
        step = max(1.0, round(step))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]
