"""A model that is tried out beside a camera's own: what it may do, and what it may not."""

import math
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from monitor.config.options import ActivityOptions, CameraOptions, MonitorOptions
from monitor.display.hub import Channel, Update
from monitor.errors import ConfigError, ModelError
from monitor.events.alert import AlertEvent, AlertMaker
from monitor.events.dispatcher import Dispatcher
from monitor.health.status import CameraStatus
from monitor.pipeline.monitor import Monitor
from monitor.pipeline.worker import Worker, WorkerCamera
from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.metadata import Motion
from monitor.recognition.tracker import ActivityTracker
from monitor.records import Frame, Prediction, Skipped
from monitor.sources.address import Address
from monitor.sources.source import Source, SourceSettings
from monitor.states import EndReason, Pace, SkipReason
from testkit.fakes import FakeSource, RecordingSink, lost, moving, picture, still, wait_until
from testkit.models import metadata, motion_model
from testkit.watching import Running, Sources, configured


class Both(RecordingSink):
    """A sink that takes the alerts of shadows, too."""

    def takes(self, alert: AlertEvent) -> bool:
        return True

    def of(self, *, shadow: bool) -> list[AlertEvent]:
        return [alert for alert in self.alerts if alert.shadow is shadow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def own(folder: Path) -> Path:
    return motion_model(folder / "own.onnx")


@pytest.fixture(scope="module")
def small(folder: Path) -> Path:
    """A shadow of another size, length and rate: it samples every third picture of ten a second."""
    about = metadata(name="small", frames=8, size=32, fps=10 / 3)
    return motion_model(folder / "small.onnx", about)


def made(
    own: Path, shadow: Path, sources: Sources, **more: Any
) -> tuple[Monitor, RecordingSink, Both]:
    """A monitor of these sources, with a sink that takes shadows and one that does not."""
    options = configured(sources, model=str(own), shadow=str(shadow))
    plain, both = RecordingSink(), Both()

    def make(address: Address, settings: object) -> Source:
        return next(sources[address.target])

    monitor = Monitor(options, sinks=[plain, both], make=make, **more)
    return monitor, plain, both


def test_what_a_shadow_finds_is_recorded_and_not_raised(own: Path, small: Path) -> None:
    seen: list[Prediction | Skipped] = []
    monitor, plain, both = made(
        own, small, {"a.mp4": iter([FakeSource(moving(30))])}, on_window=seen.append
    )
    monitor.run()
    (camera,) = monitor.cameras
    assert (camera.windows, camera.alerts) == ((300 - 20) // 5 + 1, 1)
    assert camera.shadow is not None
    assert (camera.shadow.windows, camera.shadow.alerts) == ((100 - 8) // 5 + 1, 1)
    assert camera.summary.endswith("57 windows, 1 alert; its shadow: 19 windows, 1 event")
    assert len(seen) == camera.windows, "of its own model alone"

    assert [alert.event for alert in plain.alerts] == ["start", "end"]
    assert plain.alerts == both.of(shadow=False)
    start, end = both.of(shadow=True)
    assert (start.event, end.event, end.reason) == ("start", "end", EndReason.FILE_ENDED)
    assert start.model_name == "small"
    assert start.id == end.id != plain.alerts[0].id


def test_the_same_film_gives_a_shadow_the_same_events(own: Path, small: Path) -> None:
    found = []
    for _ in range(2):
        monitor, _, both = made(own, small, {"a.mp4": iter([FakeSource(moving(6))])})
        monitor.run()
        found.append(both.of(shadow=True)[0].id)
    monitor, plain, _ = made(small, own, {"a.mp4": iter([FakeSource(moving(6))])})
    monitor.run()
    assert found[0] == found[1] != plain.alerts[0].id, "what is raised has an id of its own"


def test_the_end_of_a_stream_ends_what_a_shadow_has_open(own: Path, small: Path) -> None:
    sources: list[Source] = [FakeSource(moving(4), lost), FakeSource(still(60), lost)]
    waiting = [FakeSource(after=lost) for _ in range(1000)]
    monitor, _, both = made(own, small, {"rtsp://a/": iter([*sources, *waiting])})
    with Running(monitor):
        both.wait_for(4)
    assert {alert.reason for alert in both.of(shadow=True)} == {None, EndReason.STREAM_LOST}


def test_a_stop_and_a_removed_camera_reach_the_shadow(own: Path, small: Path) -> None:
    gate = threading.Event()

    def hold() -> Frame | None:
        gate.wait(0.01)
        return picture(4.0)

    def source() -> Source:
        return FakeSource(moving(4), hold)

    sources: Sources = {"rtsp://a/": iter([source(), source()]), "rtsp://b/": iter([source()])}
    monitor, _, both = made(own, small, sources)
    with Running(monitor):
        wait_until(lambda: len(both.of(shadow=True)) == 2)
        left = configured(["rtsp://a/"], model=str(own), shadow=str(small))
        monitor.reload(left)
        wait_until(lambda: len(both.of(shadow=True)) == 3)
        assert sum(len(one.cameras) for one in monitor._workers) == 2, "b is forgotten twice"
    ends = {one.camera: one.reason for one in both.of(shadow=True) if one.event == "end"}
    assert ends == {
        "camera-0": EndReason.MONITOR_STOPPED,
        "camera-1": EndReason.CAMERA_REMOVED,
    }


def test_a_reload_that_is_refused_leaves_a_camera_its_tap(own: Path, small: Path) -> None:
    asked: list[str] = []
    waiting = iter([FakeSource(after=lost) for _ in range(1000)])

    def tap(camera: CameraOptions) -> None:
        asked.append(camera.name)

    monitor, _, _ = made(own, small, {"rtsp://a/": waiting}, tap=tap)
    strange = {"thresholds": {"nap": 0.5}}
    refused = configured(["rtsp://a/"], model=str(own), shadow=str(small), activity=strange)
    with Running(monitor):
        wait_until(lambda: asked == ["camera-0"])
        with pytest.raises(ConfigError, match="label nap is unknown"):
            monitor.reload(refused)
    assert asked == ["camera-0"], "what comes goes where it went before"


def test_windows_of_a_shadow_wait_for_the_others_and_replace_none_of_them(
    own: Path, small: Path
) -> None:
    taken: list[str] = []

    def seat(model: Path, *, shadow: bool) -> WorkerCamera:
        classifier, name = OnnxClassifier(model), "shadow" if shadow else "own"
        return WorkerCamera(
            CameraStatus("door", "rtsp://door/"),
            Pace.CAMERA,
            classifier,
            {"": ActivityTracker("door", ActivityOptions().rules(classifier.metadata))},
            lambda update: taken.append(name),
            math.inf,
            AlertMaker(classifier.sha256, name, 2.0, shadow=shadow),
            {},
        )

    worker = Worker(Dispatcher([]))
    camera, shadow = seat(own, shadow=False), seat(small, shadow=True)
    first, later = (Skipped("door", "", end_s, end_s, SkipReason.IDLE) for end_s in (2.0, 2.5))
    assert worker.submit(shadow, first) is None
    assert worker.submit(camera, first) is None
    assert worker.submit(shadow, later) is first, "its own newest replaces the one that waits"
    worker.close()
    worker.run()
    assert taken == ["own", "shadow"]


@pytest.mark.parametrize(
    ("motions", "delay_s"), [((True, True), 2.5), ((True, False), None), ((False, True), None)]
)
def test_a_camera_is_idle_only_if_both_models_may_pass_over_still_scenes(
    motions: tuple[bool, bool], delay_s: float | None, tmp_path: Path
) -> None:
    models = []
    for number, has_motion in enumerate(motions):
        motion = Motion(least=0.5, evaluation="tested") if has_motion else None
        about = metadata(name=f"m{number}", frames=10 + 20 * number, motion=motion)
        models.append(motion_model(tmp_path / f"{number}.onnx", about))
    given: list[SourceSettings] = []

    def make(address: Address, settings: SourceSettings) -> Source:
        given.append(settings)
        return FakeSource(still(1))

    options = configured(["a.mp4"], model=str(models[0]), shadow=str(models[1]))
    Monitor(options, make=make).run()
    assert given[0].decoding.idle_max_delay_s == delay_s
    assert given[0].decoding.context_s == pytest.approx(29 / 10 + 0.05), "of the longer one"


def test_nobody_sees_what_a_shadow_finds(own: Path, small: Path) -> None:
    class Looks:
        def __init__(self) -> None:
            self.updates: list[Update] = []

        def wants(self, camera: str) -> bool:
            return True

        def wakes(self, camera: str) -> bool:
            return False

        def take(self, channel: Channel, item: Frame | Update) -> bool:
            if isinstance(item, Update):
                self.updates.append(item)
            return False

        def forget(self, channel: Channel) -> None:
            pass

    monitor, _, _ = made(own, small, {"a.mp4": iter([FakeSource(moving(30))])})
    looks = Looks()
    monitor.hub.subscribe(looks)
    monitor.run()
    assert len(looks.updates) == 57 + 1, "the windows of its own model, and the end"


def test_a_shadow_that_cannot_be_used_is_told_at_the_start(own: Path, tmp_path: Path) -> None:
    missing = tmp_path / "none.onnx"
    with pytest.raises(ModelError, match=f"^{missing}: no such file or directory$"):
        made(own, missing, {"a.mp4": iter([])})
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(own.read_bytes())
    with pytest.raises(ConfigError, match=f"^shadow {copy}: is the camera's own model; another"):
        made(own, copy, {"a.mp4": iter([])})


@pytest.mark.parametrize("sinks", [[], [{"type": "console"}, {"type": "log", "path": "-"}]])
def test_what_a_shadow_finds_has_to_be_kept_somewhere(sinks: list[object]) -> None:
    camera = {"name": "door", "source": "a.mp4", "shadow": "fall"}
    with pytest.raises(ValidationError, match="camera door: what its shadow finds would be lost"):
        MonitorOptions.model_validate({"cameras": [camera], "sinks": sinks})
    kept = [*sinks, {"type": "store"}]
    assert MonitorOptions.model_validate({"cameras": [camera], "sinks": kept}).shadows
