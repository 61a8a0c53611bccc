"""Real streams of cameras whose timestamps are wrong are watched as those whose are right."""

import logging
import random
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitor.decode.options import Decoding
from monitor.decode.scheduler import DecodeScheduler
from monitor.health.status import CameraSnapshot, CameraStatus
from monitor.pipeline.capture import Capture, Retry
from monitor.pipeline.lane import Lane
from monitor.records import Captured, Frame, Window
from monitor.sources.address import parse_address
from monitor.sources.make import make_source
from monitor.sources.source import SourceSettings
from monitor.states import EndReason, Pace
from monitor.windows.buffer import WindowBuffer
from monitor.windows.clip import ClipSpec
from monitor.windows.filter import WindowFilter
from monitor.windows.region_windows import RegionWindows
from testkit.media import make_video
from testkit.servers.stamped_rtsp import stamped_camera

pytestmark = pytest.mark.slow

SPEC = ClipSpec(frames=20, size=16, fps=10)


class Taken:
    """What a capture hands on."""

    def __init__(self) -> None:
        self.items: list[Captured] = []

    def submit(self, item: Captured) -> None:
        self.items.append(item)

    @property
    def windows(self) -> list[Window]:
        return [item for item in self.items if isinstance(item, Window)]


@dataclass(frozen=True)
class Camera:
    """A camera with strange timestamps."""

    stamp: Callable[[int], float]  # of frame n, in seconds
    fps: float = 25
    frames: int = 250  # that are watched of it


@dataclass(frozen=True)
class Watched:
    """What came of it."""

    windows: list[Window]
    status: CameraSnapshot
    warnings: list[str]


def jittered(index: int) -> float:
    return index / 30 + random.Random(index).uniform(-0.025, 0.025)


LITTLE_WRONG = {
    "right": Camera(lambda n: n / 25),
    "one a second is a tick early": Camera(
        lambda n: (n - 1) / 25 - 1 / 90_000 if n % 25 == 24 else n / 25
    ),
    "one a second is 47 ms early": Camera(lambda n: n / 25 - 0.047 * (n % 25 == 24)),
    "every two are swapped": Camera(lambda n: (n ^ 1) / 25),
    "25 ms of jitter": Camera(jittered, 30, 300),
    "one in fifty is hours ahead": Camera(lambda n: n / 25 + 37_600 * (n % 50 == 49), frames=245),
    "one in fifty is hours back": Camera(
        lambda n: 40_000 + n / 25 - 37_600 * (n % 50 == 49), frames=245
    ),
    "corrected every second": Camera(lambda n: n / 25 + (0.04 if n // 25 % 2 else -0.04)),
}
RATES = (0.5, 0.84, 1.19, 1.67)
CAMERAS = {
    **LITTLE_WRONG,
    **{f"rate {rate}": Camera(lambda n, rate=rate: n / 25 * rate, frames=550) for rate in RATES},  # type: ignore[misc]
    "jumps once": Camera(lambda n: n / 25 + 3600 * (n >= 100)),
    "jumps for ever": Camera(lambda n: n / 25 + 60 * (n // 20), frames=300),
}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven seconds of moving pictures, with a key frame every second."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return make_video(path, fps=25, duration_s=7, gop=25).path


@pytest.fixture(scope="module")
def scheduler() -> DecodeScheduler:
    """Those of all cameras."""
    return DecodeScheduler(cores=2)


@pytest.fixture(scope="module")
def watched(film: Path, scheduler: DecodeScheduler) -> dict[str, Watched]:
    """All cameras, watched at once."""
    lines: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("monitor").addHandler(handler)
    with ThreadPoolExecutor(len(CAMERAS), "capture") as pool:
        watching = {
            name: pool.submit(watch, name, camera, film, scheduler)
            for name, camera in CAMERAS.items()
        }
    logging.getLogger("monitor").removeHandler(handler)
    return {
        name: Watched(
            taken.windows, status, [line for line in lines if line.startswith(f"camera {name}: ")]
        )
        for name, (taken, status) in ((name, done.result()) for name, done in watching.items())
    }


def watch(
    name: str, camera: Camera, film: Path, scheduler: DecodeScheduler
) -> tuple[Taken, CameraSnapshot]:
    """Watch a camera for so many frames, as har-monitor does."""
    taken = Taken()
    settings = SourceSettings(decoding=Decoding(scheduler=scheduler))
    frames = 0

    def count(frame: Frame) -> bool:
        nonlocal frames
        frames += 1
        if frames >= camera.frames:
            capture.stop(EndReason.MONITOR_STOPPED)
        return False

    with stamped_camera(film, camera.stamp, fps=camera.fps) as url:
        status = CameraStatus(name, url)
        window_filter = WindowFilter(status, [""], min_fps=8.0, check_pictures=False)
        capture = Capture(
            status,
            lambda: make_source(parse_address(url), settings),
            [
                Lane(
                    status,
                    [RegionWindows(WindowBuffer(name, SPEC, stride=5), None, window_filter)],
                    taken.submit,
                )
            ],
            pace=Pace.CAMERA,
            retry=Retry(0.1, 0.2),
            on_frame=count,
        )
        capture.run()
    return taken, status.snapshot()


@pytest.mark.slow
@pytest.mark.parametrize("name", LITTLE_WRONG)
def test_timestamps_that_are_a_little_wrong_leave_every_window_whole(
    name: str, watched: dict[str, Watched]
) -> None:
    camera = watched[name]
    # A first window after two seconds, then one every half second.
    assert len(camera.windows) in (16, 17)
    assert not camera.status.dropped
    assert not camera.warnings


@pytest.mark.parametrize("rate", RATES)
def test_a_clock_that_runs_wrong_is_said_once_and_is_no_overload(
    rate: float, watched: dict[str, Watched], scheduler: DecodeScheduler
) -> None:
    camera = watched[f"rate {rate}"]
    said = re.compile(
        rf"camera rate {rate}: its timestamps advance (\d\.\d\d) s a second: frames are placed by "
        r"their arrival from now on \(stream\.clock\): windows start afresh"
    )
    (found,) = (match for line in camera.warnings if (match := said.fullmatch(line)))
    assert float(found[1]) == pytest.approx(rate, rel=0.05)
    assert "overload" not in camera.status.dropped
    assert scheduler.limit == float("inf")
    lengths = [window.end_s - window.start_s for window in camera.windows[-5:]]
    # The shortest: on a busy machine frames come late, and windows last longer.
    assert min(lengths) == pytest.approx(1.9, abs=0.2)


def test_timestamps_that_jump_for_good_start_windows_afresh_once(
    watched: dict[str, Watched],
) -> None:
    camera = watched["jumps once"]
    (line,) = camera.warnings
    assert line.endswith("windows start afresh")
    assert len(camera.windows) >= 12
    assert camera.status.fault == ""


def test_a_camera_that_fills_no_window_is_a_fault_whatever_the_reason(
    watched: dict[str, Watched],
) -> None:
    camera = watched["jumps for ever"]
    assert not camera.windows
    assert camera.status.fault == "no windows"
    assert camera.warnings[-1].startswith("camera jumps for ever: no window could be cut from its")
