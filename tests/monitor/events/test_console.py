"""What a person in front of the screen is told."""

import logging

import pytest

from monitor.events.console import ConsoleSink
from testkit.alerts import alert


def test_a_start_warns_and_an_end_informs(caplog: pytest.LogCaptureFixture) -> None:
    sink = ConsoleSink()
    start = alert("1", region="till", start_s=12.34, score=0.917)
    end = alert(
        "1", region="till", event="end", start_s=12.34, end_s=18.0, peak_score=0.99,
        reason="score fell",
    )  # fmt: skip
    with caplog.at_level(logging.INFO):
        for one in (start, end, start.after_a_kill(start.time), alert("2")):
            sink.write(one)
        sink.close()
        sink.close()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "ALERT door/till: fight started at 12.3 s, score 0.92"),
        ("INFO", "camera door/till: fight ended at 18.0 s after 5.7 s, highest score 0.99"),
        ("INFO", "camera door/till: fight ended: har-monitor was killed"),
        ("WARNING", "ALERT door: fight started at 1.0 s, score 0.90"),
    ]
