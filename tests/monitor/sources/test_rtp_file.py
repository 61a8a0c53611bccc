"""Pictures that came as RTP, as FFmpeg reads them."""

from __future__ import annotations

import itertools
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import av
import pytest
from av import Packet, VideoStream
from av.container import InputContainer

from monitor.decode.options import Decoding
from monitor.sources.rtp_file import open_rtp
from monitor.sources.rtp_video import Pictures
from monitor.sources.rtsp import Rtsp
from monitor.sources.sdp import Medium
from monitor.sources.source import SourceSettings
from testkit.films import looped
from testkit.media import make_video
from testkit.patience import LIMIT_S
from testkit.servers.rtsp import rtsp_server
from testkit.servers.stamped_rtsp import pictures


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Pictures of some tens of KiB, in the form of Annex B."""
    path = tmp_path_factory.mktemp("rtp") / "film.mp4"
    film = pictures(Path(make_video(path, duration_s=0.4, size=(640, 360)).path))
    return [b"".join(b"\0\0\0\1" + unit for unit in units) for units in film]


def sent(film: list[bytes], stamps: list[int]) -> Iterator[bytes]:
    """Packets, a unit in each; the last one of a picture is marked."""
    numbers = itertools.count()
    for data, stamp in zip(film, stamps, strict=False):
        units = data.split(b"\0\0\0\1")[1:]
        for place, unit in enumerate(units, 1):
            kind = 96 | (place == len(units)) << 7
            head = struct.pack("!BBHII", 0x80, kind, next(numbers), stamp & 0xFFFFFFFF, 1)
            yield head + unit


def opened(packet: Callable[[], bytes], rate: int = 90_000) -> InputContainer:
    made = Pictures.of(Medium("video", 96, "", "H264", rate, {}))
    assert made is not None
    return open_rtp(made, packet, Decoding())


def played(
    film: list[bytes], stamps: list[int], rate: int = 90_000
) -> Iterator[tuple[float, bytes]]:
    """The times, since the first one, and the bytes of what FFmpeg reads."""
    packets = sent(film, stamps)
    with opened(lambda: next(packets, b""), rate) as container:
        first = None
        for packet in container.demux(video=0):
            if packet.size:
                assert packet.pts is not None
                assert packet.time_base is not None
                time_s = float(packet.pts * packet.time_base)
                first = time_s if first is None else first
                yield time_s - first, bytes(packet)


@pytest.mark.parametrize("rate", [90_000, 25, 1_000_000])
def test_ffmpeg_reads_each_picture_at_its_time(film: list[bytes], rate: int) -> None:
    found = list(played(film, [rate * at // 25 for at in range(len(film))], rate))
    assert [data for _, data in found] == film
    assert [time for time, _ in found] == pytest.approx([at / 25 for at in range(len(film))])


def test_a_picture_comes_before_the_next_one_is_asked_for(film: list[bytes]) -> None:
    packets, marked = sent(film, list(range(len(film)))), 0

    def packet() -> bytes:
        nonlocal marked
        data = next(packets, b"")
        marked += data[1:2] > b"\x7f"
        return data

    with opened(packet) as container:
        asked = [marked for one in container.demux(video=0) if one.size]
    first, *others = asked
    assert others == list(range(2, len(film) + 1))
    assert first in (1, 2), "the first one waits until the second begins"


def test_an_error_of_the_camera_ends_the_stream_and_nothing_else_is_said(
    film: list[bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    packets, asked = sent(film[:3], [0, 1, 2]), 0

    def packet() -> bytes:
        nonlocal asked
        if data := next(packets, b""):
            return data
        asked += 1
        raise TimeoutError

    with opened(packet) as container, pytest.raises(TimeoutError):
        list(container.demux(video=0))
    assert asked == 1
    assert capfd.readouterr().err == ""


def test_a_clock_may_be_set_back_by_hours(film: list[bytes]) -> None:
    hours = 3 * 3600
    found = [time for time, _ in played(film, [0, -hours * 90_000, -hours * 90_000 + 3600])]
    assert found == pytest.approx([0, -hours, -hours + 0.04], abs=1e-4)


def test_times_that_no_file_can_hold_end_the_stream(film: list[bytes]) -> None:
    stamps = [at * 0x7FFFFFFF for at in range(10)]
    with pytest.raises(OSError, match="too far apart"):
        list(played(film, stamps, 1))
    with pytest.raises(OSError, match="too far apart"):
        list(played(film, [-stamp for stamp in stamps], 1))


def test_the_stream_may_end_before_a_picture() -> None:
    with pytest.raises(av.FFmpegError):
        list(played([], []))


def seen(container: InputContainer) -> list[Packet[VideoStream]]:
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
        pytest.param(
            ("h264", "libx264", "-x264-params", "keyint=20:bframes=0:intra-refresh=1"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ("hevc", "libx265", "-x265-params", "keyint=20:bframes=2:log-level=none"),
            marks=pytest.mark.slow,
        ),
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
