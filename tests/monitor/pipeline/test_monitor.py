"""The monitor's threads: who starts, who ends, who must not be held up by whom."""

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from av import VideoFrame

from monitor.config.options import MonitorOptions
from monitor.errors import SinkError, SourceError, SourceOpenError
from monitor.pipeline.monitor import Monitor
from monitor.recognition.classifier import OnnxClassifier
from monitor.records import Frame, Prediction, Skipped
from testkit.fakes import FakeSource, RecordingSink, lost, moving, picture, still, wait_until
from testkit.models import motion_model
from testkit.patience import LIMIT_S, Stopwatch
from testkit.watching import Running, Sources, watching


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> OnnxClassifier:
    return OnnxClassifier(motion_model(tmp_path_factory.mktemp("model") / "motion.onnx"))


def test_a_file_loses_no_window_and_ends_by_itself(classifier: OnnxClassifier) -> None:
    source = FakeSource(moving(30))
    monitor, sink = watching(classifier, {"clip.mp4": iter([source])})
    monitor.run()
    (camera,) = monitor.cameras
    assert camera.state == "ended"
    assert camera.windows == (300 - 20) // 5 + 1
    assert not camera.dropped
    start, end = sink.alerts
    assert (start.start_s, end.end_s) == (0.0, pytest.approx(29.9, abs=0.5))
    assert sink.closed
    assert source.closed


def test_a_camera_that_is_lost_is_watched_again_and_its_activity_ended(
    classifier: OnnxClassifier,
) -> None:
    sources = [FakeSource(moving(4), lost), FakeSource(moving(4), lost), FakeSource(still(9), lost)]
    block = FakeSource(opening=lambda: time.sleep(0.05), after=lost)
    monitor, sink = watching(classifier, {"rtsp://a/": iter([*sources, *[block] * 1000])})
    with Running(monitor):
        sink.wait_for(4)
    events = [(a.end_s is None, a.id) for a in sink.alerts]
    assert [started for started, _ in events] == [True, False, True, False]
    first_end, second_start = sink.alerts[1], sink.alerts[2]
    assert first_end.end_s is not None
    assert second_start.start_s > 0, "the axis goes on after a loss"
    assert monitor.cameras[0].reconnects >= 1


def test_a_camera_that_is_down_at_start_does_not_stop_another(classifier: OnnxClassifier) -> None:
    def refuse() -> None:
        raise SourceOpenError("rtsp://down/: refused: connection refused", "refused")

    down = (FakeSource(opening=refuse) for _ in range(10_000))
    monitor, sink = watching(
        classifier, {"rtsp://down/": down, "rtsp://up/": iter([FakeSource(moving(4), lost)] * 999)}
    )
    with Running(monitor):
        sink.wait_for(1)
        wait_until(lambda: monitor.cameras[0].state == "retrying")
    assert {activity.camera for activity in sink.alerts} == {"camera-1"}


def test_the_same_trouble_is_logged_once(
    classifier: OnnxClassifier, caplog: pytest.LogCaptureFixture
) -> None:
    tries = []

    def refuse() -> None:
        tries.append(1)
        raise SourceOpenError("rtsp://down/: refused: connection refused", "refused")

    down = (FakeSource(opening=refuse) for _ in range(10_000))
    monitor, _ = watching(classifier, {"rtsp://down/": down})
    with caplog.at_level(logging.INFO), Running(monitor):
        wait_until(lambda: len(tries) >= 4)
    assert caplog.text.count("connection refused") == 1


@pytest.mark.parametrize("cause", ["authentication", "not found", "unknown host", "device"])
def test_where_nothing_can_ever_be_opened_the_monitor_ends_with_the_reason(
    classifier: OnnxClassifier, cause: Any
) -> None:
    def fail() -> None:
        raise SourceOpenError(f"rtsp://a/: {cause}", cause)

    sources = {f"rtsp://{n}/": (FakeSource(opening=fail) for _ in range(100)) for n in range(2)}
    monitor, _ = watching(classifier, sources)
    with pytest.raises(SourceOpenError, match=cause):
        monitor.run()


