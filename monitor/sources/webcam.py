"""Webcams, through OpenCV."""

import errno
import grp
import os
import pwd
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from monitor.errors import MonitorError, SourceLostError, SourceOpenError
from monitor.opencv import load_cv2
from monitor.paths import describe_os_error
from monitor.records import Frame
from monitor.sources.address import Address, is_camera
from monitor.states import OpenFailure

READ_TIMEOUT_S = "5"  # seconds, whatever stream.read_timeout_s says: OpenCV reads it but once
_NO_DRIVER = "no driver answers at {}: it was unplugged, or its driver is not loaded"
_REFUSALS: dict[int | None, str] = {
    errno.EBUSY: "another program uses {}",
    errno.ENODEV: _NO_DRIVER,
    errno.ENXIO: _NO_DRIVER,
}


class Device(Protocol):
    """The part of cv2.VideoCapture that a webcam needs."""

    def isOpened(self) -> bool:
        """Whether the device could be opened."""

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
        """The next picture, (H, W, 3) uint8 BGR; the driver's own limit ends a wait."""

    def release(self) -> None:
        """Give the device back."""


def open_device(path: Path) -> Device:
    """The V4L2 device at a path; MonitorError if there is none, or none that opens."""
    # OpenCV's only limit of a read; it is in whole seconds, for all devices, and 10 by default.
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", READ_TIMEOUT_S)
    if fault := device_fault(path, opening=True):
        raise MonitorError(fault)
    cv2: Any = load_cv2()
    # OpenCV would print to the screen what is raised here.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    device: Device = cv2.VideoCapture(str(path), cv2.CAP_V4L2)
    return device


def device_fault(path: Path, *, opening: bool = False) -> str | None:
    """Why the device of a webcam cannot be used, None if it can; it is touched for `opening`."""
    try:
        there = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        known = [*Path("/dev").glob("video*"), *Path("/dev/v4l/by-id").glob("*")]
        listed = ", ".join(sorted(map(str, known))) or "none"
        return f"there is no {os.path.realpath(path)}; found: {listed}"
    except OSError as error:
        return describe_os_error(str(path), error)
    if not is_camera(there):
        return f"{path} is no camera: it is not of V4L2"
    if not os.access(path, os.R_OK | os.W_OK):
        return _denied(path, there)
    return _open_fault(path, there) if opening else None


def _open_fault(path: Path, there: os.stat_result) -> str | None:
    """Why the system does not open a device; OpenCV would say only that it did not."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
    except PermissionError:
        return _denied(path, there)
    except OSError as error:
        refusal = _REFUSALS.get(error.errno)
        return describe_os_error(str(path), error) if refusal is None else refusal.format(path)
    return None


def _denied(path: Path, there: os.stat_result) -> str:
    """That this user may not open a device, and what would let them."""
    group = _name(lambda: grp.getgrgid(there.st_gid).gr_name, there.st_gid)
    user = _name(lambda: pwd.getpwuid(os.geteuid()).pw_name, os.geteuid())
    shared = stat.S_IRGRP | stat.S_IWGRP
    member = os.geteuid() == 0 or there.st_gid in (os.getegid(), *os.getgroups())
    if member or there.st_mode & shared != shared:
        return (
            f"permission denied: {path} has the group {group} and the mode "
            f"{there.st_mode & 0o777:o}, the user is {user}; "
            "a container or a service has to be given the device"
        )
    return (
        f"permission denied: {path} is for the group {group}: "
        f"sudo usermod -aG {group} {user}, then log in again"
    )


def _name(known: Callable[[], str], number: int) -> str:
    """The name of a user or group, or its number where the system has none, as in a container."""
    try:
        return known()
    except KeyError:
        return str(number)


class WebcamSource:
    """A webcam; time is the clock at which each picture arrived."""

    def __init__(
        self,
        address: Address,
        opener: Callable[[Path], Device] = open_device,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self._opener = opener
        self._clock = clock
        self._device: Device | None = None
        self._origin_s: float | None = None

    def open(self) -> None:
        """Take the device that its name leads to now; SourceOpenError if that fails."""
        try:
            device = self._opener(self.address.device)
        except MonitorError as error:  # it does not open, or OpenCV lacks a library
            raise SourceOpenError(f"webcam {self.address}: {error}", OpenFailure.DEVICE) from error
        if not device.isOpened():
            device.release()
            raise SourceOpenError(
                f"webcam {self.address}: another program uses it, or it gives no pictures: "
                "of a camera's devices, often only the first does",
                OpenFailure.DEVICE,
            )
        self._device = device
        self._origin_s = None

    def read(self) -> Frame:
        """The next picture; SourceLostError if the device is gone."""
        if self._device is None:
            raise SourceLostError(f"webcam {self.address}: not open")
        ok, image = self._device.read()
        if not ok or image is None:
            raise SourceLostError(f"webcam {self.address}: the device gives no more pictures")
        now_s = self._clock()
        if self._origin_s is None:
            self._origin_s = now_s
        import av  # not at the top: see monitor.display.screen

        return Frame(now_s - self._origin_s, av.VideoFrame.from_ndarray(image, format="bgr24"))

    def close(self) -> None:
        """Give the device back."""
        if self._device is not None:
            self._device.release()
            self._device = None
