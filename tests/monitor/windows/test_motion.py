"""What is called motion, and what the gate makes of it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.health.status import CameraStatus
from monitor.records import Window
from monitor.windows.filter import WindowFilter
from monitor.windows.motion import motion
from train.evaluate.calibration import fit_min_motion


def still(seed: int = 0) -> NDArray[np.uint8]:
    """A clip of one picture, and every pixel of it a little different each time."""
    random = np.random.default_rng(seed)
    picture = random.integers(40, 200, (1, 64, 64, 3))
    noise = random.normal(0, 1, (20, 64, 64, 3))
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def with_square(clip: NDArray[np.uint8], levels: int = 60) -> NDArray[np.uint8]:
    """Something of 8x8 pixels walks across it."""
    walked = clip.copy()
    for frame in range(20):
        camera_key = walked[frame, 20:28, 2 * frame : 2 * frame + 8]
        camera_key[:] = np.minimum(camera_key.astype(int) + levels, 255)
    return walked


def test_noise_is_little_motion_and_a_small_thing_that_moves_is_much() -> None:
    assert motion(still()) < 2.5
    assert motion(with_square(still())) > 4 * motion(still())


def test_a_light_that_is_switched_on_is_no_motion() -> None:
    lit = still().astype(int)
    lit[9:] += 50
    assert motion(np.clip(lit, 0, 255).astype(np.uint8)) == pytest.approx(motion(still()), abs=0.5)


def test_pictures_that_lighten_slowly_are_no_motion() -> None:
    dawn = still() // 2 + np.arange(20, dtype=np.uint8)[:, np.newaxis, np.newaxis, np.newaxis]
    assert motion(dawn) < motion(still())


@pytest.mark.parametrize("size", [8, 20, 64, 224])
def test_any_size_of_clip_is_measured(size: int) -> None:
    clip = np.zeros((5, size, size, 3), np.uint8)
    assert motion(clip) == 0
    clip[2:, : size // 2] = 200
    clip[3:, : size // 2] = 0
    assert motion(clip) >= 0


def window(clip: NDArray[np.uint8]) -> Window:
    return Window("door", 0.0, 1.9, clip, 10.0, 10.0, 0, 0.0)


def test_the_gate_passes_over_what_hardly_moves_and_the_camera_has_no_fault() -> None:
    status = CameraStatus("door", "door.mp4")
    window_filter = WindowFilter(status, ("",), min_fps=8, check_pictures=True, min_motion=4.0)
    assert window_filter.skip_reason(window(still())) == "quiet"
    seen = status.snapshot()
    assert (seen.fault, seen.dropped, seen.missed) == ("quiet", {"quiet": 1}, 0)
    assert window_filter.skip_reason(window(with_square(still()))) is None
    assert status.snapshot().fault == ""


def test_a_model_without_a_limit_sees_everything() -> None:
    window_filter = WindowFilter(
        CameraStatus("door", "door.mp4"), ("",), min_fps=8, check_pictures=True
    )
    assert window_filter.skip_reason(window(still())) is None


def test_a_quiet_camera_has_recovered_from_its_fault(caplog: pytest.LogCaptureFixture) -> None:
    status = CameraStatus("door", "door.mp4")
    window_filter = WindowFilter(status, ("",), min_fps=8, check_pictures=True, min_motion=4.0)
    black = np.zeros((20, 64, 64, 3), np.uint8)
    assert window_filter.skip_reason(window(black)) == "black"
    later = Window("door", 10.0, 11.9, still(), 10.0, 10.0, 0, 0.0)
    with caplog.at_level("INFO"):
        assert window_filter.skip_reason(later) == "quiet"
    assert "its windows are classified again" in caplog.text


def test_the_limit_is_a_part_of_the_least_motion_of_what_alerts() -> None:
    moving = [with_square(still(seed), 100) for seed in range(3)]
    found = fit_min_motion(moving)
    assert found is not None
    assert found.least == pytest.approx(0.25 * min(map(motion, moving)), abs=0.01)


def test_there_is_no_limit_where_an_activity_hardly_moves() -> None:
    assert fit_min_motion([with_square(still()), still()]) is None
    assert fit_min_motion([]) is None