@pytest.mark.expects_errors
def test_one_bad_file_does_not_stop_another_and_is_raised_at_the_end(
    classifier: OnnxClassifier,
) -> None:
    def fail() -> None:
        raise SourceOpenError("bad.mp4: not a video", "invalid")

    monitor, sink = watching(
        classifier,
        {"bad.mp4": iter([FakeSource(opening=fail)]), "good.mp4": iter([FakeSource(moving(4))])},
    )
    with pytest.raises(SourceError, match="not a video"):
        monitor.run()
    assert [activity.camera for activity in sink.alerts] == ["camera-1", "camera-1"]
    assert [camera.state for camera in monitor.cameras] == ["failed", "ended"]


@pytest.mark.expects_errors  # the second worker's
@pytest.mark.parametrize("stage", ["capture", "classify"])
def test_a_crash_in_a_stage_stops_the_others_and_is_raised(
    classifier: OnnxClassifier, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*args: object) -> Any:
        raise ZeroDivisionError(stage)

    source = FakeSource(moving(4), crash) if stage == "capture" else FakeSource(moving(600))
    monitor, sink = watching(
        classifier, {"a.mp4": iter([source]), "b.mp4": iter([FakeSource(moving(600))])}
    )
    if stage == "classify":
        monkeypatch.setattr(classifier, "classify", crash)
    with pytest.raises(ZeroDivisionError, match=stage):
        monitor.run()
    assert sink.closed


