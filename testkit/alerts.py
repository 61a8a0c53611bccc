"""Alerts as tests need them: of an activity, or without anything that they are made from."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from monitor.events.alert import AlertEvent, AlertMaker
from monitor.records import Activity
from monitor.states import EndReason

NOW = datetime(2026, 5, 4, 3, 2, 1, 987654, UTC)
STARTED = Activity(
    "a1",
    "door",
    "fight",
    12.3456,
    None,
    0.91234,
    0.95,
    arrived_s=100.0,
    decided_s=14.3,
    threshold=0.6,
    peak_s=13.8,
    trace=((11.9, 0.2), (14.3, 0.91234)),
)
ENDED = replace(
    STARTED, end_s=18.0, score=0.2, peak_score=0.99, decided_s=20.0, reason=EndReason.SCORE_FELL
)


def made(activity: Activity) -> AlertEvent:
    """The alert that is made a quarter of a second after the frame that decided it."""
    return AlertMaker("f" * 64, "fights", 2.0, lambda: NOW, lambda: 100.25).make(activity)


def alert(name: str, **changes: Any) -> AlertEvent:
    """The start of an activity with this id."""
    values: dict[str, Any] = {
        "id": name,
        "event": "start",
        "camera": "door",
        "label": "fight",
        "score": 0.9,
        "peak_score": 0.9,
        "time": datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC),
        "start_s": 1.0,
        "decided_s": 3.0,
        "window_s": 2.0,
        "model": "f" * 64,
        "model_name": "fights",
        "latency_ms": 9.0,
    }
    return AlertEvent.model_validate(values | changes)
