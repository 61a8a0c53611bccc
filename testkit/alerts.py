"""Alerts as tests need them, without anything that they are made from."""

from datetime import UTC, datetime
from typing import Any

from monitor.events.alert import AlertEvent


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
