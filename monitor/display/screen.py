"""Windows on the screen.

This module imports neither PyAV nor anything that does: both packages carry a libxcb, and OpenCV's
windows hang for ever where PyAV's was loaded first. A `Screen` is therefore made before anything is
decoded.
"""

import os
import re
import socket
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.errors import ConfigError
from monitor.opencv import load_cv2

_X_DISPLAY = re.compile(r"(?P<host>.*):(?P<number>\d+)(\.\d+)?")
_QUIT = (ord("q"), 27)  # 27: Escape
_CONNECT_S = 1.0


class Screen:
    """A window a camera; ConfigError if there is no display."""

    def __init__(self) -> None:
        if not has_display():
            raise ConfigError(
                "--display: there is no display here ($DISPLAY is not set, or nothing answers "
                "there); --headless or --save-video out.mp4 work without one"
            )
        # Qt would tell of fonts that the OpenCV wheel does not bring, for every window.
        os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")
        self._cv2: Any = load_cv2()
        self._titles: set[str] = set()

    def show(self, name: str, image: NDArray[np.uint8]) -> None:
        """Show a picture, (H, W, 3) uint8 RGB, in the window of that name."""
        title = f"har-monitor: {name}"
        if title not in self._titles:
            self._cv2.namedWindow(title, self._cv2.WINDOW_NORMAL | self._cv2.WINDOW_GUI_NORMAL)
            self._cv2.resizeWindow(title, image.shape[1], image.shape[0])
            self._titles.add(title)
        self._cv2.imshow(title, image[:, :, ::-1])

    def hide(self, name: str) -> None:
        """Close the window of that name, if there is one."""
        title = f"har-monitor: {name}"
        if title in self._titles:
            self._titles.remove(title)
            self._cv2.destroyWindow(title)

    def quit_asked(self) -> bool:
        """Let the windows work, and say whether q or Escape was pressed."""
        return bool(self._titles) and self._cv2.waitKey(1) & 0xFF in _QUIT

    def close(self) -> None:
        """Close every window."""
        self._cv2.destroyAllWindows()


def has_display() -> bool:
    """Whether a window can be shown: Qt ends the whole process where it finds no display."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("WAYLAND_DISPLAY")) or _answers(os.environ.get("DISPLAY", ""))


def _answers(display: str) -> bool:
    """Whether an X server listens at a display such as :0 or host:10.0."""
    parts = _X_DISPLAY.fullmatch(display)
    if parts is None:
        return False
    number = int(parts["number"])
    try:
        if parts["host"] in ("", "unix"):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_CONNECT_S)
                connection.connect(f"/tmp/.X11-unix/X{number}")
        else:
            socket.create_connection((parts["host"], 6000 + number), _CONNECT_S).close()
    except OSError:
        return False
    return True
