"""The system's clock, set forward and back while the monitor runs."""

import json
import time
from collections.abc import Iterable, Iterator, Sized
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from monitor.config.options import MonitorOptions
from monitor.events.alert import AlertMaker
from monitor.events.alert_log import AlertLogSink
from monitor.pipeline import lane
from monitor.pipeline.monitor import Monitor
from monitor.recognition.classifier import OnnxClassifier
from monitor.records import Frame, Prediction, Skipped
from monitor.sources.address import Address
from monitor.sources.source import Source
from testkit.fakes import FakeSource, RecordingSink, moving, picture, wait_until
from testkit.models import motion_model
from testkit.patience import LIMIT_S
from testkit.watching import Running

MOVING_S, STILL_S, WINDOW_S = 3.0, 3.0, 2.0
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
STEPS = {"forward": timedelta(days=1), "back": -timedelta(days=2)}


class Clock:
    """A system clock that somebody sets as soon as the first alert was made."""

    def __init__(self, step: timedelta) -> None:
        self._step = step
        self._set = timedelta(0)
        self._began_s = time.monotonic()

    def look(self) -> datetime:
        """What it shows."""
        return NOON + timedelta(seconds=time.monotonic() - self._began_s) + self._set

    def stamp(self) -> datetime:
        """What it shows when an alert is made."""
        shown, self._set = self.look(), self._step
        return shown


def film() -> list[Frame]:
    """Something moves, and then nothing does."""
    later = [picture(MOVING_S + n / 10) for n in range(round(STILL_S * 10))]
    return moving(MOVING_S) + later


def wait_for(windows: Sized, count: int) -> None:
    wait_until(lambda: len(windows) >= count)


def paced(pictures: Iterable[Frame], windows: Sized) -> Iterator[Frame]:
    """Each at its time, as a camera gives them, but none before the windows so far are known."""
    began_s = time.monotonic()
    for index, one in enumerate(pictures):
        wait_for(windows, (index - 20) // 5 + 1)  # two seconds, every half second
        time.sleep(max(0.0, began_s + one.time_s - time.monotonic()))
        yield one


def watch(
    step: timedelta, address: str, folder: Path, patch: pytest.MonkeyPatch
) -> tuple[list[dict[str, Any]], dict[float, str]]:
    """The lines of the alert log, and what became of each window, by its end."""
    clock, path = Clock(step), folder / f"{step.days}.jsonl"
    patch.setattr(time, "time", lambda: clock.look().timestamp())
    live = address.startswith("rtsp")
    classifier = OnnxClassifier(motion_model(folder / "m.onnx"))
    windows: dict[float, str] = {}

    def note(window: Prediction | Skipped) -> None:
        scores = {window.reason: 1.0} if isinstance(window, Skipped) else window.scores
        windows[round(window.end_s, 3)] = max(scores, key=scores.__getitem__)

    def make(address: Address, settings: object) -> Source:
        return FakeSource(paced(film(), windows) if live else film())

    options = {
        "cameras": [{"name": "a", "source": address}],
        "defaults": {
            "activity": {"smoothing_s": 0, "min_s": 0, "cooldown_s": 0, "hold_s": 0},
            "windows": {"quality": False},
        },
    }
    patch.setattr(lane, "AlertMaker", partial(AlertMaker, now=clock.stamp))
    log = AlertLogSink(path, max_bytes=1 << 20, keep=1)
    sink = RecordingSink()
    monitor = Monitor(
        MonitorOptions.model_validate(options), classifier, [log, sink], make=make, on_window=note
    )
    with Running(monitor):
        sink.wait_for(2)
    return [json.loads(line) for line in path.read_text().splitlines()], windows


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("clip.mp4", id="file"),
        pytest.param("rtsp://a/", id="live", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_clock_that_is_set_changes_neither_windows_nor_durations(
    step: timedelta, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts, windows = watch(step, address, tmp_path, monkeypatch)
    right, as_ever = watch(timedelta(0), address, tmp_path, monkeypatch)
    both = windows.keys() & as_ever.keys()  # where it was stopped is by chance
    assert len(both) > 5
    assert [windows[end_s] for end_s in both] == [as_ever[end_s] for end_s in both]
    for found, expected in zip(alerts, right, strict=True):
        for field in ("event", "label", "start_s", "end_s", "score", "peak_score", "reason"):
            assert found[field] == expected[field], field
        assert 0 <= found["latency_ms"] < 1000 * LIMIT_S
    start, end = alerts
    assert end["end_s"] - start["start_s"] == pytest.approx(MOVING_S, abs=WINDOW_S)
    passed = datetime.fromisoformat(end["time"]) - datetime.fromisoformat(start["time"])
    assert abs(passed - step) < timedelta(hours=1), "the clock was set, indeed"
