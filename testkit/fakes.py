"""Short stand-ins for failures and speed."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from av import VideoFrame
from cv2.typing import MatLike

from monitor.errors import SourceLostError
from monitor.events.alert import AlertEvent
from monitor.records import Frame, NoFrameYet
from testkit.patience import LIMIT_S


@dataclass
class Clock:
    """Time that passes when a test says so."""

    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


def picture(time_s: float, level: int = 128) -> Frame:
    """A small frame of stripes about a level, with a dot that moves as time passes."""
    image = np.full((48, 64, 3), level, np.uint8)
    image[:, ::8] += 60
    image[24, round(time_s * 10) % 64] += 20
    return Frame(time_s, VideoFrame.from_ndarray(image, "rgb24"))


def moving(seconds: float, fps: float = 10.0) -> list[Frame]:
    """Pictures that the motion model calls moving."""
    return [picture(n / fps, 60 + 120 * (n % 2)) for n in range(round(seconds * fps))]


def still(seconds: float, fps: float = 10.0) -> list[Frame]:
    """Pictures that it calls still."""
    return [picture(n / fps) for n in range(round(seconds * fps))]


class FakeSource:
    """Gives these pictures, then what `after` gives or raises; `open` first calls `opening`."""

    def __init__(
        self,
        pictures: Iterable[Frame | NoFrameYet] = (),
        after: Callable[[], Frame | None] = lambda: None,
        opening: Callable[[], None] = lambda: None,
    ) -> None:
        self._pictures = iter(pictures)
        self._after = after
        self._opening = opening
        self.closed = 0
        self.thread: str | None = None

    def open(self) -> None:
        self.thread = threading.current_thread().name
        self._opening()

    def read(self) -> Frame | NoFrameYet | None:
        ready = next(self._pictures, None)
        return self._after() if ready is None else ready

    def close(self) -> None:
        assert threading.current_thread().name == self.thread, "closed by the thread that opened"
        self.closed += 1


def lost() -> Frame | None:
    """A live source that is gone."""
    raise SourceLostError("the stream ended")


class RecordingSink:
    """Keeps what it is given; wakes who waits for it."""

    name = "kept"

    def __init__(self) -> None:
        self.alerts: list[AlertEvent] = []
        self.closed = False
        self._came = threading.Condition()

    def write(self, alert: AlertEvent) -> None:
        with self._came:
            self.alerts.append(alert)
            self._came.notify_all()

    def close(self) -> None:
        self.closed = True

    def wait_for(self, count: int) -> None:
        """Until so many activities came."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.alerts) >= count, LIMIT_S), (
                f"{len(self.alerts)} of {count} came"
            )


def wait_until(condition: Callable[[], bool]) -> None:
    """Until something that no event tells of has happened."""
    end_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end_s, "did not happen"
        time.sleep(0.01)


class PacedDevice:
    """A webcam whose pictures OpenCV reads from a video file, `fps` of them a second."""

    def __init__(self, video: Path, fps: float) -> None:
        self._capture = cv2.VideoCapture(str(video))
        self._period_s = 1 / fps
        self._due_s = time.monotonic()

    def clock(self) -> float:
        """When the newest picture was due: a busy machine takes it later."""
        return self._due_s - self._period_s

    def isOpened(self) -> bool:
        return self._capture.isOpened()

    def read(self) -> tuple[bool, MatLike | None]:
        time.sleep(max(0.0, self._due_s - time.monotonic()))
        self._due_s += self._period_s
        return self._capture.read()

    def release(self) -> None:
        self._capture.release()
