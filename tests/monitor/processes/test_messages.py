"""What the parent and its processes say to one another."""

from collections import Counter

import pytest

from monitor.config.options import MonitorOptions
from monitor.errors import (
    ConfigError,
    DataError,
    ModelError,
    MonitorError,
    SinkError,
    SourceError,
    SourceOpenError,
)
from monitor.health.histogram import WindowHistograms
from monitor.health.status import CameraSnapshot, CameraStatus, RegionStatus
from monitor.processes.messages import STATE, ProcessSettings, ProcessState, error_head, error_of
from monitor.records import SinkStatus, WorkerStatus
from monitor.states import CameraState, OpenFailure, SkipReason


def test_all_that_is_known_of_a_camera_comes_over() -> None:
    histograms = WindowHistograms.of(("fight",))
    histograms.take(0.2, {"fight": 0.8})
    camera = CameraSnapshot(
        "door",
        "rtsp://door/",
        CameraState.LIVE,
        fps=14.9,
        frames=7,
        dropped=Counter({SkipReason.QUIET: 3}),
        alerts_by_label={"fight": 1},
        histograms=histograms,
        regions={"gate": RegionStatus({"fight": 0.8}, 0.8, ("fight",))},
        shadow=CameraStatus("door, shadow", "rtsp://door/").snapshot(),
    )
    state = ProcessState(
        (camera,), (SinkStatus("log", 1, 2, 3),), (WorkerStatus(4, 0.5),), 0.5, 9, 8
    )
    came = STATE.validate_json(STATE.dump_json(state))
    assert came == state
    assert came.cameras[0].missed == 0
    assert came.cameras[0].watched


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConfigError("a"), ConfigError),
        (ModelError("b"), ModelError),
        (SinkError("c"), SinkError),
        (SourceOpenError("d", OpenFailure.TIMEOUT), SourceError),
        (DataError("e"), MonitorError),
    ],
)
def test_an_error_is_one_of_the_same_kind(error: MonitorError, kind: type[MonitorError]) -> None:
    came = error_of(error_head(error))
    assert type(came) is kind
    assert str(came) == str(error)


def test_no_error_is_none() -> None:
    assert error_of(error_head(None)) is None


def test_a_shard_is_told_of_its_cameras_and_not_of_what_others_need() -> None:
    whole = MonitorOptions.model_validate(
        {
            "cameras": [
                {"name": "door", "source": "rtsp://u:secret@door/", "shadow": "fall"},
                {"name": "yard", "source": "0", "regions": [{"name": "gate", "box": [0, 0, 1, 1]}]},
            ],
            "realtime": True,
            "sinks": [{"type": "store", "url": "postgresql://u:hidden@db/events"}],
            "notify": {"targets": [{"name": "x", "type": "apprise", "url": "json://k:token@h"}]},
        }
    )
    settings = ProcessSettings(
        cameras=whole.cameras,
        realtime=whole.realtime,
        inference=whole.inference,
        evidence=whole.evidence,
        cores=1.5,
        verbose=False,
    )
    text = settings.model_dump_json()
    assert "hidden" not in text
    assert "token" not in text
    came = ProcessSettings.read(text).options
    assert came.cameras == whole.cameras
    assert came.realtime
    assert came.sinks == ()
