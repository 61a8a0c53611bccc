"""har-monitor init in a terminal, from a network with cameras to an alert."""

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from testkit import ROOT
from testkit.fakes import wait_until
from testkit.process import COMMAND
from testkit.servers.onvif import PASSWORD, USER, OnvifCamera, Stream, onvif_camera
from testkit.servers.rtsp import RtspServer, rtsp_server
from testkit.terminal import terminal

SAMPLE = ROOT / "monitor" / "samples" / "bus.mp4"


@pytest.fixture
def stream() -> Iterator[RtspServer]:
    with rtsp_server(SAMPLE, user=USER, password=PASSWORD, digest=True) as running:
        yield running


def alerts(folder: Path) -> list[dict[str, Any]]:
    log = folder / "alerts.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def test_from_a_network_with_cameras_to_an_alert(tmp_path: Path, stream: RtspServer) -> None:
    elsewhere = stream.base.replace("127.0.0.1", "192.0.2.66")
    streams = [
        Stream("main", "rtsp://127.0.0.1:1/none", (1920, 1080)),
        Stream("sub", elsewhere + "/cam"),
    ]
    camera = OnvifCamera(streams, ahead=timedelta(hours=-7))
    other = OnvifCamera([Stream("main", "rtsp://127.0.0.1:1/none")], manner="terse")
    with onvif_camera(camera), onvif_camera(other), socket.socket() as page:
        with suppress(OSError):  # somebody has it already, which does as well
            page.bind(("127.0.0.1", 8470))
            page.listen()
        places = (f"127.0.0.1:{one.discovery_port}" for one in (camera, other))
        asked = [word for place in places for word in ("--discover", place)]
        with terminal([*COMMAND, "init", *asked], tmp_path, {"DISPLAY": ""}) as shown:
            shown.answer("What is to be recognised", "fight")
            shown.wait_for("Cameras that were found:")
            shown.wait_for("Which of them?")
            first = 1 + (camera.port > other.port)
            shown.type("3\n")
            shown.wait_for("numbers, or none")
            shown.type(f"{first}\n")
            shown.answer("Another camera?", "no camera")
            shown.wait_for("no camera: no such file")
            shown.answer("Another camera?")
            shown.answer("User (admin):")
            shown.answer("Password:", "wrong")
            shown.wait_for("authentication: user or password is refused")
            shown.answer("User (admin):", USER)
            shown.answer("Password:", PASSWORD)
            shown.wait_for("H264 640×360 at 25, the smallest of 2 that is large and")
            shown.answer("Seconds to watch them", "4")
            shown.wait_for("Front-door  H.264 640×360  30.0")
            shown.wait_for("✓ har-monitor.yaml is written, and checked")
            shown.answer("Start now?")
            shown.wait_for("camera Front-door: watching")
            wait_until(lambda: len(alerts(tmp_path)) > 0)
            shown.process.send_signal(signal.SIGTERM)
            assert shown.wait() == 0
        assert PASSWORD not in shown.shown
        assert stream.url.partition("@")[0].rpartition(":")[2] not in shown.shown
        assert other.asked == []
    assert "port: 8470" not in (tmp_path / "har-monitor.yaml").read_text()
    (start, *_) = alerts(tmp_path)
    assert (start["camera"], start["label"], start["event"]) == ("Front-door", "fight", "start")
    assert {"evidence", "events.sqlite", "har-monitor.env"} <= {x.name for x in tmp_path.iterdir()}


def test_a_stream_that_asks_for_a_password_is_asked_for_it(
    tmp_path: Path, stream: RtspServer
) -> None:
    bare = f"{stream.base}/cam"
    with terminal([*COMMAND, "init", "--source", f"yard={bare}"], tmp_path) as shown:
        shown.answer("What is to be recognised")
        shown.answer("Seconds to watch them", "2")
        shown.wait_for("authentication: ")
        shown.answer("User (admin):", USER)
        shown.answer("Password:", PASSWORD)
        shown.answer("Start now?", "n")
        assert shown.wait() == 0
    assert "set -a; . ./har-monitor.env; set +a" in shown.shown
    assert "yard" in (tmp_path / "har-monitor.yaml").read_text()
    assert PASSWORD not in (tmp_path / "har-monitor.yaml").read_text() + shown.shown
