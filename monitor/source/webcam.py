"""Webcams, through OpenCV."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from monitor.cv import load_cv2
from monitor.errors import MonitorError, SourceLostError, SourceOpenError
from monitor.source import Picture
from monitor.source.address import Address

READ_TIMEOUT_S = "5"  # as of a stream


class Device(Protocol):
    """The part of cv2.VideoCapture that a webcam needs."""

    def isOpened(self) -> bool:
        """Whether the device could be opened."""

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
        """The next picture, (H, W, 3) uint8 BGR; the driver's own limit ends a wait."""

    def release(self) -> None:
        """Give the device back."""


def device_path(target: str) -> Path:
    """The device file of a webcam's number or path."""
    return Path(f"/dev/video{target.removeprefix('/dev/video')}")


def no_device(target: str) -> str:
    """That a webcam is not there, and which are."""
    found = ", ".join(sorted(map(str, Path("/dev").glob("video*")))) or "none"
    return f"there is no {device_path(target)}; found: {found}"


def open_device(target: str) -> Device:
    """The V4L2 device of a number or a path; MonitorError where there is none."""
    # OpenCV's only limit of a read; it is in whole seconds, for all devices, and 10 by default.
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", READ_TIMEOUT_S)
    cv2: Any = load_cv2()
    if not device_path(target).exists():
        raise MonitorError(no_device(target))
    # OpenCV would print to the screen what is raised here.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    device: Device = cv2.VideoCapture(int(target.removeprefix("/dev/video")), cv2.CAP_V4L2)
    return device


class WebcamSource:
    """A webcam; time is the clock at which each picture arrived."""

    def __init__(
        self,
        address: Address,
        opener: Callable[[str], Device] = open_device,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self._opener = opener
        self._clock = clock
        self._device: Device | None = None
        self._origin_s: float | None = None

    def open(self) -> None:
        """Take the device; SourceOpenError where there is none or it is busy."""
        try:
            device = self._opener(self.address.target)
        except MonitorError as error:  # there is none, or OpenCV lacks a library
            raise SourceOpenError(f"webcam {self.address}: {error}", "device") from error
        if not device.isOpened():
            device.release()
            raise SourceOpenError(
                f"webcam {self.address}: no camera, or another program uses it", "device"
            )
        self._device = device
        self._origin_s = None

    def read(self) -> Picture:
        """The next picture; SourceLostError where the device is gone."""
        if self._device is None:
            raise SourceLostError(f"webcam {self.address}: not open")
        ok, image = self._device.read()
        if not ok or image is None:
            raise SourceLostError(f"webcam {self.address}: the device gives no more pictures")
        now_s = self._clock()
        if self._origin_s is None:
            self._origin_s = now_s
        import av  # not at the top: see monitor.screen

        return Picture(now_s - self._origin_s, av.VideoFrame.from_ndarray(image, format="bgr24"))

    def close(self) -> None:
        """Give the device back."""
        if self._device is not None:
            self._device.release()
            self._device = None
