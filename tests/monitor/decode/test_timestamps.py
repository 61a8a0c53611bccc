"""The times of a stream whose own are missing, stuck, out of order or stepping."""

import itertools
import logging
import random

import pytest

from monitor.decode.timestamps import CONFIRMED, DISORDER_S, USELESS, TimestampRepair


def times(stamps: list[float | None], clock_step_s: float = 0.1) -> list[float | None]:
    clock = itertools.count(1000.0, clock_step_s)
    frames = TimestampRepair("rtsp://a/", lambda: next(clock))
    return [frames.of(stamp) for stamp in stamps]


def steady(seconds: float, fps: float = 25, start_s: float = 10.0) -> list[float | None]:
    return [start_s + index / fps for index in range(round(seconds * fps))]


def test_a_streams_own_times_count_from_its_first() -> None:
    assert times([5.0, 5.5, 6.0]) == [0.0, 0.5, 1.0]


def test_a_stream_that_is_read_from_within_goes_on_counting() -> None:
    frames = TimestampRepair("a.mp4", lambda: 0.0)
    frames.resume(origin_s=5.0, last_s=299.96)
    assert [frames.of(stamp) for stamp in (305.0, 305.04, 305.02)] == [
        300.0,
        305.04 - 5.0,
        305.04 - 5.0,
    ]


def test_a_first_frame_without_a_time_is_the_origin() -> None:
    assert times([None, 0.04, 0.08]) == [0.0, 0.04, 0.08]


def test_a_single_frame_without_a_time_has_no_place() -> None:
    assert times([0.0, None, 0.08]) == [0.0, None, 0.08]


def test_a_frame_a_hair_early_has_the_time_of_the_one_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    assert times([0.0, 0.04, 0.03, 0.08]) == [0.0, 0.04, 0.04, 0.08]
    assert caplog.messages == ["rtsp://a/: its timestamps step back by 10 ms now and then"]


@pytest.mark.parametrize("fps", [10, 25, 30, 60])
@pytest.mark.parametrize("jitter_s", [0.007, 0.025, 0.06])
def test_jitter_leaves_times_in_order_and_where_they_were(fps: float, jitter_s: float) -> None:
    drawn = random.Random(1)
    stamps = [index / fps + drawn.uniform(0, jitter_s) for index in range(round(60 * fps))]
    found = times([*stamps])
    assert None not in found
    placed = [time_s for time_s in found if time_s is not None]
    assert placed == sorted(placed)
    assert placed[-1] == pytest.approx(stamps[-1] - stamps[0], abs=jitter_s)


def test_frames_that_are_swapped_lose_none() -> None:
    stamps = steady(4)
    stamps[1::2], stamps[2::2] = [*stamps[2::2], 14.0], stamps[1::2][:-1]
    placed = [time_s for time_s in times(stamps) if time_s is not None]
    assert len(placed) == 100
    assert placed == sorted(placed)


@pytest.mark.parametrize("off_s", [37_600.0, -37_600.0, 20.0, -5.0])
def test_a_frame_far_from_all_others_is_passed_over(
    off_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    stamps = steady(4)
    right = times(steady(4))
    for index in (30, 60, 61):
        stamp = stamps[index]
        assert stamp is not None
        stamps[index] = stamp + off_s
        right[index] = None
    assert times(stamps) == right
    assert len(caplog.messages) == 1
    assert caplog.messages[0].endswith(f"a timestamp is {off_s + 0.04:.1f} s off: passed over")


@pytest.mark.parametrize("by_s", [3600.0, -3600.0, -5.0])
def test_a_jump_that_lasts_is_passed_on(by_s: float) -> None:
    stamps = steady(2) + steady(2, start_s=12.0 + by_s)
    found = times(stamps)
    assert found[50 : 49 + CONFIRMED] == [None] * (CONFIRMED - 1)
    assert found[49 + CONFIRMED :] == pytest.approx(
        [2.0 + by_s + index / 25 for index in range(CONFIRMED - 1, 50)]
    )


@pytest.mark.parametrize("by_s", [0.3, 0.9 * DISORDER_S])
def test_a_clock_that_is_set_back_a_little_goes_on(by_s: float) -> None:
    found = times(steady(2) + steady(3, start_s=12.0 - by_s))
    placed = [time_s for time_s in found if time_s is not None]
    assert len(placed) == 125
    assert placed == sorted(placed)
    assert placed[-1] == pytest.approx(5.0, abs=0.35)
    assert max(b - a for a, b in itertools.pairwise(placed)) < 0.1


def test_a_pause_in_a_file_costs_the_frames_that_confirm_it() -> None:
    found = times(steady(1) + steady(1, start_s=111.0))
    assert found[25 : 24 + CONFIRMED] == [None] * (CONFIRMED - 1)
    assert found[24 + CONFIRMED :] == pytest.approx(
        [101.0 + index / 25 for index in range(CONFIRMED - 1, 25)]
    )


def test_a_pause_of_a_camera_in_which_as_much_time_passes_costs_none() -> None:
    clock = itertools.chain((index / 25 for index in range(25)), itertools.count(101.0, 0.04))
    frames = TimestampRepair("rtsp://a/", lambda: next(clock))
    found = [frames.of(stamp) for stamp in steady(1) + steady(1, start_s=111.0)]
    assert found[25:] == pytest.approx([101.0 + index / 25 for index in range(25)])


def test_frames_many_seconds_apart_are_taken_once_that_is_known() -> None:
    found = times([index * 10.0 for index in range(20)])
    assert found[CONFIRMED:] == [index * 10.0 for index in range(CONFIRMED, 20)]


@pytest.mark.parametrize("stuck", [None, 7.0], ids=["missing", "the same"])
def test_times_that_do_not_move_are_replaced_by_the_clock(
    stuck: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    found = times([6.0, 7.0, *[stuck] * (USELESS + 3)])
    assert found[:2] == [0.0, 1.0]
    assert found[2 : 1 + USELESS] == [None if stuck is None else 1.0] * (USELESS - 1)
    assert found[1 + USELESS :] == pytest.approx([1.0, 1.1, 1.2, 1.3])
    assert caplog.messages == ["rtsp://a/: its timestamps cannot be used: going by the clock"]


def test_times_without_any_order_are_replaced_by_the_clock() -> None:
    stamps = [0.0, *(1e6 / (index + 1) * (-1) ** index for index in range(2 * USELESS))]
    placed = times([*stamps])
    assert placed[1:USELESS] == [None] * (USELESS - 1)
    assert placed[USELESS:] == sorted(time_s or 0.0 for time_s in placed[USELESS:])
