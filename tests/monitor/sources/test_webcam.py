"""Webcams by all their names, those that are not there or closed to the user, and those that go."""

import errno
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.cli.preflight import check_inputs
from monitor.config.options import CameraOptions, MonitorOptions
from monitor.errors import SourceLostError, SourceOpenError
from monitor.sources.address import parse_address
from monitor.sources.make import make_source
from monitor.sources.source import SourceSettings
from monitor.sources.webcam import WebcamSource

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can look into, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture
def node(folder: Path) -> Path:
    """A device file of V4L2 for root and the group video, as udev makes it, without a driver."""
    path = folder / "video0"
    try:
        os.mknod(path, stat.S_IFCHR, os.makedev(81, 250))
        os.chown(path, 0, 44)
    except PermissionError:
        pytest.skip("needs the right to make device files: root, outside of most containers")
    path.chmod(0o660)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        if error.errno not in (errno.ENXIO, errno.ENODEV):
            pytest.skip(f"devices cannot be opened in {folder}: {error.strerror}")
    return path


def _open_error(text: str) -> str:
    """Why the source of an address cannot be opened."""
    source = make_source(parse_address(text), SourceSettings())
    with pytest.raises(SourceOpenError) as caught:
        source.open()
    source.close()
    return str(caught.value)


class Script:
    """A device that gives the images it was made with, then none."""

    def __init__(self, *images: NDArray[np.uint8], opens: bool = True) -> None:
        self._images = list(images)
        self._opens = opens
        self.released = 0

    def isOpened(self) -> bool:
        return self._opens

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
        return (True, self._images.pop(0)) if self._images else (False, None)

    def release(self) -> None:
        self.released += 1


