"""The classify worker."""

import math
from pathlib import Path

import numpy as np
import pytest

from monitor.config.options import ActivityOptions
from monitor.core_time import CoreTime
from monitor.events.alert import AlertMaker
from monitor.events.dispatcher import Dispatcher
from monitor.health.status import CameraStatus
from monitor.pipeline.worker import LATE_S, Worker, WorkerCamera
from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.tracker import ActivityTracker
from monitor.records import Window
from monitor.states import Pace
from testkit.fakes import Clock
from testkit.models import motion_model


@pytest.mark.parametrize("late", [True, False])
def test_a_worker_that_gets_no_core_says_so_if_windows_are_late(
    late: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CoreTime, "starved", lambda self: True)
    classifier, told, clock = OnnxClassifier(motion_model(tmp_path / "m.onnx")), [], Clock()
    camera = WorkerCamera(
        CameraStatus("door", "rtsp://door/"),
        Pace.CAMERA,
        classifier,
        {"": ActivityTracker("door", ActivityOptions().rules(classifier.metadata))},
        lambda update: None,
        math.inf,
        AlertMaker(classifier.sha256, "motion", 2.0, shadow=False),
        {},
    )
    worker = Worker(Dispatcher([]), clock, on_starved=lambda: told.append("starved"))
    spec = classifier.metadata.clip
    clip = np.zeros((spec.frames, spec.size, spec.size, 3), np.uint8)
    arrived_s = clock.now_s - (LATE_S + 0.1 if late else 0.0)
    assert worker.submit(camera, Window("door", 0, 2, clip, 10, 10, 0, arrived_s)) is None
    worker.close()
    worker.run()
    assert told == ["starved"] * late
