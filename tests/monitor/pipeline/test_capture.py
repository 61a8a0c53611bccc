"""What a camera's capture says of outages, over days of a clock that the test holds."""

import itertools
import logging
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from av import VideoFrame

from monitor.config.options import MonitorOptions
from monitor.errors import SourceOpenError
from monitor.health.status import CameraStatus
from monitor.pipeline.capture import Capture, Retry
from monitor.pipeline.monitor import Monitor
from monitor.recognition.classifier import OnnxClassifier
from monitor.records import Frame, NoFrameYet
from monitor.sources.address import Address
from monitor.sources.source import Source
from monitor.states import EndReason, OpenFailure, Pace, SkipReason
from testkit.fakes import FakeSource, lost, moving
from testkit.patience import LIMIT_S
from testkit.watching import Running


class HeldClock(threading.Event):
    """A clock that only pauses move, and that stops the capture at its end."""

    def __init__(self, end_s: float) -> None:
        super().__init__()
        self.now_s, self._end_s = 0.0, end_s

    def __call__(self) -> float:
        return self.now_s

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.now_s += timeout
        if self.now_s >= self._end_s:
            self.set()
        return self.is_set()


def refuse() -> None:
    raise SourceOpenError("rtsp://door/: refused: connection refused", OpenFailure.REFUSED)


def said(sources: Iterator[Source], seconds: float, caplog: pytest.LogCaptureFixture) -> list[str]:
    """The lines about a camera that is watched for so long."""
    clock = HeldClock(seconds)
    status = CameraStatus("door", "rtsp://door/", clock=clock)
    capture = Capture(
        status,
        lambda: next(sources),
        [],
        pace=Pace.CAMERA,
        retry=Retry(0.5, 4.0),
        stopping=clock,
        clock=clock,
    )
    with caplog.at_level(logging.INFO, "monitor.pipeline.capture"):
        capture.run()
    return [record.message for record in caplog.records]


def down() -> Iterator[Source]:
    """A camera that refuses for ever."""
    return (FakeSource(opening=refuse) for _ in itertools.count())


def test_an_outage_without_end_is_told_of_again_and_again(caplog: pytest.LogCaptureFixture) -> None:
    lines = said(down(), 24 * 3600, caplog)
    assert lines[0] == "camera door: rtsp://door/: refused: connection refused; trying again"
    assert all("; not watched for " in line for line in lines[1:])
    assert 20 < len(lines) < 40
    assert "more times" in lines[-1]


def test_a_camera_without_a_key_frame_is_not_said_to_be_watched() -> None:
    status = CameraStatus("door", "rtsp://door/")

    def last() -> Frame | None:
        seen = status.snapshot()
        assert (seen.state, seen.cause) == ("connecting", "no key frame")
        capture.stop(EndReason.MONITOR_STOPPED)
        return None

    source = FakeSource([NoFrameYet.NO_KEY_FRAME] * 3, after=last)
    capture = Capture(status, lambda: source, [], pace=Pace.CAMERA, retry=Retry(0.5, 4.0))
    capture.run()
    assert status.snapshot().frames == 0


def test_a_camera_whose_packets_are_kept_for_its_turn_waits() -> None:
    status = CameraStatus("door", "rtsp://door/")

    def last() -> Frame | None:
        assert status.snapshot().state == "waiting"
        capture.stop(EndReason.MONITOR_STOPPED)
        return None

    source = FakeSource([NoFrameYet.WAITING], after=last)
    capture = Capture(status, lambda: source, [], pace=Pace.CAMERA, retry=Retry(0.5, 4.0))
    capture.run()


class SeeingTap:
    """Keeps the times of the pictures that it is shown."""

    def __init__(self) -> None:
        self.seen_s: list[float] = []

    def connect(self, stream: object) -> None:
        """Of no interest here."""

    take = align = connect

    def see(self, picture: VideoFrame, time_s: float) -> None:
        assert picture.width == 64
        self.seen_s.append(time_s)


def test_a_tap_sees_each_picture_that_was_decoded_on_the_axis_of_the_camera() -> None:
    skipped = Frame(1.0, None, skipped=SkipReason.IDLE)
    twice = [FakeSource([*moving(1), skipped], lost), FakeSource(moving(0.5), lost)]
    sources = itertools.chain(twice, down())
    tap, clock = SeeingTap(), HeldClock(20.0)
    status = CameraStatus("door", "0", clock=clock)
    capture = Capture(
        status,
        lambda: next(sources),
        [],
        pace=Pace.CAMERA,
        retry=Retry(4.0, 4.0),
        stopping=clock,
        clock=clock,
    )
    capture.start(tap)  # type: ignore[arg-type]
    assert capture.join(LIMIT_S)
    assert (status.snapshot().frames, status.snapshot().passed_over) == (16, 1)
    first, second = tap.seen_s[:10], tap.seen_s[10:]
    assert first == pytest.approx([n / 10 for n in range(10)])
    assert len(second) == 5
    assert second[0] >= 1.0, "the axis goes on over connections"
    assert np.diff(second) == pytest.approx(0.1)


def test_a_long_outage_is_told_of_even_where_short_ones_were_many(
    caplog: pytest.LogCaptureFixture,
) -> None:
    flaps = (FakeSource(moving(1), lost) for _ in range(2000))
    lines = said(itertools.chain(flaps, down()), 24 * 3600, caplog)
    assert len(lines) < 80
    assert "more times" in lines[-1]
    assert "not watched for " in lines[-1]
    assert any(
        "refused; not watched for 6" in line or "refused; not watched for 7" in line
        for line in lines
    )


@pytest.mark.parametrize("ca_file", [None, "/etc/ssl/certs/ca-certificates.crt"])
def test_once_it_is_said_that_nobody_checks_a_cameras_certificate(
    ca_file: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    opened = itertools.count(1)
    enough = threading.Event()

    def make(address: Address, settings: object) -> Source:
        if next(opened) == 3:
            enough.set()
        return FakeSource(opening=refuse)

    options = {
        "cameras": [{"name": "door", "source": "rtsps://viewer:hunter2@door/"}],
        "defaults": {"stream": {"retry_min_s": 0.1, "retry_max_s": 0.1, "ca_file": ca_file}},
    }
    monitor = Monitor(MonitorOptions.model_validate(options), OnnxClassifier(), [], make=make)
    with Running(monitor):
        assert enough.wait(LIMIT_S)
    warnings = [record.message for record in caplog.records if "ca_file" in record.message]
    said_once = "rtsps://viewer:***@door/: no ca_file is set: the certificate is not checked"
    assert warnings == ([] if ca_file else [said_once])
