"""Cameras that several processes share: what anybody can see is as if it were one."""

import json
import re
import signal
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from testkit.models import motion_model
from testkit.patience import LIMIT_S
from testkit.process import har_monitor

EVIDENCE = [{"type": "log", "path": "alerts.jsonl"}, {"type": "evidence", "folder": "evidence"}]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return motion_model(tmp_path_factory.mktemp("model") / "motion.onnx")


def facts(alerts: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    """What does not depend on when it was watched."""
    named = ("id", "event", "camera", "label", "score", "start_s", "end_s", "trace", "reason")
    return sorted(tuple(map(str, map(one.get, named))) for one in alerts)


def test_alerts_evidence_and_counts_are_those_of_one_process(
    tmp_path: Path, fight_clip: Path, model: Path
) -> None:
    cameras = {f"c{n}": str(fight_clip) for n in range(3)}
    found = {}
    for workers in (1, 2):
        (folder := tmp_path / str(workers)).mkdir()
        with har_monitor(cameras, model, folder=folder, workers=workers, sinks=EVIDENCE) as process:
            assert process.popen.wait(LIMIT_S) == 0, process.said
            counts = sorted(re.findall(r"camera (c\d: ended: .*)$", process.said, re.M))
            files = {path.name for path in folder.glob("evidence/*/*/*")}
            found[workers] = facts(process.alerts), counts, files
            assert "Traceback" not in process.said
    assert found[1] == found[2]
    assert len(found[2][1]) == 3
    assert found[2][0]
    assert {name.partition(".")[2] for name in found[2][2]} >= {"mp4", "jpg", "strip.jpg", "json"}


def test_an_activity_that_is_open_at_the_end_is_ended(
    tmp_path: Path, fight_clip: Path, model: Path
) -> None:
    with har_monitor(
        {f"c{n}": str(fight_clip) for n in range(2)},
        model,
        folder=tmp_path,
        workers=2,
        realtime=True,
    ) as process:
        process.wait_for(
            "alerts", lambda: {one["camera"] for one in process.alerts} == {"c0", "c1"}
        )
        assert process.end(signal.SIGTERM) == 0
        ends = [one for one in process.alerts if one["event"] == "end"]
        assert {one["reason"] for one in ends} >= {"monitor stopped"}
        assert len(ends) == len(process.alerts) / 2


def test_a_film_that_cannot_be_read_is_told_and_the_others_are_watched(
    tmp_path: Path, fight_clip: Path, model: Path
) -> None:
    (tmp_path / "broken.mp4").write_text("no film")
    cameras = {"broken": str(tmp_path / "broken.mp4"), "film": str(fight_clip)}
    with har_monitor(cameras, model, folder=tmp_path, workers=2) as process:
        assert process.popen.wait(LIMIT_S) == 1
        assert {one["camera"] for one in process.alerts} == {"film"}
        assert process.said.count("error: ") == 1
        assert "broken.mp4" in process.said
        assert "Traceback" not in process.said


def test_a_model_that_does_not_fit_is_told_before_anything_is_watched(
    tmp_path: Path, fight_clip: Path
) -> None:
    (tmp_path / "no.onnx").write_text("no model")
    cameras = {f"c{n}": str(fight_clip) for n in range(2)}
    with har_monitor(cameras, tmp_path / "no.onnx", folder=tmp_path, workers=2) as process:
        assert process.popen.wait(LIMIT_S) == 1
        assert process.said.count("no.onnx") == 1
        assert not process.alerts


def test_a_folder_for_evidence_that_cannot_be_is_told_once(
    tmp_path: Path, fight_clip: Path, model: Path
) -> None:
    (tmp_path / "evidence").write_text("a file")
    cameras = {f"c{n}": str(fight_clip) for n in range(2)}
    with har_monitor(cameras, model, folder=tmp_path, workers=2, sinks=EVIDENCE) as process:
        assert process.popen.wait(LIMIT_S) == 1
        assert process.said.count("error: evidence evidence: ") == 1
        assert "started again" not in process.said
        assert "Traceback" not in process.said


def test_if_no_camera_can_be_opened_it_says_so_and_ends(tmp_path: Path, model: Path) -> None:
    cameras = {f"c{n}": f"/dev/video{990 + n}" for n in range(2)}
    with har_monitor(cameras, model, folder=tmp_path, workers=2) as process:
        assert process.popen.wait(LIMIT_S) == 1
        (error,) = re.findall(r"error: (.*)", process.said)
        assert error.startswith("none of 2 cameras can be opened; c0: ")


def test_several_processes_cannot_draw(tmp_path: Path, fight_clip: Path, model: Path) -> None:
    cameras = {f"c{n}": str(fight_clip) for n in range(2)}
    with har_monitor(
        cameras, model, folder=tmp_path, workers=2, save_video=str(tmp_path / "saved.mp4")
    ) as process:
        assert process.popen.wait(LIMIT_S) == 2
        assert "workers: 2 processes cannot draw" in process.said


def test_the_page_has_events_and_settings_of_all_processes(
    tmp_path: Path, fight_clip: Path, model: Path
) -> None:
    cameras = {f"c{n}": str(fight_clip) for n in range(2)}
    with har_monitor(cameras, model, folder=tmp_path, workers=2, web={"port": 0}) as process:
        process.wait_for("it stays", lambda: "the page stays" in process.said)
        (url,) = re.findall(r"the page is at (\S+)$", process.said, re.M)
        with urllib.request.urlopen(f"{url}api/v1/events", timeout=LIMIT_S) as answer:
            events = [one["event"]["camera"] for one in json.load(answer)["events"]]
        assert set(events) == {"c0", "c1"}
        assert process.end(signal.SIGINT) == 0
