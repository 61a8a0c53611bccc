"""The coordinates of line charts."""

import re

import pytest

from train.report.charts import Chart, Line, chart, svg_file


def cameras_chart(limit: float | None = None) -> Chart:
    return chart(
        "t",
        [
            Line("a", (1, 4, 16), (0.1, 0.4, 1.6), "c0"),
            Line("<b>", (1, 16), (0.2, 1.0), "c1 dashed"),
        ],
        x_label="cameras",
        y_label="cores",
        x_range=(1, 16),
        y_range=(0, 2),
        x_ticks=(1, 4, 16),
        log_x=True,
        limit=limit,
    )


def test_equal_factors_are_equally_far_apart_on_a_logarithmic_axis() -> None:
    drawn = cameras_chart(limit=2)

    (first, _), (second, _), (third, _) = drawn.lines[0].dots
    assert second - first == pytest.approx(third - second, abs=0.1)
    assert [tick.text for tick in drawn.x_ticks] == ["1", "4", "16"]
    assert drawn.limit is not None
    assert drawn.limit <= min(y for _, y in drawn.lines[0].dots)


def test_a_single_value_on_the_axis_is_in_the_middle() -> None:
    drawn = chart(
        "t",
        [Line("a", (4,), (1.0,), "c0")],
        x_label="x",
        y_label="y",
        x_range=(4, 4),
        y_range=(0, 2),
        x_ticks=(4,),
        log_x=True,
    )

    ((x, _),) = drawn.lines[0].dots
    assert x == drawn.x_ticks[0].place == pytest.approx((56 + 466) / 2)


def test_a_value_that_is_not_finite_leaves_a_gap() -> None:
    drawn = chart(
        "t",
        [Line("a", (1, 2, 3), (0.5, float("nan"), 0.5), "c0")],
        x_label="x",
        y_label="y",
        x_range=(1, 3),
        y_range=(0, 1),
    )

    assert len(drawn.lines[0].dots) == 2


def test_a_chart_as_a_file_has_a_legend_and_escapes_names() -> None:
    text = svg_file(cameras_chart(limit=2))

    assert text.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert 'class="limit"' in text
    assert re.findall(r'<text x="514"[^>]*>([^<]*)<', text) == ["a", "&lt;b&gt;"]
