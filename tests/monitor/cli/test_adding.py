"""Cameras that are added by orders of the page, with real cameras and a real configuration."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.cli import watch
from monitor.cli.adding import CameraAdding
from monitor.cli.config_files import ConfigFiles
from monitor.config.options import MonitorOptions
from monitor.errors import ConfigError
from monitor.recognition.models import Models
from testkit.servers.onvif import PASSWORD, USER, OnvifCamera, Stream, onvif_camera
from testkit.servers.rtsp import RtspServer, rtsp_server
from testkit.servers.tcp import refusing_port

CONFIGURATION = (
    "# mine\ncameras:\n  - name: desk\n    source: rtsp://a:hunter2@192.0.2.1/1\n"
    "web: {add_cameras: true}\n"
)


@pytest.fixture(scope="module")
def server(fight_clip: Path) -> Iterator[RtspServer]:
    with rtsp_server(fight_clip, user=USER, password=PASSWORD) as running:
        yield running


@pytest.fixture
def reloads() -> list[str]:
    return []


@pytest.fixture
def adding(tmp_path: Path, reloads: list[str], monkeypatch: pytest.MonkeyPatch) -> CameraAdding:
    monkeypatch.setattr("monitor.cli.adding.WATCH_S", 2.0)
    monkeypatch.setattr("monitor.cli.config_files.check", lambda options: [])  # no webcam is here
    monkeypatch.setenv("CAMERA_PASSWORD", "")  # is taken back after the test
    monkeypatch.delenv("CAMERA_PASSWORD")
    config = tmp_path / "m.yaml"
    config.write_text(CONFIGURATION)
    return CameraAdding(ConfigFiles(config), Models(), lambda: reloads.append(config.read_text()))


def camera(source: str, **more: str) -> dict[str, Any]:
    known = {"name": "yard", "source": source, "user": "", "password": ""}
    return {"what": "look", "camera": known | more, "by": "ann"}


LOGIN = {"user": USER, "password": PASSWORD}


def test_a_camera_is_looked_at_added_and_taken_back(
    adding: CameraAdding,
    server: RtspServer,
    reloads: list[str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "monitor.cli.adding")
    config = tmp_path / "m.yaml"
    with onvif_camera(OnvifCamera([Stream("sub", f"{server.base}/cam")])) as onvif:
        looked = adding.answer(camera(onvif.url, **LOGIN))
    assert looked["stream"] == "profile sub: H264 640×360 at 25, its only stream"
    assert ("transport", "RTSP over TCP") in looked["facts"]
    assert looked["advice"] == []  # two seconds tell nothing of its key frames
    assert "+  - name: yard" in looked["difference"]
    assert not any(secret in str(looked) for secret in (PASSWORD, "hunter2"))
    assert (config.read_text(), reloads) == (CONFIGURATION, [])

    added = adding.answer({"what": "add", "id": looked["id"], "by": "ann"})
    assert added == {"camera": "yard", "done": "added"}
    assert reloads == [config.read_text()]
    known = ConfigFiles(config).read()
    assert [one.name for one in known.cameras] == ["desk", "yard"]
    assert known.cameras[1].address.target == server.url
    assert (tmp_path / "m.env").read_text().endswith("\nCAMERA_PASSWORD=s3cret%20%26%20%3Call%3E\n")
    again = adding.answer({"what": "add", "id": looked["id"], "by": "ann"})
    assert again == {"error": "another camera was looked at since: look at this one again"}

    assert adding.answer({"what": "undo", "by": "rob"}) == {"camera": "yard", "done": "taken back"}
    assert (config.read_text(), len(reloads)) == (CONFIGURATION, 2)
    assert adding.answer({"what": "undo", "by": "rob"}) == {
        "error": "no camera was added since the start"
    }
    assert [one for one in caplog.messages if "page by" in one] == [
        "camera yard: added on the page by ann",
        "camera yard: taken back on the page by rob",
    ]


def test_what_somebody_changed_meanwhile_is_not_overwritten(
    adding: CameraAdding, server: RtspServer, reloads: list[str], tmp_path: Path
) -> None:
    config = tmp_path / "m.yaml"
    looked = adding.answer(camera(server.url))
    config.write_text(f"{CONFIGURATION}health: h.json\n")
    refused = adding.answer({"what": "add", "id": looked["id"], "by": "ann"})
    assert refused == {"error": f"{config}: somebody has changed it since"}
    config.write_text(CONFIGURATION)
    assert "error" not in adding.answer({"what": "add", "id": looked["id"], "by": "ann"})
    config.write_text(f"{config.read_text()}health: h.json\n")
    assert adding.answer({"what": "undo", "by": "ann"}) == refused
    assert len(reloads) == 1


@pytest.mark.parametrize(
    ("source", "more", "words"),
    [
        ("{base}/cam", {"name": "desk"}, "there is a camera desk already"),
        ("{base}/cam", {"name": "../x"}, "'../x' is no name of a camera"),
        ("{base}/cam", {}, "authentication: "),
        ("{base}/cam", {"user": USER, "password": "hunter2"}, "authentication: "),
        ("/etc/passwd", {}, "a host that knows ONVIF, or an address of a stream: rtsp://"),
        ("file:///etc/passwd", {}, "not a kind of source"),
        ("udp://@:1234", {}, "a host that knows ONVIF, or an address of a stream: "),
        ("/dev/video0", {}, "a host that knows ONVIF, or an address of a stream: "),
        ("srt://127.0.0.1:{port}?mode=listener", {}, "an address of SRT without mode: "),
        ("{base}/cam", LOGIN | {"name": "${HOME}"}, "${HOME} would be taken for an environment"),
        ("0", {}, "a host that knows ONVIF, or an address of a stream: "),
        ("rtsp://", {}, "not a valid URL"),
        ("rtsp://[", {}, ""),
        ("rtsp://a:hunter2@127.0.0.1:{port}/", {}, "refused: connection refused"),
        ("127.0.0.1:{port}", LOGIN, "refused: connection refused"),
    ],
)
def test_what_cannot_be_added_is_told_without_a_secret(
    adding: CameraAdding, server: RtspServer, source: str, more: dict[str, str], words: str
) -> None:
    with refusing_port() as port:
        place = source.replace("{base}", server.base).replace("{port}", str(port))
        told = adding.answer(camera(place, **more))
    assert set(told) == {"error"}
    assert words in told["error"]
    assert not any(secret in told["error"] for secret in ("hunter2", PASSWORD))


@pytest.mark.expects_errors
def test_a_fault_is_logged_and_told(
    adding: CameraAdding, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("monitor.cli.adding.probe", lambda *_: 1 / 0)
    told = adding.answer(camera("rtsp://127.0.0.1/"))
    assert told == {"error": "a fault of har-monitor: its log says which"}
    assert "ZeroDivisionError" in caplog.text


def test_a_link_to_a_configuration_is_not_made_a_file(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text(CONFIGURATION)
    link = tmp_path / "m.yaml"
    link.symlink_to("real.yaml")
    with pytest.raises(ConfigError, match=f"^{link}: a link; name {tmp_path}/real.yaml, "):
        ConfigFiles(link)


@pytest.mark.parametrize(
    ("allowed", "from_file", "adds"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_cameras_are_added_only_where_the_file_names_them_and_says_so(
    tmp_path: Path,
    allowed: bool,
    from_file: bool,
    adds: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    options = MonitorOptions.model_validate({"web": {"add_cameras": allowed}})
    config = tmp_path / "m.yaml" if from_file else None
    found = watch._adding(options, config, Models(), lambda: None)
    assert (found is not None) == adds
    assert ("--source names the cameras" in caplog.text) == (allowed and not from_file)
