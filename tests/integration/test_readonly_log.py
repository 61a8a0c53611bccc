"""An alert log whose file system becomes read-only while the monitor runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from testkit.disks import mounted, remount
from testkit.films import lively
from testkit.models import metadata, motion_model
from testkit.process import har_monitor

QUICK = {"smoothing_s": 0, "min_s": 0, "hold_s": 0, "cooldown_s": 0, "threshold": 0.97}


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.slow
def test_alerts_wait_while_the_file_system_of_the_log_is_read_only(
    fight_clip: Path, tmp_path: Path
) -> None:
    model = motion_model(tmp_path / "m.onnx", metadata(frames=5))
    film = lively(tmp_path / "film.mp4", fight_clip)
    log, health = tmp_path / "disk" / "alerts.jsonl", tmp_path / "health.json"

    def waiting() -> int:
        return int(json.loads(health.read_text())["alerts_waiting"]) if health.exists() else 0

    with (
        mounted(tmp_path / "disk", "size=1m"),
        har_monitor(
            {"c": str(film)}, model, "--log", str(log), folder=tmp_path, activity=QUICK,
            realtime=True,
        ) as process,
    ):  # fmt: skip
        process.wait_for("an alert", lambda: log.exists() and bool(log.read_bytes()))
        # Linux makes no file system read-only that a file is open on for writing, unless it is
        # damaged; so it is another one that takes its place.
        with mounted(tmp_path / "disk", "size=1m,ro"):
            process.wait_for("alerts that wait", lambda: waiting() > 1)
            windows = process.health["c"]["windows"]
            process.wait_for("windows", lambda: process.health["c"]["windows"] > windows)
            assert not log.exists()
            remount(tmp_path / "disk", "rw")
            process.wait_for("the log", lambda: waiting() == 0 and log.exists())
            assert process.end() == 0
            late = read(log)
        said, early = process.said, read(log)
    alerts = early + late
    assert [alert["event"] for alert in alerts] == ["start", "end"] * (len(alerts) // 2)
    assert [one["id"] for one in alerts[::2]] == [one["id"] for one in alerts[1::2]]
    times = [alert["time"] for alert in alerts]
    assert times == sorted(times)
    assert said.count(f"alert log {log}: read-only file system; alerts wait in memory") == 1
    assert said.count("writing works again") == 1
