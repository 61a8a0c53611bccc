"""The axis on which a camera's frames lie."""

import math
import random

import pytest

from monitor.sources.timeline import APART_S, INTERVAL_S, JUMP_S, CameraTimeline


def watch(
    timeline: CameraTimeline, seconds: float, *, clock: float = 1.0, start_s: float = 0.0
) -> float:
    """Frames at 25 a second of a camera whose clock runs so fast; the last one's lead over ours."""
    ahead_s = 0.0
    for number in range(round(seconds * 25)):
        taken_s = number / 25
        arrived_s = start_s + taken_s + random.Random(number).uniform(0.0, 0.08)
        ahead_s = timeline.place(taken_s * clock, 1000 + arrived_s).time_s - start_s - taken_s
    return ahead_s


def test_the_axis_starts_with_the_first_frame_and_follows_the_streams_own_time() -> None:
    timeline = CameraTimeline(live=True)
    arrivals = (50.0, 50.9, 50.9, 50.9, 51.0)  # late, and then together
    times = [timeline.place(n * 0.2, at_s).time_s for n, at_s in enumerate(arrivals)]
    assert times == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])


def test_the_axis_of_a_file_that_is_read_from_within_is_that_of_the_file() -> None:
    timeline = CameraTimeline(live=False)
    assert [timeline.place(at_s, 0.0).time_s for at_s in (300.5, 300.7)] == [300.5, 300.7]


@pytest.mark.parametrize("clock", [1.001, 0.999, 1.005, 0.98, 1.025])
def test_a_camera_whose_clock_is_off_does_not_drift_away(clock: float) -> None:
    measured_s = 2 * INTERVAL_S  # what its error is known by
    most_s = APART_S + 0.2 + measured_s * abs(clock - 1)
    assert abs(watch(CameraTimeline(live=True), 1800, clock=clock)) < most_s


@pytest.mark.parametrize("clock", [0.3, 0.5, 0.84, 0.9, 1.1, 1.19, 1.67, 2.5])
def test_a_clock_that_runs_wrong_gives_way_to_the_arrival_of_the_frames(clock: float) -> None:
    timeline = CameraTimeline(live=True)
    rates, moment = [], None
    for number in range(90 * 25):
        taken_s = number / 25
        moment = timeline.place(taken_s * clock, 1000 + taken_s)
        rates += [(taken_s, moment.rate)] if moment.rate is not None else []
    assert moment is not None
    ((found_s, rate),) = rates
    assert rate == pytest.approx(clock, abs=0.02)
    assert found_s < 25
    # What it was ahead by then is taken back slowly: the axis never steps back.
    ahead_s = moment.time_s - taken_s
    assert -0.1 < ahead_s <= max(APART_S, found_s * (clock - 1))


@pytest.mark.parametrize("clock", [0.5, 1.67])
def test_a_stream_whose_clock_is_to_be_kept_keeps_it(clock: float) -> None:
    timeline = CameraTimeline(live=True, mode="stream")
    moments = [timeline.place(n / 25 * clock, 1000 + n / 25) for n in range(60 * 25)]
    assert all(moment.rate is None and moment.jump_s is None for moment in moments)
    assert moments[-1].time_s == pytest.approx(1499 / 25 * clock)


def test_frames_that_are_placed_by_arrival_lie_where_they_arrive() -> None:
    timeline = CameraTimeline(live=True, mode="arrival")
    stamps = [0.0, 50.0, 3.0, 3.0, -20.0, 7.0]
    moments = [timeline.place(s, 1000 + n / 25) for n, s in enumerate(stamps)]
    assert [moment.time_s for moment in moments] == pytest.approx([n / 25 for n in range(6)])
    assert all(moment.jump_s is None for moment in moments)


def test_a_network_whose_delay_grows_and_shrinks_is_no_wrong_clock() -> None:
    timeline = CameraTimeline(live=True)
    for number in range(300 * 25):
        taken_s = number / 25
        delay_s = 0.6 + 0.6 * math.sin(taken_s / 8)
        moment = timeline.place(taken_s, 1000 + taken_s + delay_s)
        assert moment.rate is None


