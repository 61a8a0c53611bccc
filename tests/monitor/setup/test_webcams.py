"""The webcams of a machine, by the files that the system makes for them."""

import os
import stat
from pathlib import Path

import pytest

from monitor.setup.webcams import webcams


def device(path: Path, major: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(major, 0))
    except PermissionError:
        pytest.skip("only root makes device files")


def test_a_webcam_is_found_once_by_the_name_that_stays(tmp_path: Path) -> None:
    for number in range(3):
        device(tmp_path / f"video{number}", 81)
    device(tmp_path / "video9", 4)  # no camera
    names = tmp_path / "v4l" / "by-id"
    names.mkdir(parents=True)
    for index in (0, 1):  # the second of a camera's devices gives no pictures
        (names / f"usb-Cam-video-index{index}").symlink_to(tmp_path / f"video{index}")
    (names / "usb-Gone-video-index0").symlink_to(tmp_path / "video7")
    assert webcams(tmp_path) == [names / "usb-Cam-video-index0", tmp_path / "video2"]
    assert webcams(tmp_path / "none") == []
