"""The times of a stream whose own are missing, stuck or stepping."""

import itertools

import pytest

from monitor.source.frametimes import USELESS, FrameTimes


def times(stamps: list[float | None], clock_step_s: float = 0.1) -> list[float | None]:
    clock = itertools.count(1000.0, clock_step_s)
    frames = FrameTimes("rtsp://a/", lambda: next(clock))
    return [frames.of(stamp) for stamp in stamps]


def test_a_streams_own_times_count_from_its_first() -> None:
    assert times([5.0, 5.5, 6.0]) == [0.0, 0.5, 1.0]


def test_a_first_frame_without_a_time_is_the_origin() -> None:
    assert times([None, 0.04, 0.08]) == [0.0, 0.04, 0.08]


def test_a_single_frame_without_a_time_has_no_place() -> None:
    assert times([0.0, None, 0.08]) == [0.0, None, 0.08]


def test_a_step_back_is_passed_on() -> None:
    assert times([10.0, 10.1, 3.0, 3.1]) == pytest.approx([0.0, 0.1, -7.0, -6.9])


@pytest.mark.parametrize("stuck", [None, 7.0], ids=["missing", "the same"])
def test_times_that_do_not_move_are_replaced_by_the_clock(
    stuck: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    found = times([6.0, 7.0, *[stuck] * (USELESS + 3)])
    assert found[:2] == [0.0, 1.0]
    assert found[2 : 1 + USELESS] == [None] * (USELESS - 1)
    assert found[1 + USELESS :] == pytest.approx([1.0, 1.1, 1.2, 1.3])
    assert caplog.messages == ["rtsp://a/: its timestamps do not move: going by the clock"]