@pytest.mark.parametrize("text", ["9", "999", "/dev/video9"])
def test_a_webcam_that_is_not_there_is_an_error_and_nothing_else_is_printed(
    text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    if list(Path("/dev").glob("video*")):
        pytest.skip("this machine has a webcam")
    source = make_source(parse_address(text), SourceSettings())
    with pytest.raises(SourceOpenError) as caught:
        source.open()
    source.close()
    device = f"/dev/video{text.removeprefix('/dev/video')}"
    assert str(caught.value) == f"webcam {text}: there is no {device}; found: none"
    assert caught.value.cause == "device"
    assert capfd.readouterr() == ("", "")


def test_a_device_of_v4l2_is_a_webcam_whatever_its_name(
    node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = node.with_name("front: door")
    link.symlink_to("video0")
    node.with_name("usb-cam").symlink_to(link)
    node.with_name("clip.mp4").symlink_to(node)
    monkeypatch.chdir(node.parent)
    for text in (str(node), str(link), "usb-cam", "./video0", "front: door", "clip.mp4"):
        address = parse_address(text)
        assert (address.kind, address.live, address.target) == ("webcam", True, text)
        check_inputs(MonitorOptions(cameras=(CameraOptions(name="a", source=text),)))
        assert _open_error(text) == (
            f"webcam {text}: no driver answers at {Path(text)}: it was unplugged, "
            "or its driver is not loaded"
        )


def test_a_link_to_a_webcam_that_is_unplugged_stays_a_webcam(tmp_path: Path) -> None:
    link = tmp_path / "cam"
    link.symlink_to("/dev/video250")
    assert parse_address(str(link)).kind == "webcam"
    assert f"webcam {link}: there is no /dev/video250; found: " in _open_error(str(link))


def test_a_link_is_followed_anew_each_time_a_webcam_is_opened(node: Path) -> None:
    link = node.with_name("usb-cam")
    link.symlink_to("/dev/video250")
    source = make_source(parse_address(str(link)), SourceSettings())
    with pytest.raises(SourceOpenError, match="there is no /dev/video250"):
        source.open()
    link.unlink()
    link.symlink_to(node)
    with pytest.raises(SourceOpenError, match="no driver answers"):
        source.open()


def test_the_webcam_of_a_name_is_what_opencv_opens(
    node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[object, ...]] = []
    monkeypatch.setattr(os, "open", lambda *given: os.dup(0))
    monkeypatch.setattr(cv2, "VideoCapture", lambda *given: opened.append(given) or Script())
    source = make_source(parse_address(str(node)), SourceSettings())
    source.open()
    source.close()
    assert opened == [(str(node), cv2.CAP_V4L2)]


@pytest.mark.parametrize("text", ["/dev/null", "/dev/zero"])
def test_a_device_that_is_no_camera_is_refused_in_one_line(text: str) -> None:
    assert _open_error(text) == f"{text}: a device, and no camera: it is not of V4L2"
    with pytest.raises(SourceOpenError, match=f"^camera a: {text}: a device, and no camera"):
        check_inputs(MonitorOptions(cameras=(CameraOptions(name="a", source=text),)))


def test_a_name_that_became_another_device_is_refused_in_one_line(tmp_path: Path) -> None:
    link = tmp_path / "cam"
    link.symlink_to("/dev/video250")
    source = make_source(parse_address(str(link)), SourceSettings())
    link.unlink()
    link.symlink_to("/dev/null")
    with pytest.raises(SourceOpenError, match=rf"^webcam {link}: {link} is no camera: it is not "):
        source.open()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EBUSY, "another program uses {}"),
        (errno.ENODEV, "no driver answers at {}: it was unplugged, or its driver is not loaded"),
        (errno.EIO, "{}: input/output error"),
    ],
    ids=["busy", "gone", "broken"],
)
def test_why_a_webcam_does_not_open_is_told_apart(
    code: int, words: str, node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", refuse)
    assert _open_error(str(node)) == f"webcam {node}: {words.format(node)}"


# Imports first: what this runs on may be closed to another user.
AS_NOBODY = f"""
import os, sys
from monitor.config.options import CameraOptions, MonitorOptions
from monitor.errors import SourceOpenError
from monitor.cli.preflight import check_inputs
from monitor.sources.address import parse_address
from monitor.sources.webcam import WebcamSource
os.setgroups([int(group) for group in sys.argv[2:]])
os.setgid({NOBODY})
os.setuid({NOBODY})
camera = CameraOptions(name="door", source=sys.argv[1])
for act in (
    lambda: check_inputs(MonitorOptions(cameras=(camera,))),
    WebcamSource(camera.address).open,
):
    try:
        act()
    except SourceOpenError as error:
        print(error)
"""


def _told_to_nobody(device: Path, *groups: int) -> list[str]:
    """What --check and the watching say to a user without rights who is in some groups."""
    command = [sys.executable, "-c", AS_NOBODY, str(device), *map(str, groups)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


def test_permission_denied_is_said_with_the_group_to_join(node: Path) -> None:
    words = (
        f"permission denied: {node} is for the group video: "
        "sudo usermod -aG video nobody, then log in again"
    )
    assert _told_to_nobody(node) == [f"camera door: {words}", f"webcam {node}: {words}"]
    assert _told_to_nobody(node, 44) == [
        f"webcam {node}: no driver answers at {node}: it was unplugged, or its driver is not loaded"
    ]


def test_where_no_group_may_open_a_webcam_its_mode_is_said(node: Path) -> None:
    node.chmod(0o600)
    words = (
        f"permission denied: {node} has the group video and the mode 600, the user is nobody; "
        "a container or a service has to be given the device"
    )
    assert _told_to_nobody(node) == [f"camera door: {words}", f"webcam {node}: {words}"]


def test_a_device_that_the_system_keeps_from_root_too_is_said(
    node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:  # as in a container that was not given the device
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "open", refuse)
    assert "the user is root; a container or a service has to be given" in _open_error(str(node))


def test_a_webcam_of_no_known_group_is_said_with_its_number(node: Path) -> None:
    os.chown(node, 0, 54321)
    assert "is for the group 54321: sudo usermod -aG 54321 " in _told_to_nobody(node)[0]


def test_a_device_that_does_not_open_is_given_back() -> None:
    device = Script(opens=False)
    source = WebcamSource(parse_address("0"), lambda _: device)
    with pytest.raises(SourceOpenError):
        source.open()
    assert device.released == 1


def test_a_webcam_gives_its_pictures_in_rgb_at_the_times_they_came() -> None:
    blue = np.zeros((48, 64, 3), np.uint8)
    blue[..., 0] = 255  # BGR, as OpenCV gives it
    times = iter([100.0, 100.04, 100.1])
    source = WebcamSource(parse_address("0"), lambda _: Script(blue, blue, blue), times.__next__)
    source.open()
    pictures = [source.read() for _ in range(3)]
    source.close()
    assert [picture.time_s for picture in pictures] == pytest.approx([0, 0.04, 0.1])
    assert pictures[0].picture.to_ndarray(format="rgb24")[0, 0].tolist() == [0, 0, 255]


def test_a_webcam_that_is_pulled_out_is_lost_and_given_back_once() -> None:
    device = Script(np.zeros((48, 64, 3), np.uint8))
    source = WebcamSource(parse_address("/dev/video0"), lambda _: device)
    source.open()
    source.read()
    with pytest.raises(SourceLostError) as caught:
        source.read()
    assert str(caught.value) == "webcam /dev/video0: the device gives no more pictures"
    source.close()
    source.close()
    assert device.released == 1
    with pytest.raises(SourceLostError, match=r"^webcam /dev/video0: not open$"):
        source.read()
