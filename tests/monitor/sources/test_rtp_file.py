"""Pictures that came as RTP, as FFmpeg reads them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from monitor.decode.options import Decoding
from monitor.sources.rtp_file import open_rtp
from monitor.sources.rtp_video import Pictures
from monitor.sources.sdp import Medium
from testkit.media import make_video
from testkit.servers.stamped_rtsp import pictures


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Pictures of some tens of KiB, in the form of Annex B."""
    path = tmp_path_factory.mktemp("rtp") / "film.mp4"
    film = pictures(Path(make_video(path, duration_s=0.4, size=(640, 360)).path))
    return [b"".join(b"\0\0\0\1" + unit for unit in units) for units in film]


def played(
    film: list[bytes], stamps: list[int], rate: int = 90_000
) -> Iterator[tuple[float, bytes]]:
    """The times, since the first one, and the bytes of what FFmpeg reads."""
    made = Pictures.of(Medium("video", 96, "", "H264", rate, {}))
    assert made is not None
    numbers = iter(range(1 << 16))
    packets = (
        struct.pack("!BBHII", 0x80, 96 | last << 7, next(numbers), stamp & 0xFFFFFFFF, 1) + unit
        for data, stamp in zip(film, stamps, strict=False)
        for units in [data.split(b"\0\0\0\1")[1:]]
        for last, unit in zip([False] * (len(units) - 1) + [True], units, strict=True)
    )
    with open_rtp(made, lambda: next(packets, b""), Decoding()) as container:
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
