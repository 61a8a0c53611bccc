"""OpenCV, imported where it is needed and not before."""

from types import ModuleType

from monitor.errors import MonitorError


def load_cv2() -> ModuleType:
    """The cv2 module; MonitorError with one line on what to install where it cannot be loaded."""
    try:
        import cv2
    except ImportError as error:
        if error.name == "cv2":
            raise MonitorError("OpenCV is not installed: pip install opencv-python") from error
        # The wheel is there, but a library it links to is not: usual in slim containers.
        reason = " ".join(str(error).split())
        raise MonitorError(
            f"OpenCV cannot be loaded: {reason}; "
            "on Debian: apt-get install libxcb1 libgl1 libglib2.0-0"
        ) from error
    return cv2
