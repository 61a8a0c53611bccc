"""When a frame was sent, and which frame decided a line."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.performance.latency import matched, summary
from benchmarks.performance.paced import PacedServer, Sending, paced_server, packetized
from benchmarks.performance.peers.common import FRAMES, Windows
from testkit.media import Made, make_video, number_of
from testkit.patience import LIMIT_S, Stopwatch

OPTIONS = {"rtsp_transport": "tcp", "analyzeduration": "0", "probesize": "32"}


@pytest.fixture
def video(tmp_path: Path) -> Made:
    """Two seconds whose frames are large enough for several packets."""
    return make_video(tmp_path / "cam.mp4", fps=25, duration_s=2, size=(640, 384), gop=25)


def numbers(url: str, count: int) -> list[int]:
    """The numbers of the first frames that a player sees."""
    with av.open(url, options=OPTIONS, timeout=LIMIT_S) as container:
        frames = container.decode(video=0)
        return [number_of(next(frames).to_ndarray(format="rgb24")) for _ in range(count)]


def test_each_client_gets_whole_frames_from_its_own_key_frame_and_the_film_repeats(
    video: Made,
) -> None:
    with paced_server(video.path, clients=2) as server:
        assert numbers(server.url(0), 3) == [0, 1, 2]
        watch = Stopwatch()
        assert numbers(server.url(1), 27) == [*range(25, 50), 0, 1]
        sent = server.sent[1].at_s
        assert len(sent) >= 27
        held_up_s = watch.held_up_s / len(sent)
        assert np.diff(sent).mean() == pytest.approx(0.04, abs=0.01 + held_up_s)


def test_a_large_unit_is_sent_in_fragments_that_can_be_joined() -> None:
    unit = bytes([0x65]) + bytes(range(256)) * 12
    packets = list(packetized([b"\x67abc", unit], stamp=3600, sequence=65535))

    assert [packet[0:2] for packet in packets] == [b"$\0"] * 4
    assert [int.from_bytes(packet[2:4]) for packet in packets] == [len(p) - 4 for p in packets]
    assert [int.from_bytes(packet[6:8]) for packet in packets] == [65535, 0, 1, 2]
    assert [packet[5] >> 7 for packet in packets] == [0, 0, 0, 1]  # the marker ends the frame
    fragments = [packet[16:] for packet in packets[1:]]
    assert [fragment[1] >> 6 for fragment in fragments] == [0b10, 0b00, 0b01]
    head = bytes([fragments[0][0] & 0xE0 | fragments[0][1] & 0x1F])
    assert head + b"".join(fragment[2:] for fragment in fragments) == unit


def test_the_stamps_of_a_client_are_those_of_its_frames(video: Made) -> None:
    """FFmpeg gives the first frame none, and counts from it; a window is known by its time."""
    with (
        paced_server(video.path, clients=1) as server,
        av.open(server.url(0), options=OPTIONS, timeout=LIMIT_S) as container,
    ):
        frames = container.decode(video=0)
        stamps = [
            (number_of(frame.to_ndarray(format="rgb24")), frame.time)
            for frame, _ in zip(frames, range(10), strict=False)
        ]
    assert stamps[1:] == [(n, pytest.approx(n / server.fps)) for n in range(1, 10)]


def sent_by(*clients: tuple[float, float], frames: int = 75) -> PacedServer:
    """A server whose clients began at these times, with these frame rates."""
    server = object.__new__(PacedServer)
    server.fps, server.again = clients[0][1], set()
    server.sent = {
        client: Sending([start_s + n / fps for n in range(frames)])
        for client, (start_s, fps) in enumerate(clients)
    }
    return server


def alert(camera: str, decided_s: float, event: str = "start") -> str:
    return json.dumps({"schema": "1", "event": event, "camera": camera, "decided_s": decided_s})


def test_the_latency_of_an_alert_runs_from_the_newest_frame_of_its_window() -> None:
    server = sent_by((100.0, 25), (200.0, 25))
    lines = [
        (100 + 47 / 25 + 0.03, alert("c0", 1.88)),
        (201.0, "2026-11-23 INFO camera c1: something else"),
        (200 + 60 / 25 + 0.05, alert("c1", 2.4)),
        (200 + 62 / 25 + 0.05, alert("c1", 2.4, event="end")),
    ]
    assert matched("har-monitor", lines, server) == pytest.approx([30, 50])


def test_a_window_of_a_peer_names_its_frame() -> None:
    window = {"event": "window", "camera": 0, "frame": 50, "scores": [1.0]}
    lines = [(102.02, json.dumps(window)), (103.0, '{"event": "end", "cameras": []}')]
    assert matched("opencv", lines, sent_by((100.0, 25))) == pytest.approx([20])


def test_clients_that_came_again_are_left_out() -> None:
    window = {"event": "window", "camera": 0, "frame": 50, "scores": [1.0]}
    server = sent_by((100.0, 25), frames=10)  # since it came again
    server.again.add(0)
    assert matched("opencv", [(102.02, json.dumps(window))], server) == []


def test_percentiles_need_two_values() -> None:
    assert summary([5.0]) is None
    assert summary([10.0, 20.0]) == pytest.approx((15, 19.5))


def test_every_five_frames_a_peer_cuts_a_window_of_the_last_twenty() -> None:
    windows = Windows()
    frames = [np.full((64, 64, 3), n, np.uint8) for n in range(FRAMES + 6)]
    found = [
        (n, window) for n, frame in enumerate(frames) if (window := windows.push(frame)) is not None
    ]
    assert [n for n, _ in found] == [19, 24]
    assert found[1][1].shape == (1, 20, 64, 64, 3)
    assert found[1][1][0, :, 0, 0, 0].tolist() == list(range(5, 25))
