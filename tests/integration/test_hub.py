"""Who looks at cameras comes and goes while they are watched."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import pytest

from monitor.display.hub import Update
from monitor.display.view import View
from monitor.recognition.classifier import OnnxClassifier
from monitor.records import Frame
from testkit.fakes import FakeSource, lost, moving, wait_until
from testkit.models import motion_model
from testkit.watching import Running, Sources, configured, watching
from tests.monitor.display.test_hub import Looker


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> OnnxClassifier:
    return OnnxClassifier(motion_model(tmp_path_factory.mktemp("model") / "m.onnx"))


def slowly(frames: Iterable[Frame]) -> Iterator[Frame]:
    """As a camera gives them, only faster."""
    for frame in frames:
        time.sleep(0.005)
        yield frame


def test_a_subscriber_comes_and_goes_while_the_camera_is_watched(
    classifier: OnnxClassifier,
) -> None:
    sources: Sources = {"rtsp://a/": iter([FakeSource(slowly(moving(600)), lost)])}
    monitor, _ = watching(classifier, sources)
    looker = Looker("camera-0")
    with Running(monitor):
        wait_until(lambda: monitor.cameras[0].windows > 0)
        assert looker.took == []
        monitor.hub.subscribe(looker)
        wait_until(lambda: {type(item) for item in looker.took} == {Frame, Update})
        monitor.hub.unsubscribe(looker)
        frames = monitor.cameras[0].frames
        count = len(looker.took)
        wait_until(lambda: monitor.cameras[0].frames > frames + 20)
        assert len(looker.took) <= count + 2, "one may be under way"


def test_a_reload_goes_on_while_cameras_are_recorded(
    classifier: OnnxClassifier, tmp_path: Path
) -> None:
    a, b = "rtsp://a/", "rtsp://b/"
    sources: Sources = {
        a: iter([FakeSource(slowly(moving(600)), lost)]),
        b: iter([FakeSource(slowly(moving(600)), lost)]),
    }
    view = View(["camera-0"], screen=None, save_video=tmp_path / "o.mp4")
    monitor, _ = watching(classifier, sources, view=view, addresses=[a])
    with Running(monitor):
        wait_until(lambda: monitor.cameras[0].frames > 20)
        monitor.reload(configured([a, b]))
        wait_until(lambda: len(monitor.cameras) == 2 and monitor.cameras[1].frames > 20)
    for name in ("o.mp4", "o-camera-1.mp4"):
        with av.open(str(tmp_path / name)) as video:
            assert next(video.decode(video=0)), "a busy machine records few pictures, but some"
