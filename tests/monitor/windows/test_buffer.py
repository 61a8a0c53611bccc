"""Sampling by time, and the windows cut from it."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.errors import SourceLostError
from monitor.records import Window
from monitor.sources.address import parse_address
from monitor.sources.make import make_source
from monitor.sources.source import Source, SourceSettings
from monitor.states import SkipReason
from monitor.windows.buffer import WindowBuffer
from monitor.windows.clip import ClipSpec, scale_frame
from testkit.films import repeated
from testkit.servers.rtsp import rtsp_server

SPEC = ClipSpec(frames=20, size=1, fps=10)
MAX_GAP_S = 1.0
RATES = [10, 15, 20, 25, 29.97, 30, 60]


def cut(times: list[float], stride: int = 1, spec: ClipSpec = SPEC) -> tuple[list[Window], int]:
    """The windows of frames at `times`, whose pixels hold their index, and how many were taken."""
    buffer = WindowBuffer("cam", spec, stride, MAX_GAP_S)
    taken: list[int] = []

    def pixels(index: int) -> Callable[[], NDArray[np.uint8]]:
        def give() -> NDArray[np.uint8]:
            taken.append(index)
            return np.array([index >> 8, index & 255, 0], np.uint8).reshape(1, 1, 3)

        return give

    windows = [buffer.push(time_s, pixels(index)) for index, time_s in enumerate(times)]
    return [window for window in windows if window is not None], len(taken)


def indexes(window: Window) -> list[int]:
    """Which frames a window holds."""
    return [int(frame[0, 0, 0]) << 8 | int(frame[0, 0, 1]) for frame in window.clip]


@st.composite
def camera_times(draw: st.DrawFn, jitter_s: float = 0.02) -> list[float]:
    """Times of a camera's frames: a rate, jitter, and now and then a gap or a step back."""
    rate = draw(st.sampled_from(RATES))
    count = draw(st.integers(1, 200))
    # Delays: a frame is never there before it was taken.
    delays = draw(st.lists(st.floats(0, jitter_s), min_size=1, max_size=17))
    steps = draw(st.dictionaries(st.integers(1, 200), st.floats(-5, 5), max_size=2))
    times: list[float] = []
    offset_s = 0.0
    for index in range(count):
        offset_s += steps.get(index, 0.0)
        time_s = offset_s + index / rate + delays[index % len(delays)]
        # Jitter alone never turns two frames round: streams are read in order.
        if times and index not in steps:
            time_s = max(time_s, times[-1])
        times.append(time_s)
    return times


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("stride", [1, 5, 20])
def test_a_steady_camera_gives_a_window_every_stride_of_the_right_length(
    rate: float, stride: int
) -> None:
    times = [index / rate for index in range(round(6 * rate))]
    windows, taken = cut(times, stride)
    assert taken in (60, 61)  # at 60 frames per second the next slot has begun
    assert len(windows) == (taken - SPEC.frames) // stride + 1
    for window in windows:
        assert window.end_s - window.start_s == pytest.approx(1.9, rel=0.04)
        assert window.fps == pytest.approx(SPEC.fps, rel=0.04)
        assert window.missing == 0
    for one, next_one in pairwise(windows):
        assert next_one.start_s - one.start_s == pytest.approx(stride / SPEC.fps, abs=0.07)


def unbroken(times: list[float]) -> bool:
    """Whether no gap and no step back lies between these times."""
    return all(time_s <= later <= time_s + MAX_GAP_S for time_s, later in pairwise(times))


@given(camera_times(), st.integers(1, 25))
@example([index / 10 for index in (*range(25), *range(24))], 5)  # steps back onto the same times
def test_windows_hold_frames_in_order_and_never_span_a_gap_or_a_step_back(
    times: list[float], stride: int
) -> None:
    windows, _ = cut(times, stride)
    for window in windows:
        held = indexes(window)
        assert window.clip.shape == SPEC.shape
        assert (window.start_s, window.end_s) == (times[held[0]], times[held[-1]])
        assert (np.diff([times[index] for index in held]) > 0).all()
        assert unbroken(times[held[0] : held[-1] + 1])
    kept = max(0, SPEC.frames - stride)
    for one, next_one in pairwise(map(indexes, windows)):
        assert one[-1] < next_one[-1]
        if unbroken(times[one[0] : next_one[-1] + 1]):
            assert one[SPEC.frames - kept :] == next_one[:kept]
        else:
            assert one[-1] < next_one[0]


