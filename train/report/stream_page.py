"""The report of watched streams as one self-contained HTML page."""

from itertools import accumulate

from train.evaluate.event_match import LATE_S, EventMetrics
from train.evaluate.intervals import Interval, wilson
from train.report.charts import Chart, Line, chart
from train.report.render import render
from train.report.stream_chart import stream_chart, worst_streams
from train.report.stream_report import StreamReport

MAX_CHARTS = 8  # streams drawn
MAX_FALSE_ALARMS = 100  # listed; metrics.json has all


def stream_page(report: StreamReport) -> str:
    """The page as HTML."""
    rows = {**report.by_label, "all": report.total} if len(report.by_label) > 1 else report.by_label
    return render(
        "streams.html.jinja",
        report=report,
        total=report.total,
        rows={name: (of, _interval(of)) for name, of in rows.items()},
        footage=report.by_footage if len(report.by_footage) > 1 else {},
        sweep=_sweep_chart(report),
        charts=[stream_chart(one) for one in worst_streams(report.results, MAX_CHARTS)],
        false_alarms=report.false_alarms[:MAX_FALSE_ALARMS],
        late_s=LATE_S,
    )


def _sweep_chart(report: StreamReport) -> Chart:
    """Recall by false alarms, or false alarms by threshold if there are no events."""
    if report.total.events:
        return _front_chart(report)
    rates = [of.false_per_hour for _, of in report.sweep]
    line = Line("false alarms", [threshold for threshold, _ in report.sweep], rates, "c1")
    return chart(
        "False alarms by threshold",
        [line],
        x_label="threshold",
        y_label="false alarms an hour",
        x_range=(0, 1),
        y_range=(0, max(rates) * 1.02 or 1.0),
    )


def _front_chart(report: StreamReport) -> Chart:
    """The most events that can be found at each rate of false alarms.

    A still lower threshold finds fewer events, because an activity that never ends raises no new
    alert.
    """
    found = sorted((of.false_per_hour, of.recall or 0.0) for _, of in report.sweep)
    recalls = list(accumulate((recall for _, recall in found), max))
    # Beyond the highest recall, more false alarms are of no interest.
    shown = recalls.index(recalls[-1]) + 1
    now = report.total.false_per_hour
    most = max(found[shown - 1][0], now) * 1.05 or 1.0
    line = Line("thresholds", [rate for rate, _ in found[:shown]], recalls[:shown], "c0")
    return chart(
        "Recall by false alarms",
        [line],
        x_label="false alarms an hour",
        y_label="events found",
        x_range=(0, most),
        y_range=(0, 1),
        mark=(now, "false alarms under the rules in use"),
    )


def _interval(of: EventMetrics) -> Interval | None:
    return wilson(of.found, of.events) if of.events else None