@pytest.mark.expects_errors
def test_a_sink_that_crashes_is_said_and_stops_nobody(
    classifier: OnnxClassifier, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(alert: object) -> None:
        raise ZeroDivisionError("this sink is broken")

    bad = RecordingSink()
    monkeypatch.setattr(bad, "write", crash)
    monitor, good = watching(classifier, {"a.mp4": iter([FakeSource(moving(6))])}, bad)
    with pytest.raises(SinkError, match=r"kept: 2 alerts were not written: ZeroDivisionError: "):
        monitor.run()
    assert [alert.event for alert in good.alerts] == ["start", "end"]
    assert caplog.text.count("kept could not take an alert") == 2


def test_a_crash_of_the_classifier_still_ends_what_is_open(
    classifier: OnnxClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    classify, calls = classifier.classify, itertools.count()

    def crash_later(clips: Any) -> Any:
        if next(calls) == 4:
            raise ZeroDivisionError("classify")
        return classify(clips)

    monkeypatch.setattr(classifier, "classify", crash_later)
    monitor, sink = watching(classifier, {"a.mp4": iter([FakeSource(moving(60))])})
    with pytest.raises(ZeroDivisionError):
        monitor.run()
    assert [activity.end_s is None for activity in sink.alerts] == [True, False]


def test_a_step_back_in_time_leaves_the_axis_going_on(classifier: OnnxClassifier) -> None:
    source = FakeSource([*moving(5), *moving(5)])
    monitor, sink = watching(classifier, {"a.mp4": iter([source])})
    monitor.run()
    start, end = sink.alerts
    assert start.start_s == 0
    assert end.end_s == pytest.approx(9.8, abs=0.5), "one act, on one axis"
    assert monitor.cameras[0].windows == 2 * 7, "none spans the step"
    assert 0 <= end.peak_score <= 1


def test_a_camera_that_was_watched_once_keeps_the_monitor_going(
    classifier: OnnxClassifier,
) -> None:
    def missing() -> None:
        raise SourceOpenError("rtsp://a/: not found", "not found")

    gone = (FakeSource(opening=missing) for _ in range(999))
    sources: Sources = {"rtsp://a/": itertools.chain([FakeSource(moving(4), lost)], gone)}
    monitor, _ = watching(classifier, sources)
    with Running(monitor):
        wait_until(lambda: monitor.cameras[0].cause == "not found")
    assert monitor.cameras[0].frames == 40


def test_stop_ends_what_is_open_within_two_seconds(classifier: OnnxClassifier) -> None:
    def endless() -> Iterator[Any]:
        number = 0
        while True:
            time.sleep(0.002)
            yield picture(number / 10, 60 + 120 * (number % 2))
            number += 1

    monitor, sink = watching(classifier, {"rtsp://a/": iter([FakeSource(endless())])})
    with Running(monitor):
        sink.wait_for(1)
        watch = Stopwatch()
        monitor.stop()
        monitor.stop()
    assert watch.seconds < 2
    assert [activity.end_s is None for activity in sink.alerts] == [True, False]
    assert monitor.cameras[0].state == "stopped"


def test_stop_does_not_wait_for_a_camera_that_hangs(classifier: OnnxClassifier) -> None:
    hang = threading.Event()

    def wait() -> None:
        hang.wait(LIMIT_S)
        raise SourceOpenError("late", "timeout")

    sources: Sources = {
        "rtsp://hangs/": iter([FakeSource(opening=wait)]),
        "rtsp://works/": iter([FakeSource(moving(4), lost)] * 999),
    }
    monitor, sink = watching(classifier, sources)
    with Running(monitor):
        sink.wait_for(1)
        watch = Stopwatch()
        monitor.stop()
    assert watch.seconds < 2.5
    assert sink.alerts[-1].end_s is not None
    hang.set()


def slow_until_the_stream_is_over(
    classifier: OnnxClassifier, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Frame | None]:
    """Have a window take until the stream is lost; the loss."""
    classify, ended = classifier.classify, threading.Event()

    def slow(clips: Any) -> Any:
        ended.wait(LIMIT_S)
        return classify(clips)

    def over() -> Frame | None:
        ended.set()
        return lost()

    monkeypatch.setattr(classifier, "classify", slow)
    return over


def test_a_slow_classifier_drops_windows_of_a_live_camera_and_counts_them(
    classifier: OnnxClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = slow_until_the_stream_is_over(classifier, monkeypatch)
    gone = (FakeSource(after=lost) for _ in range(999))
    sources: Sources = {"rtsp://a/": itertools.chain([FakeSource(moving(60), over)], gone)}
    monitor, _ = watching(classifier, sources)
    with Running(monitor):
        wait_until(lambda: monitor.cameras[0].state == "retrying")
    camera = monitor.cameras[0]
    assert 1 <= camera.windows <= 2, "one is at work, and the newest waits for it"
    assert camera.dropped["busy"] + camera.windows == (600 - 20) // 5 + 1


def test_it_is_known_what_waits_for_a_worker_and_how_long_it_has_been_at_one(
    classifier: OnnxClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    classify, go_on = classifier.classify, threading.Event()

    def slow(clips: Any) -> Any:
        go_on.wait(LIMIT_S)
        return classify(clips)

    def over() -> Frame | None:
        go_on.wait(LIMIT_S)
        return lost()

    monkeypatch.setattr(classifier, "classify", slow)
    gone = (FakeSource(after=lost) for _ in range(999))
    sources: Sources = {"rtsp://a/": itertools.chain([FakeSource(moving(10), over)], gone)}
    monitor, _ = watching(classifier, sources)
    assert monitor.workers == ((0, 0.0),)
    with Running(monitor):
        wait_until(lambda: monitor.workers[0].waiting == 1 and monitor.workers[0].busy_s > 0)
        go_on.set()
        wait_until(lambda: monitor.workers == ((0, 0.0),))


def test_a_camera_too_slow_for_the_model_is_not_classified_and_it_is_said(
    classifier: OnnxClassifier, caplog: pytest.LogCaptureFixture
) -> None:
    monitor, _ = watching(classifier, {"slow.mp4": iter([FakeSource(moving(20, fps=5))])})
    monitor.run()
    camera = monitor.cameras[0]
    assert camera.windows == 0
    assert camera.dropped["slow source"] > 1
    assert caplog.text.count("5.0 frames a second reach the model, it needs at least 8.0") == 1


def dark(seconds: float, start_s: float, fps: float = 10.0) -> list[Frame]:
    """Pictures of a covered lens."""
    black = VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")
    return [Frame(start_s + n / fps, black) for n in range(round(seconds * fps))]


def later(pictures: list[Frame], start_s: float) -> list[Frame]:
    return [Frame(start_s + one.time_s, one.picture) for one in pictures]


def test_a_black_picture_is_not_classified_and_ends_what_is_open(
    classifier: OnnxClassifier, caplog: pytest.LogCaptureFixture
) -> None:
    footage = [*moving(6), *dark(10, 6), *later(moving(12), 16)]
    monitor, sink = watching(classifier, {"a.mp4": iter([FakeSource(footage)])})
    with caplog.at_level(logging.INFO):
        monitor.run()
    first, end, second, _ = sink.alerts
    assert (first.end_s, end.id) == (None, first.id)
    assert end.end_s == pytest.approx(5.9, abs=0.6), "the last window that is not black"
    assert end.decided_s == pytest.approx(end.end_s + 2.0, abs=0.6), "one hold later, not at 16 s"
    assert second.start_s >= 16, "no window that was partly black"
    camera = monitor.cameras[0]
    assert camera.dropped["black"] == pytest.approx(24, abs=2)
    assert camera.windows + camera.dropped["black"] == (280 - 20) // 5 + 1
    assert caplog.text.count("camera camera-0: its picture is black") == 1
    assert caplog.text.count("camera camera-0: its windows are classified again") == 1


def test_without_the_quality_gates_every_window_is_classified(classifier: OnnxClassifier) -> None:
    source = FakeSource(dark(10, 0))
    monitor, _ = watching(classifier, {"a.mp4": iter([source])}, windows={"quality": False})
    monitor.run()
    assert monitor.cameras[0].windows == (100 - 20) // 5 + 1
    assert not monitor.cameras[0].dropped


@pytest.mark.parametrize(
    ("fps", "said"),
    [(4.0, "4.8 frames a second reach the model"), (0.5, "no frame came for 2.0 s")],
    ids=["too slow", "no window at all"],
)
def test_a_camera_that_becomes_too_slow_does_not_leave_an_activity_open(
    classifier: OnnxClassifier, fps: float, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    footage = [*moving(6), *later(moving(30, fps), 6)]
    monitor, sink = watching(classifier, {"a.mp4": iter([FakeSource(footage)])})
    monitor.run()
    start, end = sink.alerts
    assert start.id == end.id
    assert end.decided_s < 12, "and not at the end of the file, at 36 s"
    assert caplog.text.count(said) == 1


def test_a_skipped_window_may_replace_one_of_a_live_camera_and_both_are_counted(
    classifier: OnnxClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = slow_until_the_stream_is_over(classifier, monkeypatch)
    footage = [*moving(30), *dark(30, 30), *later(moving(30), 60)]
    gone = (FakeSource(after=lost) for _ in range(999))
    sources: Sources = {"rtsp://a/": itertools.chain([FakeSource(footage, over)], gone)}
    monitor, _ = watching(classifier, sources)
    with Running(monitor):
        wait_until(lambda: monitor.cameras[0].state == "retrying")
    camera = monitor.cameras[0]
    assert camera.dropped["busy"] > 20
    assert camera.dropped.total() + camera.windows == (900 - 20) // 5 + 1


def test_a_realtime_file_takes_its_own_time(classifier: OnnxClassifier) -> None:
    began_s, watch = time.monotonic(), Stopwatch()
    monitor, _ = watching(classifier, {"a.mp4": iter([FakeSource(still(1.0))])}, realtime=True)
    monitor.run()
    assert time.monotonic() - began_s > 0.85
    assert watch.seconds < 3


@pytest.mark.parametrize("count", [1, 8])
def test_cameras_share_one_worker_and_each_has_its_own_activities(
    classifier: OnnxClassifier, count: int
) -> None:
    sources: Sources = {f"{n}.mp4": iter([FakeSource(moving(6))]) for n in range(count)}
    monitor, sink = watching(classifier, sources)
    monitor.run()
    by_camera: dict[str, list[bool]] = {}
    for activity in sink.alerts:
        by_camera.setdefault(activity.camera, []).append(activity.end_s is None)
    assert by_camera == {f"camera-{n}": [True, False] for n in range(count)}


def test_cameras_are_shared_out_among_the_workers_and_each_keeps_its_order(
    classifier: OnnxClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.pipeline.monitor.cores", lambda: 2)
    by: dict[str, set[str]] = {}
    ends: dict[str, list[float]] = {}

    def note(window: Prediction | Skipped) -> None:
        by.setdefault(window.camera, set()).add(threading.current_thread().name)
        ends.setdefault(window.camera, []).append(window.end_s)

    sources = {f"{name}.mp4": FakeSource(moving(8)) for name in "abc"}
    monitor = Monitor(
        MonitorOptions.model_validate(
            {"cameras": [{"name": address[0], "source": address} for address in sources]}
        ),
        classifier,
        [RecordingSink()],
        make=lambda address, settings: sources[address.target],
        on_window=note,
    )
    monitor.run()
    assert by == {"a": {"classify-0"}, "b": {"classify-1"}, "c": {"classify-0"}}
    assert all(times == sorted(times) and len(times) > 5 for times in ends.values())
