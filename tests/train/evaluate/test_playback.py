"""Planned streams, watched by the monitor itself."""

import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.config.options import ActivityOptions
from monitor.errors import SourceError
from monitor.recognition.classifier import OnnxClassifier
from monitor.records import Activity, Outputs, Prediction, Skipped
from monitor.sources.file import FileSource
from monitor.windows.clip import scale_frame
from testkit.footage import quiet_footage
from testkit.media import make_video, number_of
from testkit.models import metadata, motion_model
from train.data.footage import Footage, find_footage
from train.data.layouts import find_clips
from train.evaluate.playback import PlannedSource, WatchedStream, watch_streams
from train.evaluate.scoring import Scorer
from train.evaluate.stream_results import clip_answers, match_stream, replay
from train.evaluate.streams import ClipInsert, PlanSegment, StreamPlan, plan_footage, plan_streams


def seen(activities: list[Activity] | tuple[Activity, ...]) -> list[tuple[object, ...]]:
    """All of an activity that does not depend on who made it, and when."""
    return [(a.label, a.start_s, a.end_s, a.score, a.peak_score, a.decided_s) for a in activities]


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> tuple[Footage, ...]:
    folder = tmp_path_factory.mktemp("footage")
    quiet_footage(folder / "yard.mp4", 30)
    return find_footage(folder)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> OnnxClassifier:
    return OnnxClassifier(motion_model(tmp_path_factory.mktemp("model") / "motion.onnx"))


@pytest.fixture(scope="module")
def clips(fight_clip: Path, nofight_clip: Path) -> list[ClipInsert]:
    return [
        ClipInsert(fight_clip, "fight.mp4", "moving", "scene", (480, 360), 4.8),
        ClipInsert(nofight_clip, "nofight.mp4", "still", "scene", (480, 360), 3.4),
    ]


@pytest.fixture(scope="module")
def watched(
    classifier: OnnxClassifier, clips: list[ClipInsert], footage: tuple[Footage, ...]
) -> WatchedStream:
    (one,) = watch_streams(classifier, plan_streams(clips, footage))
    return one


def test_a_stream_shows_its_segments_at_their_times_in_frames_of_one_size(
    clips: list[ClipInsert], footage: tuple[Footage, ...]
) -> None:
    (plan,) = plan_streams(clips, footage)
    source = PlannedSource(plan)
    source.open()
    times_s, sizes = [], set()
    while (picture := source.read()) is not None:
        times_s.append(picture.time_s)
        sizes.add((picture.picture.width, picture.picture.height))
    source.close()
    source.close()

    assert sizes == {(480, 360)}
    assert times_s[0] < 0.1
    steps = [later - earlier for earlier, later in pairwise(times_s)]
    assert min(steps) > 0
    assert max(steps) < 0.25, "no pause where one segment follows another"
    assert times_s[-1] == pytest.approx(plan.duration_s, abs=0.15)
    for segment, fps in zip(plan.segments, (10, None, 10, None, 10), strict=True):
        count = sum(segment.start_s <= time_s < segment.end_s - 1e-6 for time_s in times_s)
        expected = fps or {"fight.mp4": 29.97, "nofight.mp4": 25}[segment.name]
        assert count == pytest.approx(expected * (segment.end_s - segment.start_s), abs=2)


def test_clips_reach_the_model_unscaled_and_footage_from_its_own_frames(
    tmp_path: Path, fight_clip: Path
) -> None:
    film = make_video(tmp_path / "film.mp4", fps=10, duration_s=8, size=(320, 192))
    segments = (
        PlanSegment(film.path, "film", None, 3.0, 0.0, 1.0),
        PlanSegment(fight_clip, "fight", "moving", 0.0, 1.0, 5.8),
    )
    source = PlannedSource(StreamPlan("a", (480, 360), segments))
    source.open()
    shown = [source.read() for _ in range(60)]
    alone = FileSource(fight_clip)
    alone.open()

    numbers = [number_of(p.picture.to_ndarray(format="rgb24")) for p in shown[:10] if p is not None]
    assert numbers == list(range(30, 40))
    for picture in shown[10:]:
        own = alone.read()
        assert picture is not None
        assert own is not None
        assert picture.time_s == pytest.approx(1 + own.time_s)
        assert np.array_equal(scale_frame(picture.picture, 64), scale_frame(own.picture, 64))
    source.close()
    alone.close()


