import keras
import numpy as np
import pytest

from monitor.errors import ConfigError
from monitor.windows.clip import ClipSpec
from train.networks.architectures import build
from train.networks.trajectories import CELLS, trajectories

SPEC = ClipSpec(frames=8, size=64, fps=10.0)
ACROSS, DOWN, HEIGHT = 0, 1, 10  # places among the moments of the finer cells


def _seen(clip: np.ndarray) -> np.ndarray:
    """(T - 1, 24) of one clip."""
    given = keras.Input(SPEC.shape, dtype="uint8")
    network = keras.Model(given, trajectories(given))
    return np.asarray(network(clip[np.newaxis]))[0]


def _ball(across: float, down: float, top: float = 32.0, bright: float = 200.0) -> np.ndarray:
    """A soft ball that goes so many pixels a frame."""
    rows, columns = np.mgrid[: SPEC.size, : SPEC.size]
    frames = []
    for step in range(SPEC.frames):
        x, y = 32 + across * step, top + down * step
        frames.append(bright * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 60) + 5)
    return np.repeat(np.stack(frames)[..., np.newaxis], 3, axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    ("across", "down", "place", "sign"),
    [
        pytest.param(0, 2, DOWN, 1, id="down"),
        pytest.param(0, -2, DOWN, -1, id="up"),
        pytest.param(2, 0, ACROSS, 1, id="to the right"),
        pytest.param(-2, 0, ACROSS, -1, id="to the left"),
    ],
)
def test_what_moves_is_seen_to_move_that_way(
    across: float, down: float, place: int, sign: int
) -> None:
    seen = _seen(_ball(across, down)).mean(axis=0)

    assert sign * seen[place] == pytest.approx(2 / CELLS[0], rel=0.5)
    assert abs(seen[ACROSS + DOWN - place]) < 0.1


def test_a_fall_looks_the_same_in_the_dark_as_by_day() -> None:
    day, dark = (_seen(_ball(0, 2, bright=bright))[:, DOWN].mean() for bright in (200, 25))

    assert dark == pytest.approx(day, rel=0.25)


def test_the_same_motion_is_the_same_wherever_it_is_but_for_its_height() -> None:
    high, low = (_seen(_ball(0, 1, top=top)).mean(axis=0) for top in (20, 36))

    assert low[HEIGHT] > high[HEIGHT] + 0.1
    assert low[DOWN] == pytest.approx(high[DOWN], abs=0.05)


def test_a_still_picture_goes_nowhere() -> None:
    still = _seen(_ball(0, 0))

    np.testing.assert_allclose(still[:, [ACROSS, DOWN, HEIGHT]], 0, atol=1e-6)


def test_clips_too_short_for_a_lasting_motion_are_refused() -> None:
    with pytest.raises(ConfigError, match="too small or too short"):
        build("motion-trajectories", ClipSpec(frames=4, size=64, fps=10.0), 2)
