"""The table that shows how each camera does."""

import io
import itertools
from dataclasses import dataclass

import pytest
from rich.console import Console

from monitor.display.table import StatusTable, show_health
from monitor.health.report import examine
from monitor.health.status import BLIND_SPANS, CameraStatus, RegionStatus
from monitor.states import CameraState


def shown(camera: CameraStatus, width: int = 120) -> str:
    console = Console(width=width, no_color=True, highlight=False)
    with console.capture() as captured:
        console.print(StatusTable(lambda: [camera]))
    return captured.get().splitlines()[1]


def region(fight: float, *opened: str) -> RegionStatus:
    return RegionStatus({"fight": fight, "nofight": 1 - fight}, fight, opened)


def test_a_camera_without_regions_shows_its_top_label() -> None:
    camera = CameraStatus("hall", "s", state="live", regions={"": region(0.2)})
    assert "nofight 0.80" in shown(camera)


@pytest.mark.parametrize(
    ("till", "door", "expected"),
    [
        (region(0.2), region(0.3), "door nofight 0.70"),
        (region(0.8), region(0.3), "till fight 0.80"),
        (region(0.5), region(0.4, "fight"), "door nofight 0.60"),
        (RegionStatus(), region(0.1), "door nofight 0.90"),
        (RegionStatus(), RegionStatus(), "–"),
        (RegionStatus(unknown=True), RegionStatus(), "till unknown"),
    ],
    ids=["none near", "one high", "one open", "one skipped", "all skipped", "one unknown"],
)
def test_a_camera_with_regions_shows_the_one_that_tells_most(
    till: RegionStatus, door: RegionStatus, expected: str
) -> None:
    camera = CameraStatus("hall", "s", state="live", regions={"till": till, "door": door})
    assert expected in shown(camera)


def test_an_open_activity_is_shown_with_its_region_whatever_ended_last() -> None:
    regions = {"till": region(0.9, "fight"), "door": region(0.95)}
    camera = CameraStatus("hall", "s", state="live", regions=regions, activity="door: fight")
    assert "● till: fight" in shown(camera)
    camera.regions["till"] = region(0.1)
    assert "door: fight" in shown(camera)


def test_why_nothing_is_classified_is_shown_beside_the_state() -> None:
    camera = CameraStatus("hall", "s", state="live", regions={"": RegionStatus()}, fault="black")
    assert "● live black" in shown(camera)
    camera.state, camera.cause = "retrying", "lost"
    assert "black" not in shown(camera)


def test_the_stride_stretches_while_windows_are_replaced_and_shrinks_back() -> None:
    camera = CameraStatus("door", "door.mp4", state="live", regions={"": region(0.2)})
    for number in range(60):
        camera.measure_stride(number % 3 != 0)  # two of three came too soon
    assert camera.stretch == pytest.approx(3, rel=0.35)
    assert camera.dropped["busy"] == 40
    assert "stride ×" in shown(camera)
    for _ in range(60):
        camera.measure_stride(False)
    assert camera.stretch == 1.0
    assert "stride" not in shown(camera)


class Meanwhile(str):
    """A cause of lost windows; looking at it lets the threads go on that count others."""

    camera: CameraStatus

    def __eq__(self, other: object) -> bool:
        self.camera.dropped[f"another {len(self.camera.dropped)}"] += 1
        return False

    __hash__ = str.__hash__


def test_a_cause_that_is_counted_for_the_first_time_disturbs_nobody_who_sums_them_up() -> None:
    camera = CameraStatus("hall", "s", state="live", regions={"": region(0.2)})
    busy = Meanwhile("busy")
    busy.camera = camera
    camera.dropped[busy] = 3
    assert camera.missed == 3
    assert "3 dropped: busy" in camera.summary


@dataclass
class Clock:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize("fault", ["no windows", "slow source", "gaps", "black"])
def test_a_camera_of_which_nothing_is_classified_for_long_is_not_well(fault: str) -> None:
    clock = Clock()
    camera = CameraStatus("hall", "s", state="live", fault=fault, good_s=clock(), clock=clock)
    camera.seen_s = clock.now_s = 100.0 + BLIND_SPANS * camera.span_s
    assert examine([camera], []).ok
    camera.seen_s = clock.now_s = clock.now_s + 0.1
    health = examine([camera], [])
    assert not health.ok
    assert health.summary == "1 of 1 cameras watched; 1 of them not classified"


@pytest.mark.parametrize("state", ["idle", "waiting", "retrying"])
def test_a_camera_of_which_nothing_is_to_be_classified_is_not_blind(state: str) -> None:
    clock = itertools.count(100.0, 60.0)
    camera = CameraStatus("hall", "s", good_s=100.0, clock=lambda: next(clock))
    camera.state = state  # type: ignore[assignment]
    assert camera.blind_s == 0


def test_a_camera_that_waits_for_a_key_frame_says_so() -> None:
    camera = CameraStatus("hall", "s", cause="no key frame", regions={"": RegionStatus()})
    assert "● connecting no key frame" in shown(camera)
    assert not examine([camera], []).ok


def test_the_table_and_the_health_file_count_the_same_windows_as_dropped() -> None:
    camera = CameraStatus("hall", "rtsp://hall/", state=CameraState.LIVE)
    camera.dropped.update({"quiet": 5, "still": 3, "busy": 2, "black": 1})
    (seen,) = examine([camera], []).cameras
    assert camera.missed == seen.missed == 3
    console = Console(width=120, record=True, file=io.StringIO())
    show_health(examine([camera], []), console)
    assert console.export_text().splitlines()[1].split()[-2] == "3"