@pytest.mark.parametrize("offset_s", [0.0, 3.0])
def test_a_clip_that_is_a_part_of_a_video_is_shown_without_the_rest(
    tmp_path: Path, offset_s: float
) -> None:
    film = make_video(tmp_path / "film.mp4", fps=10, duration_s=8)
    segment = PlanSegment(film.path, "film#t=3,5", "moving", offset_s, 1.0, 3.0)
    source = PlannedSource(StreamPlan("a", (160, 96), (segment,)))
    source.open()
    shown = []
    while (picture := source.read()) is not None:
        shown.append((picture.time_s, number_of(picture.picture.to_ndarray(format="rgb24"))))
    source.close()

    times_s, numbers = zip(*shown, strict=True)
    first = round(10 * offset_s)
    assert numbers == tuple(range(first, first + 20))
    assert times_s == pytest.approx(np.arange(10, 30) / 10)


def test_scaled_footage_keeps_its_colour_tags(footage: tuple[Footage, ...]) -> None:
    segments = (PlanSegment(footage[0].path, "yard", None, 0.0, 0.0, 1.0),)
    for size in (None, (640, 360)):
        source = PlannedSource(StreamPlan("a", size, segments))
        source.open()
        picture = source.read()
        source.close()
        assert picture is not None
        tags = picture.picture.colorspace, picture.picture.color_range, picture.picture.format.name
        if size is None:
            as_decoded = tags
    assert tags == as_decoded


def test_the_monitor_sees_every_window_and_the_alerts_of_its_own_rules(
    watched: WatchedStream, classifier: OnnxClassifier
) -> None:
    plan = watched.plan
    windows = (plan.duration_s * 10 - 20) / 5 + 1
    assert len(watched.windows) == pytest.approx(windows, abs=2)
    ends = [window.end_s for window in watched.windows]
    assert ends == sorted(ends)
    (event,) = plan.events(("moving",))
    starts = [a for a in watched.alerts if a.end_s is None]
    assert any(event.start_s <= a.decided_s <= event.end_s for a in starts)
    for activity in starts:
        assert activity.decided_s in ends


@pytest.mark.parametrize(("smoothing_s", "min_s"), [(0.0, 0.0), (0.5, 0.5), (2.0, 1.0)])
def test_replayed_windows_give_the_activities_of_the_whole_monitor(
    watched: WatchedStream,
    clips: list[ClipInsert],
    footage: tuple[Footage, ...],
    tmp_path: Path,
    smoothing_s: float,
    min_s: float,
) -> None:
    tuning = {"hysteresis": 0.1, "smoothing_s": smoothing_s, "min_s": min_s}
    about = metadata(
        thresholds={"moving": 0.7}, tuning={**tuning, "metrics": {}, "evaluation": "by hand"}
    )
    model = OnnxClassifier(motion_model(tmp_path / "m.onnx", about))

    (under_those_rules,) = watch_streams(model, plan_streams(clips, footage))
    replayed = replay(watched.windows, ActivityOptions().rules(about))

    assert under_those_rules.alerts
    assert seen(replayed) == seen(under_those_rules.alerts)


def test_windows_that_are_not_classified_are_replayed_too(
    classifier: OnnxClassifier, fight_clip: Path, tmp_path: Path
) -> None:
    slow = quiet_footage(tmp_path / "slow.mp4", 12, fps=4)
    segments = (
        PlanSegment(fight_clip, "fight", "moving", 0.0, 0.0, 4.8),
        PlanSegment(slow, "slow", "still", 0.0, 4.8, 16.8),
    )

    (one,) = watch_streams(classifier, [StreamPlan("a", None, segments)])

    assert {type(window) for window in one.windows} == {Prediction, Skipped}
    rules = ActivityOptions().rules(classifier.metadata)
    assert one.alerts
    assert seen(replay(one.windows, rules)) == seen(one.alerts)


