"""Streams that are lost again and again, and many at once."""

from itertools import pairwise
from pathlib import Path

import pytest

from monitor.errors import SourceOpenError
from monitor.health.status import CameraStatus
from monitor.pipeline.capture import Capture, Retry
from monitor.states import OpenFailure, Pace
from testkit.drops import drop
from testkit.fakes import FakeSource
from testkit.films import looped
from testkit.models import metadata, motion_model
from testkit.servers.proxy import proxy
from testkit.servers.rtsp import rtsp_server
from tests.monitor.pipeline.test_capture import HeldClock


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return motion_model(tmp_path_factory.mktemp("model") / "m.onnx", metadata(frames=5))


@pytest.mark.slow
def test_a_stream_that_is_lost_again_and_again_leaves_nothing_behind(
    fight_clip: Path, model: Path, tmp_path: Path
) -> None:
    film = looped(tmp_path / "f.mp4", fight_clip, 4, "fps=25,scale=160:120", "libx264", "-bf", "0")
    with rtsp_server(film) as server, proxy(server.port) as camera:
        held = drop(camera, model, 30)
    assert (held[-1].threads, held[-1].files) == (held[0].threads, held[0].files)
    # What is used late, and once, grows in one step; what is left behind grows in each.
    grown = [later.memory_mib - one.memory_mib for one, later in pairwise(held)]
    assert min(grown) < 0.125, grown  # MiB of 5 drops; of 200, 5 MiB are allowed


def tries_s(seconds: float) -> list[float]:
    """When a camera that refuses is tried again."""
    clock = HeldClock(seconds)
    tried_s: list[float] = []

    def refuse() -> None:
        tried_s.append(clock.now_s)
        raise SourceOpenError("rtsp://door/: refused: connection refused", OpenFailure.REFUSED)

    Capture(
        CameraStatus("door", "rtsp://door/", clock=clock),
        lambda: FakeSource(opening=refuse),
        [],
        pace=Pace.CAMERA,
        retry=Retry(2.0, 2.0),
        stopping=clock,
        clock=clock,
    ).run()
    return tried_s[1:]


def test_cameras_that_fail_together_do_not_come_back_in_step() -> None:
    cameras = 40
    again = [at_s for _ in range(cameras) for at_s in tries_s(3)]
    assert len(again) > cameras
    densest = max(sum(at_s <= one < at_s + 0.2 for one in again) for at_s in again)
    assert densest < 0.3 * len(again)


def test_pauses_double_up_to_the_longest_and_are_longer_for_what_time_will_hardly_mend() -> None:
    retry = Retry(0.5, 4.0)
    longest = [max(retry.pause_s(n, False) for _ in range(500)) for n in (1, 2, 3, 4, 5, 50)]
    assert longest == pytest.approx([0.5, 1, 2, 4, 4, 4], rel=0.05)
    assert max(retry.pause_s(50, True) for _ in range(500)) == pytest.approx(10, rel=0.05)
    assert min(retry.pause_s(50, False) for _ in range(500)) > 0.7
