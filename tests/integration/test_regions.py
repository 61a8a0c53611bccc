"""Regions from a real video to the alert log: each is watched for itself."""

import json
import math
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from monitor.config.options import MonitorOptions
from monitor.events.alert import AlertEvent, AlertMaker
from monitor.events.dispatcher import Dispatcher
from monitor.health.status import CameraSnapshot, CameraStatus
from monitor.pipeline.monitor import Monitor
from monitor.pipeline.worker import Worker, WorkerCamera
from monitor.recognition.classifier import OnnxClassifier
from monitor.records import Skipped
from monitor.states import Pace, SkipReason
from testkit.fakes import RecordingSink
from testkit.media import filtered
from testkit.models import motion_model
from testkit.patience import LIMIT_S
from testkit.servers.rtsp import rtsp_server

# A quiet view, under a camera's noise, with a fight in its right half from 3 s to 7.8 s.
QUIET = "[0:v]scale=320:240,loop=loop=-1:size=1,noise=alls=2:allf=t,fps=25,trim=duration=9"
FIGHT = "[1:v]scale=320:240,fps=25,setpts=PTS+3/TB"
SIDE_BY_SIDE = (
    f"{QUIET},split[left][right];{FIGHT}[fight];"
    "[right][fight]overlay=eof_action=pass[acted];[left][acted]hstack"
)
WINDOWS = (90 - 20) // 5 + 1
LEFT = {"name": "left", "box": [0, 0, 0.5, 1]}
RIGHT = {"name": "right", "box": [0.5, 0, 1, 1]}
# Both leave out the fight, though the bounds of the second are the whole picture.
CUT = {"name": "cut", "polygon": [[0, 0], [0.45, 0], [0.45, 0.5], [0.49, 1], [0, 1]]}
WIDE = {"name": "wide", "polygon": [[0, 0], [1, 0], [1, 0.05], [0.49, 0.05], [0.49, 1], [0, 1]]}


@pytest.fixture(scope="module")
def footage(fight_clip: Path, nofight_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("footage") / "hall.mp4"
    return filtered(path, SIDE_BY_SIDE, nofight_clip, fight_clip)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return motion_model(tmp_path_factory.mktemp("model") / "motion.onnx")


def watch(
    source: str, model: Path, *regions: dict[str, Any], **options: Any
) -> tuple[list[AlertEvent], CameraSnapshot]:
    camera = {"name": "hall", "source": source, "regions": regions}
    sink = RecordingSink()
    values = MonitorOptions.model_validate({"cameras": [camera], **options})
    monitor = Monitor(values, OnnxClassifier(model), [sink])
    monitor.run()
    return sink.alerts, monitor.cameras[0]


def test_a_movement_in_one_region_alerts_there_and_nowhere_else(footage: Path, model: Path) -> None:
    (start, end), camera = watch(str(footage), model, LEFT, RIGHT)
    assert (start.region, start.end_s) == ("right", None)
    assert (end.region, end.id) == ("right", start.id)
    assert 1.0 <= start.start_s <= 3.5
    assert end.end_s is not None
    assert end.end_s >= 7.8
    assert camera.windows == 2 * WINDOWS
    assert camera.alerts == 1


def test_two_regions_alert_separately(footage: Path, model: Path) -> None:
    upper = {"name": "upper", "box": [0.5, 0, 1, 0.6]}
    activities, camera = watch(str(footage), model, upper, LEFT, RIGHT)
    starts = [activity for activity in activities if activity.end_s is None]
    assert {activity.region for activity in starts} == {"upper", "right"}
    assert len({activity.id for activity in activities}) == camera.alerts == 2


def test_the_whole_picture_is_one_region_where_none_is_named(footage: Path, model: Path) -> None:
    activities, _ = watch(str(footage), model)
    assert [activity.region for activity in activities] == [None, None]


def test_a_polygon_hides_what_moves_outside_of_it(footage: Path, model: Path) -> None:
    (start, _), _ = watch(str(footage), model, CUT, WIDE, RIGHT)
    assert start.region == "right"


@pytest.mark.slow
def test_a_live_camera_hands_over_the_windows_of_every_region(footage: Path, model: Path) -> None:
    activities, camera = watch(str(footage), model, LEFT, RIGHT, realtime=True)
    assert {activity.region for activity in activities} == {"right"}
    assert camera.windows + sum(camera.dropped.values()) == 2 * WINDOWS


def test_a_window_of_one_region_replaces_none_of_another() -> None:
    hall = WorkerCamera(
        CameraStatus("hall", "rtsp://hall/"),
        Pace.CAMERA,
        OnnxClassifier(),
        {},
        lambda shown: None,
        math.inf,
        AlertMaker("", "", 2.0),
        {},
    )
    submit = partial(Worker(Dispatcher([])).submit, hall)
    left, right, later = (
        Skipped("hall", region, end_s, end_s, SkipReason.IDLE)
        for region, end_s in (("left", 2.0), ("right", 2.0), ("left", 2.5))
    )
    assert submit(left) is None
    assert submit(right) is None
    assert submit(later) is left


@pytest.mark.slow
def test_the_command_names_the_region_everywhere(
    footage: Path, model: Path, tmp_path: Path
) -> None:
    config = tmp_path / "monitor.yaml"
    config.write_text(json.dumps({"cameras": [
        {"name": "hall", "source": str(footage), "regions": [LEFT, RIGHT]}
    ]}))  # fmt: skip
    command = [sys.executable, "-m", "monitor", "--headless", "--model", str(model)]
    command += ["--config", str(config), "--save-video", "out.mp4"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    assert "ALERT hall/right: moving started at" in done.stderr
    assert "camera hall/right: moving ended at" in done.stderr
    assert "hall/left" not in done.stderr
    alerts = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    assert [(alert["camera"], alert["region"]) for alert in alerts] == [("hall", "right")] * 2
    checked = subprocess.run([*command, "--check"], cwd=tmp_path, capture_output=True, text=True)
    assert "region   hall/left: box, 0 to 50 % across, 0 to 100 % down\n" in checked.stdout


@pytest.mark.slow
def test_a_camera_over_rtsp_has_its_regions_too(footage: Path, model: Path) -> None:
    sink = RecordingSink()
    with rtsp_server(footage) as server:
        camera = {"name": "hall", "source": server.url, "regions": [LEFT, RIGHT]}
        options = MonitorOptions.model_validate({"cameras": [camera]})
        monitor = Monitor(options, OnnxClassifier(model), [sink])
        thread = threading.Thread(target=monitor.run)
        thread.start()
        try:
            sink.wait_for(2)
        finally:
            monitor.stop()
            thread.join()
    assert {activity.region for activity in sink.alerts} == {"right"}
