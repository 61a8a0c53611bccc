"""The trace of an event as it is drawn."""

from datetime import UTC, datetime

import pytest

from monitor.evidence.folder import EvidenceFacts, StripFacts
from monitor.store.event import Event, Origin, Review
from monitor.web.charts import TraceChart, trace_chart


def event(*trace: tuple[float, float]) -> Event:
    """An activity from 10 to 20 s."""
    facts = dict.fromkeys(Event.model_fields)
    given = {
        "id": "a", "camera": "door", "label": "fight", "model": "f", "model_name": "fights",
        "at": datetime(2026, 5, 4, tzinfo=UTC), "start_s": 10.0, "end_s": 20.0, "window_s": 2.0,
        "score": 0.9, "peak_score": 0.9, "threshold": 0.5, "trace": trace, "note": "",
        "review": Review.UNREVIEWED, "marked": False, "origin": Origin.ALERT,
    }  # fmt: skip
    return Event.model_validate(facts | given)


def drawn(*trace: tuple[float, float]) -> TraceChart:
    strip = StripFacts(start_s=12.0, end_s=14.0, pictures=20, columns=10, rows=2)
    chart = trace_chart(event(*trace), EvidenceFacts(strip=strip))
    assert chart is not None
    return chart


def test_times_and_scores_have_their_places() -> None:
    chart = drawn((-5.0, 0.0), (0.0, 0.5), (10.0, 1.0))
    points = [tuple(map(float, point.split(","))) for point in chart.points.split()]
    assert points[0] == (chart.left, chart.bottom)
    assert points[-1] == (chart.right, chart.top)
    assert points[1][1] == chart.threshold
    assert chart.start_s == 5.0, "of the camera's axis"
    assert chart.start_s + (chart.right - chart.left) * chart.unit_s == pytest.approx(20.0)
    assert chart.strip is not None
    assert chart.strip[0] == pytest.approx(chart.left + 7 / chart.unit_s, abs=0.1)


@pytest.mark.parametrize("last_s", [0.5, 60.0, 3600.0, 20 * 86_400.0])
def test_there_are_few_marks_however_long_it_lasted(last_s: float) -> None:
    assert 1 <= len(drawn((0.0, 0.9), (last_s, 0.9)).xs) <= 11


def test_what_no_har_monitor_writes_is_not_drawn_or_stays_inside() -> None:
    for last_s in (1e9, 1e308):
        assert trace_chart(event((-last_s, 0.0), (last_s, 0.5)), EvidenceFacts()) is None
    assert trace_chart(event(), EvidenceFacts()) is None
    chart = drawn((0.0, -7.0), (1.0, 1e308))
    ys = [float(point.split(",")[1]) for point in chart.points.split()]
    assert ys == [chart.bottom, chart.top]
