"""What becomes of a camera's packets and pictures on their way into its ring."""

import threading
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from av import VideoFrame

from monitor.errors import SinkError
from monitor.evidence import camera_tap
from monitor.evidence.camera_tap import CameraTap
from monitor.evidence.encoder import PictureEncoder
from monitor.evidence.ring import PacketRing, TappedPacket
from monitor.web.video import avc_codec
from testkit.fakes import wait_until
from testkit.media import make_video, number_of, numbered
from tests.monitor.evidence.test_ring import fill

FPS = 10
SIZE = (160, 96)


def picture(number: int, size: tuple[int, int] = SIZE) -> VideoFrame:
    return VideoFrame.from_ndarray(numbered(number, size), "gray").reformat(format="yuvj422p")


@pytest.fixture
def tap() -> Iterator[CameraTap]:
    made = CameraTap("door", PacketRing(60.0, 1 << 30))
    yield made
    made.close()
    made.close()
    assert not threads()


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("encode ")]


def show(tap: CameraTap, numbers: range, size: tuple[int, int] = SIZE) -> None:
    """Pictures, each when the one before is in the ring: number N is seen at N / FPS."""
    for number in numbers:
        tap.see(picture(number, size), number / FPS)
        wait_until(lambda at_s=number / FPS: newest_s(tap) == pytest.approx(at_s))  # type: ignore[misc]


def newest_s(tap: CameraTap) -> float | None:
    packets = tap.ring.since(1e9)
    return packets[-1].time_s if packets else None


def shown(packets: list[TappedPacket]) -> list[int]:
    """The numbers that a player shows."""
    codec = av.CodecContext.create("h264", "r")
    assert isinstance(codec, av.VideoCodecContext)
    codec.extradata = packets[0].run.template.codec_context.extradata
    frames = [frame for one in packets for frame in codec.decode(one.packet)]
    frames += codec.decode(None)
    return [number_of(frame.to_ndarray(format="rgb24")) for frame in frames]


def test_pictures_of_a_webcam_are_in_the_ring_as_packets_with_their_times(tap: CameraTap) -> None:
    show(tap, range(30))
    packets = tap.ring.since(1.2)
    assert [one.time_s for one in packets] == pytest.approx(np.arange(10, 30) / FPS)
    assert shown(packets) == list(range(10, 30))
    assert avc_codec(packets[0].run.template) is not None, "browsers can be told what it is"


def test_an_mjpeg_stream_is_encoded_and_its_own_packets_are_left_out(
    tap: CameraTap, tmp_path: Path
) -> None:
    film = make_video(tmp_path / "a.avi", fps=FPS, duration_s=1, codec="mjpeg").path
    fill(film, tap, seconds=1.0)
    assert tap.ring.size == 0
    show(tap, range(5))
    assert shown(tap.ring.since(0.0)) == list(range(5))


def test_other_streams_are_kept_as_they_are_and_cost_no_thread(
    tap: CameraTap, tmp_path: Path
) -> None:
    film = make_video(tmp_path / "a.mp4", fps=FPS, duration_s=1).path
    fill(film, tap, seconds=1.0)
    tap.see(picture(1), 2.0)
    assert threads() == []
    assert len(tap.ring.since(0.0)) == FPS


def test_a_camera_that_comes_back_as_another_begins_anew(tap: CameraTap, tmp_path: Path) -> None:
    jpegs = make_video(tmp_path / "a.avi", fps=FPS, duration_s=1, codec="mjpeg").path
    fill(jpegs, tap)
    show(tap, range(3))
    fill(make_video(tmp_path / "a.mp4", fps=FPS, duration_s=1).path, tap, offset_s=10.0)
    assert [one.time_s for one in tap.ring.since(0.0)] == pytest.approx(10 + np.arange(10) / FPS)
    fill(jpegs, tap)
    show(tap, range(200, 203))
    assert shown(tap.ring.since(0.0)) == list(range(200, 203))


def test_another_size_begins_anew(tap: CameraTap) -> None:
    show(tap, range(3))
    show(tap, range(3, 6), size=(320, 192))
    packets = tap.ring.since(0.0)
    assert packets[0].run.template.width == 320
    assert shown(packets) == [3, 4, 5]


def test_late_encoding_drops_pictures_and_holds_up_nobody(
    tap: CameraTap, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    encode, begun, going_on = PictureEncoder.encode, threading.Event(), threading.Event()

    def slow(self: PictureEncoder, *what: object) -> object:
        begun.set()
        assert going_on.wait(10)
        return encode(self, *what)  # type: ignore[arg-type]

    monkeypatch.setattr(PictureEncoder, "encode", slow)
    tap.see(picture(0), 0.0)
    assert begun.wait(10)
    for number in range(1, 6):
        tap.see(picture(number), number / FPS)
    going_on.set()
    tap.close()
    assert shown(tap.ring.since(0.0)) == [0, 5]
    assert tap.dropped == 4
    assert caplog.messages == ["camera door: encoding is late: its clips lack pictures"]


def test_an_encoder_that_fails_is_said_once_and_tried_again_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now_s = 0.0
    tap = CameraTap("door", PacketRing(60.0, 1 << 30), lambda: now_s)
    encode, tries = PictureEncoder.encode, 0

    def fail(self: PictureEncoder, *what: object) -> object:
        nonlocal tries
        tries += 1
        raise SinkError("H.264 cannot be encoded: out of memory")

    monkeypatch.setattr(PictureEncoder, "encode", fail)
    tap.see(picture(0), 0.0)
    wait_until(lambda: bool(caplog.messages))
    for number in range(1, 6):
        tap.see(picture(number), number / FPS)
    monkeypatch.setattr(PictureEncoder, "encode", encode)
    now_s = camera_tap.RETRY_S
    show(tap, range(7, 9))
    tap.close()
    assert shown(tap.ring.since(0.0)) == [7, 8]
    assert tries == 1
    assert caplog.messages == [
        "camera door: its clips and its video lack pictures: H.264 cannot be encoded: out of memory"
    ]


def test_a_camera_that_has_left_leaves_no_thread_and_may_come_back(
    tap: CameraTap, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(camera_tap, "REST_S", 0.05)
        show(tap, range(2))
        wait_until(lambda: threads() == [])
    show(tap, range(30, 32))
    assert shown(tap.ring.since(0.0)) == [30, 31], "no clip spans the gap"


def test_without_a_thread_the_camera_is_watched_all_the_same(
    tap: CameraTap, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        tap.see(picture(0), 0.0)
    assert "no thread can be had to encode it: can't start new thread" in caplog.text


def test_the_ring_holds_no_more_bytes_than_it_may() -> None:
    tap = CameraTap("door", PacketRing(60.0, 100_000))
    random = np.random.default_rng(1)
    for number in range(60):
        noise = random.integers(0, 255, (96, 160, 3)).astype(np.uint8)
        tap.see(VideoFrame.from_ndarray(noise, "rgb24"), number / FPS)
        wait_until(lambda at_s=number / FPS: newest_s(tap) == pytest.approx(at_s))  # type: ignore[misc]
        assert tap.ring.size <= 100_000
    tap.close()
    first_s = tap.ring.since(0.0)[0].time_s
    assert first_s is not None
    assert 1.0 <= first_s <= 5.0, "the oldest have left it"


def test_after_its_end_it_takes_nothing(tap: CameraTap) -> None:
    tap.close()
    tap.see(picture(0), 0.0)
    assert tap.ring.since(0.0) == []