@given(
    st.sampled_from(RATES),
    st.lists(st.floats(0, 0.02), min_size=1, max_size=23),
    st.integers(1, 20),
)
def test_jitter_changes_the_length_of_a_window_by_a_tenth_at_most(
    rate: float, delays: list[float], stride: int
) -> None:
    times = [index / rate + delays[index % len(delays)] for index in range(round(8 * rate))]
    windows, _ = cut(sorted(times), stride)
    assert windows
    for window in windows:
        assert window.end_s - window.start_s == pytest.approx(1.9, rel=0.1)


@given(st.lists(st.floats(0, 0.02), min_size=1, max_size=100))
def test_jitter_costs_a_camera_at_the_models_rate_no_frame(delays: list[float]) -> None:
    times = [index / 10 + delays[index % len(delays)] for index in range(100)]
    _, taken = cut(times)
    assert taken == len(times)


@given(st.floats(0, 0.099), st.lists(st.floats(-0.02, 0.02), min_size=100, max_size=100))
def test_a_late_first_frame_costs_a_camera_at_the_models_rate_one_frame_at_most(
    late_s: float, jitter: list[float]
) -> None:
    times = [late_s, *(index / 10 + jitter[index] for index in range(1, 100))]
    windows, taken = cut(sorted(times))
    assert taken >= len(times) - 1
    for window in windows:
        assert window.end_s - window.start_s <= 1.1 * 1.9


@given(st.floats(9.9, 10.1), st.lists(st.floats(0, 0.01), min_size=7, max_size=31))
@settings(max_examples=30)
def test_a_clock_that_runs_a_little_wrong_does_not_stretch_windows(
    rate: float, delays: list[float]
) -> None:
    times = [index / rate + delays[index % len(delays)] for index in range(600)]
    windows, _ = cut(times, stride=10)
    assert len(windows) >= 57
    for window in windows:
        assert window.end_s - window.start_s == pytest.approx(1.9, rel=0.1)


def test_pixels_are_asked_for_sampled_frames_only() -> None:
    _, taken = cut([index / 30 for index in range(300)])
    assert taken == 100


def test_a_camera_below_the_models_rate_says_how_much_is_missing() -> None:
    windows, taken = cut([index / 5 for index in range(30)])
    assert taken == 30
    assert (windows[0].fps, windows[0].usual_fps) == pytest.approx((5, 5))
    assert windows[0].missing == 19


def test_frames_that_were_lost_are_counted() -> None:
    times = [index / 30 for index in range(100) if not 30 <= index < 45]
    windows, _ = cut(times, stride=1)
    worst = max(windows, key=lambda window: window.missing)
    assert worst.missing == pytest.approx(4, abs=1)
    assert worst.fps < 8.5
    assert worst.usual_fps == pytest.approx(10)


def test_a_gap_a_step_back_and_a_reset_start_afresh() -> None:
    def seconds(start_s: float) -> list[float]:
        return [start_s + index / 10 for index in range(15)]

    assert cut(seconds(0) + seconds(1.5))[0]
    assert not cut(seconds(0) + seconds(2.5))[0]
    assert not cut(seconds(0) + seconds(-5))[0]
    buffer = WindowBuffer("cam", SPEC, 1)
    black = np.zeros((1, 1, 3), np.uint8)
    for time_s in seconds(0):
        assert buffer.push(time_s, lambda: black) is None
    buffer.reset()
    assert not buffer.started
    for time_s in seconds(1.5):
        assert buffer.push(time_s, lambda: black) is None


def no_pixels() -> NDArray[np.uint8]:
    return np.zeros((1, 1, 3), np.uint8)


@given(camera_times(), st.integers(0, 200), st.integers(1, 7))
def test_another_buffer_goes_on_where_one_was(times: list[float], begin: int, stride: int) -> None:
    first, second = (WindowBuffer("cam", SPEC, stride, MAX_GAP_S) for _ in range(2))
    for time_s in times[:begin]:
        first.skip(time_s)
    second.resume(first.place)
    for time_s in times[begin:]:
        one, other = first.push(time_s, no_pixels), second.push(time_s, no_pixels)
        assert second.place == first.place
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert (one.start_s, one.end_s) == (other.start_s, other.end_s)
            assert second.start_s == other.start_s


