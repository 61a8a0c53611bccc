"""What is said of a camera whose windows are not classified, and how often."""

import logging

import numpy as np
import pytest

from monitor.health.status import CameraStatus
from monitor.records import Window
from monitor.windows.filter import FROZEN_S, LASTING_S, RECOVERED_S, WindowFilter

STEP_S = 0.5
RANDOM = np.random.default_rng(1)
GOOD = RANDOM.integers(0, 256, (20, 64, 64, 3), np.uint8)
BLACK = np.zeros_like(GOOD)
STILL = np.broadcast_to(GOOD[:1], GOOD.shape)


class Watched:
    """A gate, and the windows that it is shown one after another."""

    def __init__(self, *regions: str, check_pictures: bool = True) -> None:
        self.status = CameraStatus("hall", "source")
        self.regions = regions or ("",)
        self.window_filter = WindowFilter(
            self.status, self.regions, min_fps=8, check_pictures=check_pictures
        )
        self.end_s = 1.9

    def show(
        self, *clips: np.ndarray, seconds: float = STEP_S, fps: float = 10, usual_fps: float = 10
    ) -> list[str | None]:
        """Windows for so long, with a clip for each region; what is found in the last."""
        for _ in range(round(seconds / STEP_S)):
            found: list[str | None] = [
                self.window_filter.skip_reason(
                    Window(
                        camera="hall",
                        start_s=self.end_s - 19 / fps,
                        end_s=self.end_s,
                        clip=clip,
                        fps=fps,
                        usual_fps=usual_fps,
                        missing=round(190 / fps) - 19,
                        arrived_s=0.0,
                        region=region,
                    )
                )
                for region, clip in zip(self.regions, clips, strict=True)
            ]
            self.end_s += STEP_S
        return found


@pytest.fixture(autouse=True)
def _at_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [f"{record.levelname} {record.getMessage()}" for record in caplog.records]


AGAIN = "INFO camera hall: its windows are classified again"
BLACK_SAID = "WARNING camera hall: its picture is black: nothing is classified until it changes"
FAULTS = {
    "black": (BLACK, BLACK_SAID),
    "blank": (
        BLACK + 200,
        "WARNING camera hall: its picture is blank: nothing is classified until it changes",
    ),
}


@pytest.mark.parametrize(("fault", "clip", "line"), [(f, *v) for f, v in FAULTS.items()])
def test_a_spell_is_said_once_and_so_is_its_end(
    fault: str, clip: np.ndarray, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched()
    assert watched.show(GOOD) == [None]
    assert watched.show(clip, seconds=20) == [fault]
    assert watched.status.capture.fault == fault
    assert watched.status.capture.dropped == {fault: 40}
    assert watched.show(GOOD) == [None]
    assert watched.status.capture.fault == ""
    watched.show(GOOD, seconds=60)
    assert said(caplog) == [line, AGAIN]


def test_a_fault_that_comes_and_goes_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    for _ in range(20):
        watched.show(BLACK)
        watched.show(GOOD, seconds=RECOVERED_S - STEP_S)
    assert said(caplog) == [BLACK_SAID]
    watched.show(GOOD, seconds=RECOVERED_S)
    watched.show(BLACK)
    assert said(caplog) == [BLACK_SAID, AGAIN, BLACK_SAID]


def test_a_still_picture_is_a_fault_only_when_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    assert watched.show(STILL, seconds=FROZEN_S - 5) == ["still"]
    assert watched.status.capture.fault == "still"
    assert said(caplog) == []
    assert watched.show(STILL, seconds=10) == ["frozen"]
    assert watched.status.capture.fault == "frozen"
    assert said(caplog) == [
        "WARNING camera hall: its picture has been the same for 60 s: "
        "nothing is classified until it changes"
    ]


def test_a_picture_that_moves_now_and_then_is_never_frozen(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched = Watched()
    for _ in range(5):
        watched.show(STILL, seconds=FROZEN_S / 2)
        watched.show(GOOD)
    assert said(caplog) == []


def test_a_slow_camera_and_one_with_gaps_are_told_apart(caplog: pytest.LogCaptureFixture) -> None:
    slow, gaps = Watched(), Watched()
    assert slow.show(GOOD, fps=5, usual_fps=5) == ["slow source"]
    assert gaps.show(GOOD, fps=7.6, usual_fps=10) == ["gaps"]
    assert said(caplog) == [
        "WARNING camera hall: 5.0 frames a second reach the model, it needs at least 8.0: "
        "such windows are not classified",
        "WARNING camera hall: 6 frames are missing from 2.5 s: such windows are not classified",
    ]


def test_what_one_region_sees_is_not_the_cameras_fault(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched("till", "door")
    assert watched.show(BLACK, GOOD, seconds=20) == ["black", None]
    assert watched.status.capture.fault == ""
    assert said(caplog) == []
    watched.show(BLACK, BLACK)
    assert watched.status.capture.fault == "black"
    assert said(caplog) == [BLACK_SAID]


def test_a_region_may_be_quiet_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched("till")
    assert watched.show(STILL, seconds=5 * FROZEN_S) == ["still"]
    assert said(caplog) == []


def test_a_pause_between_frames_is_said(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    watched.show(GOOD)
    assert watched.window_filter.note_gap("", 2.5, watched.end_s) == "gaps"
    assert watched.status.capture.fault == "gaps"
    assert not watched.status.capture.dropped, "there was no window"
    watched.show(GOOD, seconds=RECOVERED_S + STEP_S)
    assert said(caplog) == [
        "WARNING camera hall: no frame came for 2.5 s: windows start afresh",
        AGAIN,
    ]


@pytest.mark.slow
def test_pauses_that_come_again_and_again_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(check_pictures=False)
    for _ in range(240):  # an hour of them
        watched.window_filter.note_gap("", 2.5, watched.end_s)
        watched.show(GOOD, seconds=15)
    lines = said(caplog)
    assert len(lines) < 20
    assert lines[:2] == [
        "WARNING camera hall: no frame came for 2.5 s: windows start afresh",
        AGAIN,
    ]
    counts = [int(line.split("(")[1].split()[0]) for line in lines if " more times in " in line]
    assert sum(counts[::2]) > 100


def test_a_spell_that_was_only_counted_is_said_when_it_lasts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched = Watched()
    for _ in range(60):
        watched.show(BLACK)
        watched.show(GOOD, seconds=RECOVERED_S + STEP_S)
    before = said(caplog)
    watched.show(BLACK, seconds=2 * LASTING_S)
    assert said(caplog)[len(before) :] == [
        "WARNING camera hall: none of its windows was classified for 600 s: "
        "its picture is black: nothing is classified until it changes"
    ]


def test_pictures_need_not_be_judged() -> None:
    watched = Watched(check_pictures=False)
    assert watched.show(BLACK) == [None]
    assert watched.show(BLACK, fps=5, usual_fps=5) == ["slow source"]
