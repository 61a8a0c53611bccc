"""The alert log on disk."""

import contextlib
import errno
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from monitor.errors import SinkError
from monitor.events.alert_log import AlertLogSink
from monitor.records import Activity

START = Activity(
    "a1", "door", "fight", 12.3456, None, 0.91234, 0.95, arrived_s=100.0, decided_s=14.3
)
END = Activity("a1", "door", "fight", 12.3456, 18.0, 0.2, 0.99, arrived_s=106.0, decided_s=20.0)


def sink(path: Path, **changes: Any) -> AlertLogSink:
    values: dict[str, Any] = {
        "model": "f" * 64,
        "window_s": 2.0,
        "max_bytes": 1 << 20,
        "keep": 2,
        "now": lambda: datetime(2026, 5, 4, 3, 2, 1, 987654, UTC),
        "clock": lambda: 100.25,
    }
    return AlertLogSink(path, **(values | changes))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_start_is_one_whole_line_with_every_field(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    log = sink(path)
    log.write(START)
    assert lines(path) == [
        {
            "schema": "har-monitor.alert.v1",
            "id": "a1",
            "event": "start",
            "camera": "door",
            "region": None,
            "label": "fight",
            "score": 0.9123,
            "peak_score": 0.95,
            "time": "2026-05-04T03:02:01.987Z",
            "start_time": "2026-05-04T03:01:59.783Z",  # 0.25 s and 1.954 s before
            "end_time": None,
            "start_s": 12.346,
            "end_s": None,
            "reason": None,
            "window_s": 2.0,
            "model": "f" * 64,
            "latency_ms": 250.0,
        }
    ], "written at once, not when it is closed"
    log.close()


def test_an_activity_of_a_region_names_it(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    log = sink(path)
    log.write(replace(START, region="till"))
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
    size = len(json.dumps({})) + 330
    log = sink(path, max_bytes=2 * size)
    for number in range(12):
        log.write(Activity(f"{number:02}", "door", "fight", 1.0, None, 0.9, 0.9, 100.0, 3.0))
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


def test_alerts_wait_for_room_on_a_full_disk_and_keep_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "alerts.jsonl"
    log = sink(path)
    log.write(START)
    real = os.write
    full = True
    room = 10  # a disk takes what still fits, and nothing after that

    def write(file: int, data: bytes) -> int:
        nonlocal room
        if not full:
            return real(file, data)
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken, room = real(file, data[:room]), 0
        return taken

    monkeypatch.setattr(os, "write", write)
    log.write(END)
    log.write(START)
    full = False
    log.write(END)
    log.close()
    assert [line["event"] for line in lines(path)] == ["start", "end", "start", "end"]
    warnings = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    assert warnings == [
        f"{path}: no room for a whole line; alerts wait in memory",
        f"{path}: writing works again",
    ]


def test_what_a_label_holds_cannot_break_a_line(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    log = sink(path)
    log.write(Activity("1", 'do"or\n\x1b[31m', "fi\u2028ght", 0.0, None, 0.9, 0.9, 100.0, 2.0))
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


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A pipe that is full, and the end to read it from."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4095 + b"\n")
    os.close(writer)
    yield path, reader
    os.close(reader)


def test_a_pipe_that_nobody_reads_holds_nobody_up(pipe: tuple[Path, int]) -> None:
    path, _ = pipe
    log = sink(path)
    log.write(START)
    log.write(END)
    with pytest.raises(SinkError) as caught:
        log.close()
    assert str(caught.value) == f"alert log {path}: 2 lines could not be written"


def test_a_pipe_that_is_read_again_gets_what_waited(pipe: tuple[Path, int]) -> None:
    path, reader = pipe
    log = sink(path)
    log.write(START)
    with contextlib.suppress(BlockingIOError):
        while os.read(reader, 1 << 20).endswith(b"x\n"):
            pass
    log.write(END)
    log.close()
    assert [json.loads(line)["event"] for line in os.read(reader, 1 << 16).splitlines()] == [
        "start",
        "end",
    ]


def test_a_file_says_when_in_it_and_not_when_in_the_world(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    log = sink(path)
    log.write(replace(END, live=False, reason="file ended"))
    log.close()
    (line,) = lines(path)
    assert (line["start_time"], line["end_time"]) == (None, None)
    assert (line["start_s"], line["end_s"], line["reason"]) == (12.346, 18.0, "file ended")


def test_what_a_killed_monitor_left_open_is_ended_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    log = sink(path)
    log.write(START)
    log.write(END)
    log.write(replace(START, id="a2", region="till"))
    log._file.close()  # as the kernel does for a killed process
    sink(path).close()
    found = lines(path)
    assert [(line["event"], line["id"]) for line in found] == [
        ("start", "a1"), ("end", "a1"), ("start", "a2"), ("end", "a2"),
    ]  # fmt: skip
    assert found[-1]["reason"] == "monitor died"
    assert found[-1]["end_s"] is None, "nobody knows"
    assert (found[-1]["camera"], found[-1]["region"]) == ("door", "till")
    sink(path).close()
    assert lines(path) == found, "once"


def test_what_was_rotated_before_the_monitor_was_killed_is_ended_too(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    log = sink(path)
    log.write(START)
    log.close()
    path.rename(tmp_path / "alerts.jsonl.1")
    sink(path).close()
    assert [(line["event"], line["id"]) for line in lines(path)] == [("end", "a1")]


@pytest.mark.parametrize(
    "foreign",
    [
        b"no json\n",
        b'{"schema": "har-monitor.alert.v1", "event": "start"}\n',
        b'{"schema": "har-monitor.alert.v1", "event": "start", "id": 7}\n',
        b'{"schema": "another", "event": "start", "id": "x"}\n',
        b'{"schema": "har-monitor.alert.v1", "event": "start", "id": "x"\n',
        b"[" * 50_000 + b"\n",
        b"x" * 200_000 + b"\n",
        b"\xff\xfe\x00\n",
    ],
    ids=["words", "no id", "a number", "schema", "torn", "deep", "long", "bytes"],
)
def test_what_others_wrote_into_the_log_is_passed_over(tmp_path: Path, foreign: bytes) -> None:
    path = tmp_path / "alerts.jsonl"
    log = sink(path)
    log.write(START)
    log.close()
    path.write_bytes(foreign + path.read_bytes() + foreign)
    sink(path).close()
    assert path.read_bytes().count(b'"monitor died"') == 1


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


def test_waiting_alerts_are_written_without_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "alerts.jsonl"
    log = sink(path)
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", lambda file, data: 0)
        log.write(START)
        assert log.waiting == 1
    log.flush()
    assert (log.waiting, len(lines(path))) == (0, 1)
    log.close()


def test_numbers_that_json_does_not_have_stop_no_start(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    head = '{"schema": "har-monitor.alert.v1", "event": "start", "id": "x"'
    path.write_text(head + ', "score": NaN, "more": [Infinity, {"far": 1e999}]}\n')
    sink(path).close()
    end = json.loads(path.read_text().splitlines()[-1])
    assert (end["event"], end["id"], end["score"]) == ("end", "x", None)
    assert end["more"] == [None, {"far": None}]