def test_streams_keep_their_order_and_their_own_windows(
    classifier: OnnxClassifier, footage: tuple[Footage, ...], tmp_path: Path
) -> None:
    for seconds in (16, 5, 11, 7, 9):
        quiet_footage(tmp_path / f"{seconds:02}.mp4", seconds)
    done: list[str] = []

    streams = watch_streams(classifier, plan_footage(find_footage(tmp_path)), done.append)

    assert done == ["05.mp4", "07.mp4", "09.mp4", "11.mp4", "16.mp4"]
    assert [len(one.windows) for one in streams] == [7, 11, 15, 19, 29]
    assert [one.plan.name for one in streams] == done
    assert not any(one.alerts for one in streams)


def test_any_scorer_with_metadata_can_watch(
    footage: tuple[Footage, ...],
) -> None:
    def classify(windows: NDArray[np.uint8]) -> Outputs:
        return Outputs(np.tile(np.array([0.9, 0.1], np.float32), (len(windows), 1)), None)

    (one,) = watch_streams(Scorer(classify, metadata()), plan_footage(footage))

    assert len(one.windows) == 57
    assert [activity.label for activity in one.alerts] == ["moving", "moving"]


@pytest.mark.expects_errors
def test_a_missing_file_is_an_error_that_names_it(
    classifier: OnnxClassifier, footage: tuple[Footage, ...], tmp_path: Path
) -> None:
    gone = PlanSegment(tmp_path / "gone.mp4", "gone", "moving", 0.0, 0.0, 2.0)
    whole = plan_footage(footage)

    with pytest.raises(SourceError, match=r"gone\.mp4: no such file$"):
        watch_streams(classifier, [*whole, StreamPlan("b", (64, 64), (gone,))])


def test_an_interrupt_leaves_no_thread_running(
    classifier: OnnxClassifier, footage: tuple[Footage, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    join = threading.Thread.join

    def interrupted(thread: threading.Thread, timeout: float | None = None) -> None:
        if thread.name == "closing":
            monkeypatch.undo()
            raise KeyboardInterrupt
        join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        watch_streams(classifier, plan_footage(footage) * 3)


def test_a_clip_is_answered_by_the_windows_that_show_at_least_half_of_it(
    watched: WatchedStream,
) -> None:
    def window(start_s: float, moving: float) -> Prediction:
        scores = {"moving": moving, "still": 1 - moving}
        return Prediction("a", start_s, start_s + 2, scores, 0.0)

    def answer(*windows: Prediction, length_s: float = 2.0) -> str | None:
        clip = PlanSegment(Path("c.mp4"), "c", "moving", 0.0, 10.0, 10.0 + length_s)
        (found,) = clip_answers(WatchedStream(StreamPlan("a", None, (clip,)), windows, ()))
        return found.label

    assert answer(window(8.9, 0), window(9.0, 0.9), window(11.0, 0.3), window(11.1, 0)) == "moving"
    assert answer(window(9.0, 0.6), window(11.0, 0.3)) == "still"
    assert answer(window(8.3, 0.1), window(9.7, 0.6), length_s=0.5) == "moving"
    assert answer(window(3.0, 0.9)) is None
    assert answer() is None
    assert {found.clip.name: found.label for found in clip_answers(watched)}[
        "fight.mp4"
    ] == "moving"


@pytest.mark.slow
def test_real_streams_of_the_shipped_model(shared_data: Path) -> None:
    dataset = find_clips(shared_data / "fight-surv")
    clips = [
        ClipInsert(dataset.file(clip), clip.path, clip.label, clip.group, (640, 360), 2.0)
        for clip in dataset.clips
        if clip.group == "yt016"
    ]
    assert len(clips) == 3
    classifier = OnnxClassifier()
    rules = ActivityOptions().rules(classifier.metadata)

    (one,) = watch_streams(
        classifier, plan_streams(clips, find_footage(shared_data / "surveillance"))
    )

    assert seen(one.alerts) == seen(replay(one.windows, rules))
    results = match_stream(one, rules, classifier.metadata.clip.span_s, one.alerts)
    assert results.matches == match_stream(one, rules, classifier.metadata.clip.span_s).matches
    assert len(results.matches.events) == 2
    assert any(alerts for _, alerts in results.matches.events), "it was trained on these very clips"
