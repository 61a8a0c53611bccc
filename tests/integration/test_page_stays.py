"""When the files have ended, the page stays: with an error, too, which is the exit code at last."""

import json
import re
import signal
import urllib.request
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from testkit.models import motion_model
from testkit.patience import LIMIT_S
from testkit.process import Process, har_monitor, write_config

LOGS = [{"type": "log", "path": "alerts.jsonl"}, {"type": "log", "path": "/dev/full"}]
FULL = "error: alert log /dev/full: 2 alerts were not written: no space left on device"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return motion_model(tmp_path_factory.mktemp("model") / "motion.onnx")


def watching(
    folder: Path, model: Path, source: Path, **options: Any
) -> AbstractContextManager[Process]:
    return har_monitor({"film": str(source)}, model, folder=folder, web={"port": 0}, **options)


def events(process: Process) -> list[str]:
    """Of which cameras the page knows events."""
    (url,) = re.findall(r"the page is at (\S+)$", process.said, re.M)
    with urllib.request.urlopen(f"{url}api/v1/events", timeout=LIMIT_S) as answer:
        return [one["event"]["camera"] for one in json.load(answer)["events"]]


def test_a_sink_that_failed_at_the_end_is_told_and_what_was_recorded_can_be_seen(
    tmp_path: Path, fight_clip: Path, model: Path
) -> None:
    with watching(tmp_path, model, fight_clip, sinks=LOGS) as process:
        process.wait_for("it stays", lambda: "the page stays" in process.said)
        process.wait_for("the error", lambda: FULL in process.said)
        assert set(events(process)) == {"film"}
        assert process.popen.poll() is None
        assert process.end(signal.SIGINT) == 1
        assert process.said.count(FULL) == 1
        assert "Traceback" not in process.said


def test_without_an_error_it_ends_well(tmp_path: Path, fight_clip: Path, model: Path) -> None:
    with watching(tmp_path, model, fight_clip) as process:
        process.wait_for("it stays", lambda: "the page stays" in process.said)
        assert process.end(signal.SIGINT) == 0


def test_a_reload_that_cannot_be_is_refused_while_the_page_stays(
    tmp_path: Path, fight_clip: Path, model: Path
) -> None:
    (tmp_path / "mine.onnx").write_text("no model")
    with watching(tmp_path, model, fight_clip) as process:
        process.wait_for("it stays", lambda: "the page stays" in process.said)
        write_config(process.config, {"film": str(fight_clip)}, shadow="mine.onnx", web={"port": 0})
        process.popen.send_signal(signal.SIGHUP)
        process.wait_for(
            "a line", lambda: "SIGHUP: refused, the old configuration stays" in process.said
        )
        assert set(events(process)) == {"film"}
        assert process.end(signal.SIGINT) == 0


def test_where_nothing_was_watched_nothing_stays(tmp_path: Path, model: Path) -> None:
    (tmp_path / "film.mp4").write_text("no film")
    with watching(tmp_path, model, tmp_path / "film.mp4") as process:
        assert process.popen.wait(LIMIT_S) == 1
        assert "the page stays" not in process.said
        assert process.said.count("error: ") == 1