def test_recorded_video_that_is_sent_at_once_keeps_its_own_time() -> None:
    timeline = CameraTimeline(live=True)
    moments = [timeline.place(n / 25, 1000 + n / 25 / 40) for n in range(600 * 25)]
    assert all(moment.rate is None for moment in moments)


def test_jitter_alone_moves_nothing() -> None:
    assert watch(CameraTimeline(live=True), 600) == pytest.approx(0, abs=1e-9)


def test_a_network_that_stalls_moves_nothing() -> None:
    timeline = CameraTimeline(live=True)
    for number in range(2000):
        taken_s = number / 25
        arrived_s = taken_s if taken_s < 30 else max(taken_s, 34.0)
        moment = timeline.place(taken_s, 1000 + arrived_s)
        assert moment.jump_s is None
        assert moment.time_s == pytest.approx(taken_s)


@pytest.mark.parametrize("jump_s", [3600.0, 10.0, -3600.0, -0.5], ids=str)
def test_timestamps_that_jump_are_no_time_that_passed(jump_s: float) -> None:
    timeline = CameraTimeline(live=True)
    for number in range(100):
        timeline.place(number / 25, 1000 + number / 25)
    broke = timeline.place(4 + jump_s, 1004)
    assert broke.jump_s == pytest.approx(jump_s)
    assert (broke.time_s, broke.step_s) == (pytest.approx(4.0), 0)
    after = timeline.place(4.04 + jump_s, 1004.04)
    assert (after.time_s, after.jump_s) == (pytest.approx(4.04), None)


def test_a_camera_that_pauses_its_clock_is_put_right() -> None:
    timeline = CameraTimeline(live=True)
    for number in range(25 * 30):
        timeline.place(number / 25, 1000 + number / 25)
    behind_s, jumps = 20.0, []
    for number in range(25 * 30, 25 * 60):
        moment = timeline.place(number / 25, 1000 + number / 25 + behind_s)
        jumps += [moment.jump_s] if moment.jump_s is not None else []
    assert jumps == [pytest.approx(-behind_s)]
    assert moment.time_s == pytest.approx(number / 25 + behind_s, abs=APART_S)


def test_frames_that_were_kept_for_a_viewer_and_come_at_once_are_no_jump() -> None:
    timeline = CameraTimeline(live=True)
    moments = [timeline.place(n / 25, 1000 + max(0.0, n / 25 - 2)) for n in range(200)]
    assert all(moment.jump_s is None for moment in moments)
    assert moments[-1].time_s == pytest.approx(199 / 25)


def test_the_axis_goes_on_over_a_loss_with_the_time_that_passed() -> None:
    timeline = CameraTimeline(live=True)
    timeline.place(0.0, 1000)
    timeline.place(5.0, 1005)
    timeline.connect()
    first = timeline.place(0.0, 1065)
    assert (first.time_s, first.step_s, first.jump_s) == (65, 0, None)
    assert timeline.place(1.0, 1066).time_s == 66


def test_in_a_file_no_time_passes_but_its_own() -> None:
    timeline = CameraTimeline(live=False)
    assert timeline.place(0.0, 1000).time_s == 0
    assert timeline.place(100.0, 1000.01).time_s == 100, "a gap is a gap"
    back = timeline.place(3.0, 1000.02)
    assert (back.time_s, back.jump_s) == (100, -97)
    assert timeline.place(4.0, 1000.03).time_s == 101


def test_the_axis_never_steps_back() -> None:
    timeline, random_ = CameraTimeline(live=True), random.Random(1)
    last_s, pts_s, arrived_s = 0.0, 0.0, 0.0
    for _ in range(5000):
        pts_s += random_.choice((0.04, 0.04, 0.04, -30, 2 * JUMP_S, 0.5))
        arrived_s += random_.choice((0.0, 0.04, 0.08, 0.04, INTERVAL_S / 3))
        if random_.random() < 0.01:
            timeline.connect()
        moment = timeline.place(pts_s, arrived_s)
        assert moment.time_s >= last_s
        last_s = moment.time_s
