"""Clips of a camera's own packets: what a player makes of them."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from av import Packet

from monitor.errors import SinkError
from monitor.evidence.clip_writer import ClipWriter
from testkit.media import make_video, number_of

FPS = 25


def shown(path: Path) -> list[tuple[float, int]]:
    """Time and number of each picture of a film."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        assert video.time_base is not None
        return [
            (float(frame.pts * video.time_base), number_of(frame.to_ndarray(format="rgb24")))
            for frame in container.decode(video)
            if frame.pts is not None
        ]


def copy(source: Path, target: Path, alter: Any = lambda packet: None, each: int = 7) -> None:
    """Write a film's packets to a clip, so many at once."""
    with av.open(str(source)) as container:
        video = container.streams.video[0]
        writer = ClipWriter(target, video)
        batch: list[Packet[Any]] = []
        for packet in container.demux(video):
            if not packet.size:
                continue
            alter(packet)
            batch.append(packet)
            if len(batch) == each:
                writer.write(batch)
                batch = []
        writer.write(batch)
        writer.close()
        writer.close()


@pytest.mark.parametrize(
    ("codec", "b_frames"), [("h264", 0), ("h264", 2), ("hevc", 0), ("hevc", 3), ("mpeg4", 0)]
)
def test_a_clip_shows_every_picture_at_its_time(codec: str, b_frames: int, tmp_path: Path) -> None:
    film = make_video(
        tmp_path / "a.mp4", fps=FPS, duration_s=3, codec=codec, b_frames=b_frames, gop=25
    ).path
    copy(film, tmp_path / "clip.mp4", each=200 if b_frames else 7)
    found = shown(tmp_path / "clip.mp4")
    assert [number for _, number in found] == list(range(3 * FPS))
    assert [time_s - found[0][0] for time_s, _ in found] == pytest.approx(
        [n / FPS for n in range(3 * FPS)], abs=1e-4
    )


def without_dts(packet: Any) -> None:
    """As RTP gives them: no dts, and the first without a pts."""
    packet.dts = None
    if packet.pts == 0:
        packet.pts = None


@pytest.mark.parametrize("b_frames", [0, 2])
def test_packets_of_rtp_are_put_in_order(b_frames: int, tmp_path: Path) -> None:
    film = make_video(tmp_path / "a.mp4", fps=FPS, duration_s=3, b_frames=b_frames, gop=25).path
    copy(film, tmp_path / "clip.mp4", without_dts, each=40)
    numbers = [number for _, number in shown(tmp_path / "clip.mp4")]
    assert numbers == list(range(3 * FPS))


def test_the_packets_themselves_stay_as_they_were(tmp_path: Path) -> None:
    film = make_video(tmp_path / "a.mp4", fps=FPS, duration_s=2, gop=25).path
    with av.open(str(film)) as container:
        video = container.streams.video[0]
        packets = [packet for packet in container.demux(video) if packet.size]
        before = [(packet.pts, packet.dts, packet.time_base) for packet in packets]
        writer = ClipWriter(tmp_path / "clip.mp4", video)
        writer.write(packets)
        writer.close()
        assert [(packet.pts, packet.dts, packet.time_base) for packet in packets] == before
        assert all(packet.time_base != Fraction(1, 90_000) for packet in packets)


def test_a_clip_that_is_never_finished_plays_up_to_its_last_gop(tmp_path: Path) -> None:
    film = make_video(tmp_path / "a.mp4", fps=FPS, duration_s=6, gop=25).path
    code = f"""
import os, av
from pathlib import Path
from monitor.evidence.clip_writer import ClipWriter
container = av.open({str(film)!r})
video = container.streams.video[0]
writer = ClipWriter(Path({str(tmp_path / "clip.mp4")!r}), video)
writer.write([packet for packet in container.demux(video) if packet.size])
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 9
    numbers = [number for _, number in shown(tmp_path / "clip.mp4")]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 4 * FPS


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_an_error_in_a_line(tmp_path: Path) -> None:
    film = make_video(tmp_path / "a.mp4", fps=FPS, duration_s=4, gop=25).path
    (tmp_path / "clip.mp4").symlink_to("/dev/full")
    with pytest.raises(SinkError, match=r"clip\.mp4: cannot write the clip: no space left"):
        copy(film, tmp_path / "clip.mp4")
