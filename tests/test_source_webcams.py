"""Webcams that are not there, and webcams that go."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.errors import SourceLostError, SourceOpenError
from monitor.source import StreamLimits, make_source
from monitor.source.address import parse_address
from monitor.source.webcam import WebcamSource


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
    source = make_source(parse_address(text), StreamLimits())
    with pytest.raises(SourceOpenError) as caught:
        source.open()
    source.close()
    device = f"/dev/video{text.removeprefix('/dev/video')}"
    assert str(caught.value) == f"webcam {text}: there is no {device}; found: none"
    assert caught.value.cause == "device"
    assert capfd.readouterr() == ("", "")


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
    assert pictures[0].frame.to_ndarray(format="rgb24")[0, 0].tolist() == [0, 0, 255]


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
