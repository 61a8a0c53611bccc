"""What FFmpeg makes of an RTSP session's pictures."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import av
import pytest
from av import Packet, VideoStream

from monitor.decode.options import FULL
from monitor.sources.rtp_file import open_rtp
from monitor.sources.rtp_video import Picture, Pictures
from monitor.sources.rtsp import Rtsp
from monitor.sources.sdp import Medium
from monitor.sources.source import SourceSettings
from testkit.films import looped
from testkit.patience import LIMIT_S
from testkit.servers.rtsp import rtsp_server
from testkit.servers.stamped_rtsp import pictures
from tests.monitor.sources.test_rtp_video import Camera, fragments


class Wire:
    """Packets of a film, a picture at a time; it counts the pictures that were asked for."""

    def __init__(self, film: Path, step: int = 3600) -> None:
        self.film, self.step, self.asked = pictures(film), step, 0
        self._packets = self._all()
        self._camera = Camera()

    def _all(self) -> Iterator[bytes]:
        sent: list[bytes] = []
        camera = self._camera

        def keep(data: bytes) -> list[Picture]:
            sent.append(data)
            return []

        camera.pictures.add = keep  # type: ignore[method-assign]
        for units in self.film:
            self.asked += 1
            camera.send(*(part for unit in units for part in fragments(unit, 1000)), step=self.step)
            yield from sent
            sent.clear()

    def packet(self) -> bytes:
        return next(self._packets, b"")


MEDIUM = Medium("video", 96, "", "H264", 90000, {})


def opened(packet: Callable[[], bytes]) -> av.container.InputContainer:
    made = Pictures.of(MEDIUM)
    assert made is not None
    return open_rtp(made, packet, FULL)


def test_each_picture_comes_with_its_own_packets_and_not_with_those_of_the_next(
    fight_clip: Path,
) -> None:
    wire = Wire(fight_clip)
    with opened(wire.packet) as container:
        packets = [(packet, wire.asked) for packet in container.demux(video=0) if packet.size]
    assert [asked for _, asked in packets] == list(range(1, len(wire.film) + 1))
    base = packets[0][0].time_base
    times = [float((packet.pts - packets[0][0].pts) * base) for packet, _ in packets]
    assert times == pytest.approx([n / 25 for n in range(len(times))], abs=1e-5)


def test_a_clock_that_is_set_back_by_hours_has_times_that_go_back(fight_clip: Path) -> None:
    wire = Wire(fight_clip, step=-90000 * 3600 * 5)
    with opened(wire.packet) as container:
        times = [float(p.pts * p.time_base) for p in container.demux(video=0) if p.size]
    assert [b - a for a, b in itertools.pairwise(times)] == [-3600.0 * 5] * (len(times) - 1)


def test_what_ends_the_packets_ends_the_file(
    fight_clip: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wire = Wire(fight_clip)

    def packet() -> bytes:
        if wire.asked > 5:
            raise TimeoutError
        return wire.packet()

    with opened(packet) as container, pytest.raises(TimeoutError):
        for _ in container.demux(video=0):
            pass
    assert wire.asked == 6
    assert capfd.readouterr().err == ""


def seen(container: av.container.InputContainer) -> list[Packet[VideoStream]]:
    found = []
    with container:
        for packet in container.demux(video=0):
            if len(found) == 60 or not packet.size:
                break
            found.append(packet)
    return found


@pytest.mark.parametrize(
    "how",
    [
        ("h264", "libx264", "-g", "20", "-bf", "2", "-slices", "4"),
        ("h264", "libx264", "-x264-params", "keyint=20:bframes=0:intra-refresh=1"),
        ("hevc", "libx265", "-x265-params", "keyint=20:bframes=2:log-level=none"),
    ],
    ids=["slices", "intra-refresh", "hevc"],
)
def test_packets_are_those_that_ffmpeg_would_give(
    fight_clip: Path, tmp_path: Path, how: tuple[str, ...]
) -> None:
    codec, *encoding = how
    film = looped(tmp_path / "film.mp4", fight_clip, 2, "scale=320:240", *encoding)
    with rtsp_server(film, codec=codec) as server:
        others = seen(av.open(server.url, options={"rtsp_transport": "tcp"}))
        with ExitStack() as held:
            rtsp = Rtsp(urlsplit(server.url), SourceSettings(), time.monotonic() + LIMIT_S)
            ours = seen(rtsp.open(held).container)
    assert [bytes(one) for one in ours[1:]] == [bytes(one) for one in others[1:]]
    assert [one.is_keyframe for one in ours] == [one.is_keyframe for one in others]
    starts = [float(found[1].pts * found[1].time_base) for found in (ours, others)]
    times = [
        [float(one.pts * one.time_base) - start for one in found[1:]]
        for found, start in zip((ours, others), starts, strict=True)
    ]
    assert times[0] == pytest.approx(times[1], abs=1e-5)
