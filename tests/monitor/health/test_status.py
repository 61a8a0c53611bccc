"""What is known of each camera, and the table that shows it."""

import io
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from monitor.display.table import StatusTable, show_health
from monitor.health.health_file import examine
from monitor.health.status import BLIND_SPANS, CameraSnapshot, CameraStatus, RegionStatus
from monitor.states import CameraState, SkipReason
from testkit.fakes import Clock


def shown(camera: CameraSnapshot, width: int = 120) -> str:
    console = Console(width=width, no_color=True, highlight=False)
    with console.capture() as captured:
        console.print(StatusTable(lambda: [camera]))
    return captured.get().splitlines()[1]


def region(fight: float, *opened: str) -> RegionStatus:
    return RegionStatus({"fight": fight, "nofight": 1 - fight}, fight, opened)


def live(regions: Mapping[str, RegionStatus], **more: Any) -> CameraSnapshot:
    return CameraSnapshot("hall", "s", state=CameraState.LIVE, regions=regions, **more)


def watched(clock: Callable[[], float] = lambda: 0.0, **more: Any) -> CameraStatus:
    """A camera of which a frame just came."""
    status = CameraStatus("hall", "s", clock=clock)
    status.capture = replace(status.capture, state=CameraState.LIVE, frame_at_s=clock(), **more)
    return status


def test_a_camera_without_regions_shows_its_top_label() -> None:
    assert "nofight 0.80" in shown(live({"": region(0.2)}))


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
    assert expected in shown(live({"till": till, "door": door}))


def test_an_open_activity_is_shown_with_its_region_whatever_ended_last() -> None:
    regions = {"till": region(0.9, "fight"), "door": region(0.95)}
    camera = live(regions, activity="door: fight")
    assert "● till: fight" in shown(camera)
    assert "door: fight" in shown(replace(camera, regions=regions | {"till": region(0.1)}))


def test_it_is_shown_how_long_ago_the_last_activity_was() -> None:
    status = watched(clock := Clock(100.0))
    assert "ago" not in shown(status.snapshot())
    status.worker.activity, status.worker.activity_at_s = "till: fight", clock()
    clock.now_s += 1.0
    assert "till: fight 1 s ago" in shown(status.snapshot())


def test_why_nothing_is_classified_is_shown_beside_the_state() -> None:
    camera = live({"": RegionStatus()}, fault="black")
    assert "● live black" in shown(camera)
    assert "black" not in shown(replace(camera, state=CameraState.RETRYING, cause="lost"))


def test_the_stride_stretches_while_windows_are_replaced_and_shrinks_back() -> None:
    camera = watched()
    for number in range(60):
        too_soon = number % 3 != 0  # two of three
        if too_soon:
            camera.count_skipped(SkipReason.BUSY)
        camera.capture.measure_stride(too_soon)
    assert camera.snapshot().stretch == pytest.approx(3, rel=0.35)
    assert camera.snapshot().dropped == {"busy": 40}
    assert "stride ×" in shown(camera.snapshot())
    for _ in range(60):
        camera.capture.measure_stride(False)
    assert camera.snapshot().stretch == 1.0
    assert "stride" not in shown(camera.snapshot())


class Meanwhile(str):
    """A cause of lost windows; while it is looked at, another thread counts another one."""

    camera: CameraStatus
    other: threading.Thread | None = None

    def __str__(self) -> str:
        if self.other is None:
            self.other = threading.Thread(
                target=self.camera.count_skipped, args=(SkipReason.BLACK,)
            )
            self.other.start()
            self.other.join(0.05)  # which, while a snapshot is made, it has to wait for
        return "busy"


def test_a_cause_that_is_counted_for_the_first_time_disturbs_nobody_who_sums_them_up() -> None:
    camera = CameraStatus("hall", "s")
    busy = Meanwhile("busy")
    busy.camera = camera
    camera.capture.dropped[busy] = 3  # type: ignore[index]
    snapshot = camera.snapshot()
    assert snapshot.missed == 3
    assert "3 dropped: busy" in snapshot.summary
    assert busy.other is not None
    busy.other.join()
    assert camera.snapshot().dropped == {"busy": 3, "black": 1}
    assert snapshot.dropped == {"busy": 3}