def test_it_has_the_windows_that_begin_from_there_on() -> None:
    times = [index / 25 for index in range(200)]
    first, second = (WindowBuffer("cam", SPEC, 5, MAX_GAP_S) for _ in range(2))
    every = [window for time_s in times if (window := first.push(time_s, no_pixels))]
    before = WindowBuffer("cam", SPEC, 5, MAX_GAP_S)
    for time_s in times[:60]:
        before.skip(time_s)
    second.resume(before.place)
    found = [window for time_s in times[60:] if (window := second.push(time_s, no_pixels))]
    assert found
    assert [one.start_s for one in found] == [
        one.start_s for one in every if one.start_s >= times[60]
    ]


@pytest.mark.parametrize("first", [3, 20, 22, 23, 24])
def test_after_an_overload_the_first_window_comes_as_soon_as_it_can(first: int) -> None:
    buffer = WindowBuffer("a", SPEC, 5)
    passed = [
        buffer.skip(number / 10, reason=SkipReason.OVERLOAD) is not None for number in range(first)
    ]
    assert passed == [number >= 19 and number % 5 == 4 for number in range(first)]
    pixels = np.zeros((1, 1, 3), np.uint8)
    made = [buffer.push((first + number) / 10, lambda: pixels) for number in range(25)]
    assert [window is not None for window in made] == [n in (19, 24) for n in range(25)]
    assert made[19] is not None
    assert made[19].start_s == first / 10


def test_frames_of_the_same_time_are_one_frame() -> None:
    windows, taken = cut([index // 3 / 10 for index in range(60)])
    assert taken == 20
    assert len(windows) == 1


def test_a_window_does_not_change_when_the_buffer_goes_on() -> None:
    buffer = WindowBuffer("cam", ClipSpec(frames=2, size=1, fps=10), stride=1)
    grey = [np.full((1, 1, 3), level, np.uint8) for level in range(4)]
    buffer.push(0.0, lambda: grey[0])
    window = buffer.push(0.1, lambda: grey[1])
    buffer.push(0.2, lambda: grey[2])
    buffer.push(0.3, lambda: grey[3])
    assert window is not None
    assert window.clip[:, 0, 0, 0].tolist() == [0, 1]


def test_a_stride_below_one_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="stride 0: at least 1"):
        WindowBuffer("cam", SPEC, 0)


def windows_of(source: Source, camera: str) -> list[Window]:
    """The windows of a source, as the capture thread and the training cut them."""
    spec = ClipSpec(frames=20, size=64, fps=10)
    buffer = WindowBuffer(camera, spec, stride=4)
    windows: list[Window] = []
    source.open()
    try:
        while (picture := source.read()) is not None:
            frame = picture.picture
            window = buffer.push(picture.time_s, lambda frame=frame: scale_frame(frame, spec.size))
            if window is not None:
                windows.append(window)
    except SourceLostError:
        pass  # how a live stream ends
    source.close()
    return windows


@pytest.mark.parametrize(
    ("name", "transport"), [("fight", "tcp"), ("nofight", "tcp"), ("nofight", "udp")]
)
def test_a_clip_gives_the_same_windows_to_the_byte_from_its_file_and_from_a_camera(
    name: str, transport: Literal["tcp", "udp"], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(f"{name}_clip")
    count = {"fight": 8, "nofight": 4}[name]
    if transport == "udp":  # whose goodbye overtakes what was not read yet
        path = repeated(tmp_path / "twice.mp4", path, 2)
    offline = windows_of(make_source(parse_address(str(path)), SourceSettings()), "file")
    with rtsp_server(path) as server:
        settings = SourceSettings(transport=transport)
        live = windows_of(make_source(parse_address(server.url), settings), "live")
    assert len(live) >= count
    assert len(live) == len(offline) == count or transport == "udp"
    for one, other in zip(offline, live, strict=transport == "tcp"):
        assert one.clip.tobytes() == other.clip.tobytes()
        # RTP counts in 1/90000 s.
        assert (one.start_s, one.end_s) == pytest.approx((other.start_s, other.end_s), abs=1e-4)
        assert one.missing == other.missing == 0
