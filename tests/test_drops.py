"""Streams that are lost again and again, and many at once."""

import threading
import time
from pathlib import Path

import pytest

from monitor.capture import Retry
from monitor.classifier import OnnxClassifier
from monitor.config import MonitorOptions
from monitor.pipeline import Monitor
from tests.drops import drop
from tests.fakes import RecordingSink
from tests.films import looped
from tests.models import contract, motion_model
from tests.servers.proxy import proxy
from tests.servers.rtsp import rtsp_server


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return motion_model(tmp_path_factory.mktemp("model") / "m.onnx", contract(frames=5))


def test_a_stream_that_is_lost_again_and_again_leaves_nothing_behind(
    fight_clip: Path, model: Path, tmp_path: Path
) -> None:
    film = looped(tmp_path / "f.mp4", fight_clip, 4, "fps=25,scale=160:120", "libx264", "-bf", "0")
    with rtsp_server(film) as server, proxy(server.port) as camera:
        before, after = drop(camera, model, 30)
    assert (after.threads, after.files) == (before.threads, before.files)
    assert after.memory_mib < before.memory_mib + 1.5  # of 200 drops 5 MiB are allowed


def test_cameras_that_fail_together_do_not_come_back_in_step(model: Path) -> None:
    cameras = 40
    with proxy(1) as broken:
        broken.fault = "closing"
        named = [{"name": f"c{n}", "source": f"{broken.base}/{n}"} for n in range(cameras)]
        options = MonitorOptions.model_validate(
            {"cameras": named, "stream": {"retry_min_s": 2, "retry_max_s": 2}}
        )
        monitor = Monitor(options, OnnxClassifier(model), [RecordingSink()])
        thread = threading.Thread(target=monitor.run)
        thread.start()
        time.sleep(3)
        monitor.stop()
        thread.join()
        # Each opens two connections to find out: the first try of all of them is left out.
        first_s = broken.accepted_s[0]
        again = [at_s - first_s for at_s in broken.accepted_s if at_s - first_s > 0.4]
    assert len(again) > cameras / 2
    densest = max(sum(at_s <= one < at_s + 0.2 for one in again) for at_s in again)
    assert densest < 0.4 * len(again)


def test_pauses_double_up_to_the_longest_and_are_longer_for_what_time_will_hardly_mend() -> None:
    retry = Retry(0.5, 4.0)
    longest = [max(retry.pause_s(n, False) for _ in range(500)) for n in (1, 2, 3, 4, 5, 50)]
    assert longest == pytest.approx([0.5, 1, 2, 4, 4, 4], rel=0.05)
    assert max(retry.pause_s(50, True) for _ in range(500)) == pytest.approx(10, rel=0.05)
    assert min(retry.pause_s(50, False) for _ in range(500)) > 0.7
