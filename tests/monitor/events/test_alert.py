"""What an alert says, and its form in JSON."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from monitor.events.alert import AlertEvent
from testkit.alerts import ENDED, NOW, STARTED, alert, made


def written(found: AlertEvent) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(found.model_dump_json())
    return values


def test_a_start_has_every_field() -> None:
    assert written(made(STARTED)) == {
        "schema": "har-monitor.alert.v2",
        "id": "a1",
        "event": "start",
        "camera": "door",
        "region": None,
        "label": "fight",
        "score": 0.9123,
        "peak_score": 0.95,
        "box": None,
        "threshold": 0.6,
        "peak_s": 13.8,
        "trace": [[-0.446, 0.2], [1.954, 0.9123]],
        "time": "2026-05-04T03:02:01.987Z",
        "start_time": "2026-05-04T03:01:59.783Z",  # 0.25 s and 1.954 s before
        "end_time": None,
        "start_s": 12.346,
        "end_s": None,
        "decided_s": 14.3,
        "reason": None,
        "window_s": 2.0,
        "model": "f" * 64,
        "model_name": "fights",
        "shadow": False,
        "latency_ms": 250.0,
    }


def test_an_end_says_when_it_was_and_why() -> None:
    end = written(made(ENDED))
    assert (end["event"], end["id"], end["end_s"], end["reason"]) == (
        "end", "a1", 18.0, "score fell",
    )  # fmt: skip
    assert end["end_time"] == "2026-05-04T03:01:59.737Z"  # 0.25 s and 2 s before
    assert end["start_time"] == "2026-05-04T03:01:54.083Z"  # 0.25 s and 7.654 s before
    assert (end["score"], end["peak_score"]) == (0.2, 0.99)


def test_a_file_says_when_in_it_and_not_when_in_the_world() -> None:
    end = written(made(replace(ENDED, live=False)))
    assert (end["start_time"], end["end_time"]) == (None, None)
    assert (end["start_s"], end["end_s"], end["decided_s"]) == (12.346, 18.0, 20.0)


def test_an_activity_of_a_region_names_it() -> None:
    found = made(replace(STARTED, region="till"))
    assert (found.camera, found.region, found.title) == ("door", "till", "till: fight")
    assert (made(STARTED).region, made(STARTED).title) == (None, "fight")


def test_after_a_kill_nobody_knows_when_it_ended() -> None:
    start, later = made(replace(STARTED, region="till")), NOW + timedelta(hours=1)
    end = start.after_a_kill(later)
    changed = {
        "event": "end", "time": "2026-05-04T04:02:01.987Z", "reason": "monitor died",
        "latency_ms": None,
    }  # fmt: skip
    assert written(end) == written(start) | changed
    assert (end.end_s, end.end_time) == (None, None)


@pytest.mark.parametrize(
    "found",
    [
        made(STARTED),
        made(ENDED),
        made(replace(ENDED, region="till", live=False)),
        made(STARTED).after_a_kill(NOW),
    ],
    ids=["start", "end", "of a file", "after a kill"],
)
def test_an_alert_is_the_same_when_it_is_read_back(found: AlertEvent) -> None:
    text = found.model_dump_json()
    read = AlertEvent.model_validate_json(text)
    assert read.model_dump_json() == text
    assert read == AlertEvent.model_validate(json.loads(text))
    assert AlertEvent.model_validate_json(read.model_dump_json()) == read


def test_times_are_written_in_utc() -> None:
    here = datetime(2026, 5, 4, 5, 2, 1, tzinfo=timezone(timedelta(hours=2)))
    assert written(alert("1", time=here))["time"] == "2026-05-04T03:02:01.000Z"


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "har-monitor.alert.v1"},
        {"event": "begin"},
        {"time": datetime(2026, 5, 4, 3, 2, 1)},
        {"reason": "no reason"},
        {"score": float("nan")},
        {"more": 1},
    ],
    ids=["schema", "event", "time without a zone", "reason", "no number", "unknown field"],
)
def test_what_is_no_alert_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        alert("1", **changes)


def test_an_alert_never_changes() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        alert("1").label = "dance"  # type: ignore[misc]
