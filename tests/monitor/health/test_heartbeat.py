"""What is said every second."""

import json
import logging
from collections import Counter
from pathlib import Path

import pytest

from monitor.errors import MonitorError
from monitor.health.health_file import read_health
from monitor.health.heartbeat import STUCK_S, Heartbeat
from monitor.health.status import CameraSnapshot, CameraStatus
from monitor.health.systemd import Systemd
from monitor.records import SinkStatus
from monitor.states import CameraState

LOG = SinkStatus("alert log", waiting=2, retried=5, lost=0)  # it could not write two lines yet


class Told(Systemd):
    """Keeps what systemd would be told."""

    def __init__(self) -> None:
        super().__init__({})
        self.told: list[str] = []

    @property
    def listens(self) -> bool:
        return True

    def _say(self, kind: str, text: str | None = None) -> None:
        self.told.append(kind if text is None else f"{kind}={text}")


def test_the_health_file_says_how_each_camera_does(tmp_path: Path) -> None:
    path = tmp_path / "health.json"
    cameras = [
        CameraSnapshot(
            "door", "rtsp://u:***@door/", state=CameraState.LIVE, fps=24.987, windows=7, alerts=1,
            dropped=Counter(busy=3),
        ),
        CameraSnapshot("yard", "rtsp://yard/", state=CameraState.RETRYING, cause="refused"),
        CameraSnapshot("film", "a.mp4", state=CameraState.ENDED),
    ]  # fmt: skip
    told = Told()
    Heartbeat(path, told).beat(cameras, [LOG], 0.0)
    assert told.told == [
        "STATUS=2 of 3 cameras watched; 2 alert lines wait to be written",
        "WATCHDOG",
    ]
    health = read_health(path)
    assert not health.ok
    door, yard, film = health.cameras
    assert (door.state, door.fps, door.windows, door.dropped, door.watched) == (
        "live", 24.99, 7, {"busy": 3}, True,
    )  # fmt: skip
    assert (yard.state, yard.cause, yard.watched) == ("retrying", "refused", False)
    assert film.watched, "to its end"
    (sink,) = health.sinks
    assert (sink.name, sink.waiting, sink.retried, sink.lost) == LOG
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path], "nothing is left beside it"


def test_a_camera_of_which_nothing_comes_is_stalled(tmp_path: Path) -> None:
    cameras = []
    for name, fps in (("door", 25.0), ("slow", 1.0)):
        status = CameraStatus(name, "s", clock=lambda: 100.0)
        capture = status.capture
        capture.state, capture.fps, capture.frame_at_s = CameraState.LIVE, fps, 97.9
        cameras.append(status.snapshot())
    Heartbeat(tmp_path / "h", Told()).beat(cameras, [LOG], 0.0)
    assert [camera.state for camera in read_health(tmp_path / "h").cameras] == ["stalled", "live"]


@pytest.mark.expects_errors
def test_a_stuck_worker_is_left_to_the_watchdog(caplog: pytest.LogCaptureFixture) -> None:
    told = Told()
    heartbeat = Heartbeat(None, told)
    heartbeat.beat([], [LOG], STUCK_S - 1)
    heartbeat.beat([], [LOG], STUCK_S + 1)
    heartbeat.beat([], [LOG], STUCK_S + 2)
    assert told.told.count("WATCHDOG") == 1
    assert caplog.text.count("the classify worker is stuck") == 1


def test_a_health_file_that_cannot_be_written_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heartbeat = Heartbeat(tmp_path / "none" / "health.json", Told())
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            heartbeat.beat([], [LOG], 0.0)
    (line,) = caplog.messages
    assert line == (
        f"health: cannot write {tmp_path}/none/health.json: there is no folder {tmp_path}/none; "
        "watching goes on"
    )


def test_a_link_that_somebody_laid_is_not_followed(tmp_path: Path) -> None:
    path, other = tmp_path / "health.json", tmp_path / "precious"
    other.write_text("precious")
    path.symlink_to(other)
    Heartbeat(path, Told()).beat([], [LOG], 0.0)
    assert other.read_text() == "precious"
    assert not path.is_symlink()
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a health file of har-monitor"),
        ("[" * 100_000, "not a health file of har-monitor"),
        ('{"schema": "har-monitor.health.v2"}', "not a health file of har-monitor"),
        (None, "no such file or directory"),
    ],
    ids=["empty", "deep", "another version", "missing"],
)
def test_what_is_no_health_file_is_refused_in_a_line(
    tmp_path: Path, text: str | None, message: str
) -> None:
    path = tmp_path / "health.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(MonitorError) as caught:
        read_health(path)
    assert str(caught.value) == f"health {path}: {message}"


def test_one_of_before_the_machine_was_started_again_is_old(tmp_path: Path) -> None:
    path = tmp_path / "health.json"
    Heartbeat(path, Told()).beat([], [LOG], 0.0)
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(facts | {"monotonic_s": facts["monotonic_s"] + 1e6}))
    with pytest.raises(MonitorError, match="since this machine started"):
        read_health(path)
