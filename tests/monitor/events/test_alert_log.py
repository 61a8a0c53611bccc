"""The alert log on disk."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitor.errors import SinkError
from monitor.events.alert_log import AlertLogSink
from monitor.states import EndReason
from testkit.alerts import ENDED, STARTED, alert, made

START, END = made(STARTED), made(ENDED)


def sink(path: Path, *, max_bytes: int = 1 << 20, keep: int = 2) -> AlertLogSink:
    return AlertLogSink(path, max_bytes=max_bytes, keep=keep)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_start_is_one_whole_line_with_every_field(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    log = sink(path)
    log.write(START)
    assert lines(path) == [
        {
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
    ], "written at once, not when it is closed"
    log.close()


def test_an_activity_of_a_region_names_it(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    log = sink(path)
    log.write(made(replace(STARTED, region="till")))
    log.close()
    assert [(line["camera"], line["region"]) for line in lines(path)] == [("door", "till")]


def test_an_end_carries_the_id_of_its_start(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    log = sink(path)
    log.write(START)
    log.write(END)
    log.close()
    log.close()
    start, end = lines(path)
    assert (end["event"], end["id"], end["end_s"]) == ("end", start["id"], 18.0)


def test_an_older_log_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    for _ in range(2):
        log = sink(path)
        log.write(START)
        log.write(END)
        log.close()
    assert len(lines(path)) == 4


def test_a_torn_last_line_stays_apart_from_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "alerts.jsonl"
    path.write_text('{"schema": "har-')
    log = sink(path)
    log.write(START)
    log.close()
    torn, whole = path.read_text().splitlines()
    assert torn == '{"schema": "har-'
    assert json.loads(whole)["id"] == "a1"
    assert "its last line is not whole" in caplog.text


def test_a_full_log_is_rotated_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    size = len(alert("00").model_dump_json()) + 1
    log = sink(path, max_bytes=2 * size)
    for number in range(12):
        log.write(alert(f"{number:02}"))
    log.close()
    kept = sorted(tmp_path.iterdir())
    assert [file.name for file in kept] == ["alerts.jsonl", "alerts.jsonl.1", "alerts.jsonl.2"]
    ids = [line["id"] for file in reversed(kept) for line in lines(file)]
    assert ids == [f"{number:02}" for number in range(12)][-len(ids) :], "the newest, in order"
    assert all(file.stat().st_size <= 2 * size for file in kept)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(lambda p: p / "none" / "a.jsonl", "no such file or directory", id="no folder"),
        pytest.param(lambda p: p, "is a directory", id="a folder"),
    ],
)
def test_a_path_that_cannot_be_written_is_an_error(
    tmp_path: Path, make: Any, expected: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(SinkError) as caught:
        sink(path)
    assert str(caught.value) == f"alert log {path}: {expected}"


def test_a_full_disk_takes_no_part_of_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "alerts.jsonl"
    log = sink(path)
    log.write(START)
    real = os.write
    room = 10  # a disk takes what still fits, and nothing after that

    def write(file: int, data: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken, room = real(file, data[:room]), 0
        return taken

    with monkeypatch.context() as full:
        full.setattr(os, "write", write)
        for said in ("no room for a whole line", "no space left on device"):
            with pytest.raises(SinkError) as caught:
                log.write(END)
            assert str(caught.value) == f"alert log {path}: {said}"
            assert len(lines(path)) == 1
    log.write(END)
    log.close()
    assert [line["event"] for line in lines(path)] == ["start", "end"]


def test_what_a_label_holds_cannot_break_a_line(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    log = sink(path)
    log.write(alert("1", camera='do"or\n\x1b[31m', label="fi\u2028ght"))
    log.close()
    (line,) = path.read_bytes().splitlines()
    assert json.loads(line)["camera"] == 'do"or\n\x1b[31m'
    assert b"\x1b" not in line


def test_the_log_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    sink(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_log_that_was_moved_away_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    log = sink(path)
    log.write(START)
    path.rename(tmp_path / "moved.jsonl")
    log.write(END)
    path.unlink()
    log.write(START)
    log.close()
    assert [line["event"] for line in lines(tmp_path / "moved.jsonl")] == ["start"]
    assert [line["event"] for line in lines(path)] == ["start"]


def test_a_rotation_that_is_refused_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*paths: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    path = tmp_path / "alerts.jsonl"
    log = sink(path, max_bytes=400)
    monkeypatch.setattr(os, "replace", refuse)
    for _ in range(5):
        log.write(START)
    log.close()
    assert len(lines(path)) == 5
    assert caplog.text.count("cannot be rotated: Permission denied; it grows on") == 1


def test_a_file_says_when_in_it_and_not_when_in_the_world(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    log = sink(path)
    ended = replace(STARTED, end_s=18.0, live=False, reason=EndReason.FILE_ENDED)
    log.write(made(ended))
    log.close()
    (line,) = lines(path)
    assert (line["start_time"], line["end_time"]) == (None, None)
    assert (line["start_s"], line["end_s"], line["reason"]) == (12.346, 18.0, "file ended")


def test_a_second_monitor_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    log = sink(path)
    with pytest.raises(SinkError, match="another har-monitor writes to it; give each its own log"):
        sink(path)
    log.close()
    sink(path).close()


def test_a_log_that_was_rotated_is_locked_again(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    log = sink(path, max_bytes=700)
    for _ in range(3):
        log.write(START)
    assert (tmp_path / "alerts.jsonl.1").exists()
    with pytest.raises(SinkError, match="another"):
        sink(path)
    log.close()
