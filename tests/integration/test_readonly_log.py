"""An alert log whose file system becomes read-only while the monitor runs."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from monitor.events.alert_log import AlertLogSink
from monitor.records import Activity
from testkit.disks import mounted, remount
from testkit.films import lively
from testkit.models import contract, motion_model
from testkit.process import har_monitor

QUICK = {"smoothing_s": 0, "min_s": 0, "hold_s": 0, "cooldown_s": 0, "threshold": 0.97}


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_alerts_wait_while_the_file_system_of_the_log_is_read_only(
    fight_clip: Path, tmp_path: Path
) -> None:
    model = motion_model(tmp_path / "m.onnx", contract(frames=5))
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
    assert said.count("read-only file system; alerts wait in memory".capitalize()) == 1
    assert said.count("writing works again") == 1


def test_a_log_that_is_open_when_it_becomes_read_only_gets_what_waited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: int, data: bytes) -> int:  # as of a damaged file system
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    path = tmp_path / "alerts.jsonl"
    log = AlertLogSink(path, model="m", window_s=2.0, max_bytes=1 << 20, keep=2)
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", refuse)
        for number in range(3):
            log.write(Activity(f"{number}", "door", "fight", 1.0, None, 0.9, 0.9, 100.0, 3.0))
        assert log.waiting == 3
        assert path.read_bytes() == b""
    log.flush()
    log.close()
    assert [line["id"] for line in read(path)] == ["0", "1", "2"]
