"""What goes wrong in the monitor itself, and what of it ends the process."""

import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from monitor.errors import SourceLostError, SourceOpenError
from monitor.recognition.classifier import OnnxClassifier
from monitor.records import Frame
from monitor.sources.source import Source
from testkit.fakes import FakeSource, lost, moving, picture, wait_until
from testkit.models import motion_model
from testkit.patience import LIMIT_S, Stopwatch
from testkit.watching import Running, Sources, configured, watching


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> OnnxClassifier:
    return OnnxClassifier(motion_model(tmp_path_factory.mktemp("model") / "motion.onnx"))


def missing() -> None:
    raise SourceOpenError("rtsp://a/: not found", "not found")


def refused() -> None:
    raise SourceOpenError("rtsp://a/: refused: connection refused", "refused")


@pytest.mark.parametrize(
    "before", [FakeSource(moving(4), lost), FakeSource(opening=refused)], ids=["watched", "refused"]
)
def test_after_a_reload_a_lasting_cause_ends_nothing(
    classifier: OnnxClassifier, before: FakeSource
) -> None:
    down = threading.Event()
    tries: list[FakeSource] = []

    def later() -> Iterator[Source]:
        yield before
        while not down.is_set():
            yield FakeSource(opening=refused)
        while True:
            tries.append(FakeSource(opening=missing))
            yield tries[-1]

    monitor, _ = watching(classifier, {"rtsp://a/": later()})
    with Running(monitor):
        wait_until(lambda: monitor.cameras[0].cause == "refused")
        down.set()
        shared = {"retry_min_s": 0.1, "retry_max_s": 0.2}
        monitor.reload(configured(["rtsp://a/"], stream=shared))
        wait_until(lambda: len(tries) > 3)


def test_a_camera_that_leaves_and_hangs_is_left_to_itself_and_the_others_go_on(
    classifier: OnnxClassifier, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("monitor.pipeline.monitor.STOP_S", 0.2)
    hang, hanging = threading.Event(), threading.Event()

    def wait() -> None:
        hanging.set()
        hang.wait(LIMIT_S)

    def endless() -> Iterator[Frame]:
        for number in itertools.count():
            time.sleep(0.002)
            yield picture(number / 10, 60 + 120 * (number % 2))

    stays, hangs, comes = (f"rtsp://{name}/" for name in ("stays", "hangs", "comes"))
    sources: Sources = {
        stays: iter([FakeSource(endless())]),
        hangs: iter([FakeSource(moving(4), lambda: wait() or lost())]),
        comes: iter([FakeSource(endless())]),
    }
    quick = {"open_timeout_s": 0.2, "read_timeout_s": 0.2}
    cameras = [{"name": address[7:-1], "source": address} for address in sources]
    monitor, sink = watching(classifier, sources, cameras=cameras[:2], stream=quick)
    with Running(monitor):
        sink.wait_for(2)
        wait_until(lambda: monitor.cameras[1].frames == 40 and hanging.is_set())
        watch = Stopwatch()
        monitor.reload(configured((), cameras=[cameras[0], cameras[2]], stream=quick))
        assert watch.seconds < 2
        known = monitor.cameras[0].windows
        wait_until(lambda: monitor.cameras[0].windows > known and monitor.cameras[1].windows > 0)
        wait_until(lambda: any(one.reason == "camera removed" for one in sink.alerts))
        hang.set()
    assert caplog.text.count("camera hangs: did not end within 0.4 s: it is left to itself") == 1
    assert [one.name for one in monitor.cameras] == ["stays", "comes"]


@pytest.mark.expects_errors
@pytest.mark.parametrize("names", [("bad.mp4",), ("bad.mp4", "good.mp4")], ids=["alone", "of two"])
def test_a_crash_after_a_cameras_error_is_what_is_raised_and_the_error_is_said_once(
    classifier: OnnxClassifier,
    names: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def cut() -> Any:
        raise SourceLostError("bad.mp4: is cut short")

    def crash(clips: object) -> Any:
        wait_until(lambda: "capture-camera-0" not in [one.name for one in threading.enumerate()])
        raise ZeroDivisionError("classify")

    monkeypatch.setattr("monitor.pipeline.monitor.cores", lambda: 2)  # a worker for each camera
    monkeypatch.setattr(classifier, "classify", crash)
    sources: Sources = {
        name: iter([FakeSource(moving(2), cut) if name == "bad.mp4" else FakeSource(moving(4))])
        for name in names
    }
    monitor, _ = watching(classifier, sources)
    with pytest.raises(ZeroDivisionError):
        monitor.run()
    assert caplog.text.count("bad.mp4: is cut short") == 1


@pytest.mark.parametrize("name", ["closing", "classify-0", "heartbeat", "capture-camera-1"])
def test_where_a_thread_cannot_be_had_the_monitor_ends_with_the_error(
    classifier: OnnxClassifier, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == name:
            raise RuntimeError("can't start new thread")
        start(thread)

    monitor, sink = watching(
        classifier,
        {f"rtsp://{n}/": itertools.repeat(FakeSource(moving(1), lost)) for n in range(2)},
    )
    monkeypatch.setattr(threading.Thread, "start", refuse)
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="can't start new thread"):
        monitor.run()
    assert threading.active_count() == before
    assert sink.closed


def test_a_signal_handler_that_fails_ends_the_monitor(
    classifier: OnnxClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    join = threading.Thread.join

    def interrupted(thread: threading.Thread, timeout: float | None = None) -> None:
        if thread.name == "closing":
            monkeypatch.undo()
            raise RuntimeError("can't start new thread")
        join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", interrupted)
    monitor, sink = watching(classifier, {"a.mp4": iter([FakeSource(moving(600))])})
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="can't start new thread"):
        monitor.run()
    assert threading.active_count() == before
    assert sink.closed