def test_a_snapshot_stays_as_it_was() -> None:
    camera = CameraStatus("hall", "s", regions=("till", "door"))
    camera.show("till", region(0.8))
    before = camera.snapshot()
    camera.show("till", region(0.1))
    camera.show("door", region(0.2))
    camera.count_skipped(SkipReason.GAPS)
    camera.capture.frames += 1
    camera.worker.windows += 1
    assert before.regions == {"till": region(0.8), "door": RegionStatus()}
    assert (before.frames, before.windows, before.dropped) == (0, 0, {})
    after = camera.snapshot()
    assert after.regions == {"till": region(0.1), "door": region(0.2)}
    assert (after.frames, after.windows, after.dropped) == (1, 1, {"gaps": 1})


def test_what_capture_and_worker_drop_is_counted_together() -> None:
    camera = CameraStatus("hall", "s")
    camera.count_skipped(SkipReason.BUSY)
    camera.count_skipped(SkipReason.STILL)
    camera.worker.unknown = 2
    camera.capture.frames, camera.worker.windows = 70, 4
    snapshot = camera.snapshot()
    assert snapshot.dropped == {"busy": 1, "still": 1, "unknown": 2}
    assert snapshot.missed == 3, "nothing is lost of what is still"
    for part in ("1 dropped: busy", "1 still", "2 dropped: unknown"):
        assert part in snapshot.summary


@pytest.mark.parametrize("fault", ["no windows", "slow source", "gaps", "black"])
def test_a_camera_of_which_nothing_is_classified_for_long_is_not_well(fault: str) -> None:
    clock = Clock()
    camera = watched(clock, fault=fault, classifiable_at_s=clock())
    camera.capture.frame_at_s = clock.now_s = 100.0 + BLIND_SPANS * 2.0
    assert examine([camera.snapshot()], []).ok
    camera.capture.frame_at_s = clock.now_s = clock.now_s + 0.1
    health = examine([camera.snapshot()], [])
    assert not health.ok
    assert health.summary == "1 of 1 cameras watched; 1 of them not classified"
    assert camera.snapshot().blind_s == pytest.approx(BLIND_SPANS * 2.0 + 0.1)


@pytest.mark.parametrize("span_s", [1.0, 2.0, 4.0])
def test_how_long_is_long_depends_on_the_models_windows(span_s: float) -> None:
    clock = Clock()
    camera = CameraStatus("hall", "s", span_s=span_s, clock=clock)
    camera.capture.state, camera.capture.classifiable_at_s = CameraState.LIVE, clock()
    clock.now_s += BLIND_SPANS * span_s
    assert camera.blind_s == 0
    clock.now_s += 0.1
    assert camera.blind_s > 0


@pytest.mark.parametrize("state", ["idle", "waiting", "retrying"])
def test_a_camera_of_which_nothing_is_to_be_classified_is_not_blind(state: str) -> None:
    clock = itertools.count(100.0, 60.0)
    camera = CameraStatus("hall", "s", clock=lambda: next(clock))
    camera.capture.classifiable_at_s = 100.0
    camera.capture.state = CameraState(state)  # type: ignore[call-arg]
    assert camera.blind_s == 0
    assert camera.snapshot().blind_s == 0


def test_a_camera_that_waits_for_a_key_frame_says_so() -> None:
    camera = CameraSnapshot("hall", "s", cause="no key frame", regions={"": RegionStatus()})
    assert "● connecting no key frame" in shown(camera)
    assert not examine([camera], []).ok


def test_the_table_and_the_health_file_count_the_same_windows_as_dropped() -> None:
    dropped = Counter({"quiet": 5, "still": 3, "busy": 2, "black": 1})
    camera = CameraSnapshot("hall", "rtsp://hall/", state=CameraState.LIVE, dropped=dropped)
    (seen,) = examine([camera], []).cameras
    assert camera.missed == seen.missed == 3
    console = Console(width=120, record=True, file=io.StringIO())
    show_health(examine([camera], []), console)
    assert console.export_text().splitlines()[1].split()[-2] == "3"
