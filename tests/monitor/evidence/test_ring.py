"""What a ring keeps of a camera's packets."""

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from monitor.decode.tap import PacketTap
from monitor.evidence.ring import PacketRing
from testkit.media import make_video

FPS, GOP = 25, 25


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    return make_video(folder / "a.mp4", fps=FPS, duration_s=20, gop=GOP).path


def packets(film: Path, ring: PacketRing | PacketTap) -> Iterator[tuple[Any, float]]:
    """Those of a film, each with its pts, once the ring has begun with it."""
    with av.open(str(film)) as container:
        video = container.streams.video[0]
        ring.connect(video)
        for packet in container.demux(video):
            if packet.size:
                assert packet.pts is not None
                yield packet, float(packet.pts * video.time_base)


def fill(
    film: Path, ring: PacketRing | PacketTap, seconds: float = 20.0, offset_s: float = 0.0
) -> None:
    for packet, pts_s in packets(film, ring):
        if pts_s >= seconds:
            break
        ring.take(packet, pts_s)
        ring.align(offset_s)


def times(found: list[Any]) -> list[float]:
    return [one.time_s for one in found]


def test_it_keeps_the_seconds_that_were_asked_for_and_a_gop_at_most_beside(film: Path) -> None:
    ring = PacketRing(5.0, 1 << 30)
    fill(film, ring)
    kept = ring.since(-1.0)
    assert kept[0].packet.is_keyframe
    assert 5.0 <= kept[-1].time_s - kept[0].time_s <= 5.0 + GOP / FPS + 0.1  # type: ignore[operator]
    assert ring.size == sum(one.packet.size for one in kept)


def test_it_never_holds_more_bytes_than_it_may(film: Path) -> None:
    whole = PacketRing(60.0, 1 << 30)
    fill(film, whole)
    ring = PacketRing(60.0, whole.size // 4)
    for packet, pts_s in packets(film, ring):
        ring.take(packet, pts_s)
        assert ring.size <= whole.size // 4
    assert ring.since(0.0)[0].packet.is_keyframe
    assert ring.since(0.0)[-1].number == 20 * FPS - 1


def test_it_begins_at_the_key_frame_before_a_time_of_the_cameras_axis(film: Path) -> None:
    ring = PacketRing(60.0, 1 << 30)
    fill(film, ring, offset_s=1000.0)
    assert times(ring.since(1007.5))[0] == pytest.approx(1007.0)
    assert times(ring.since(1008.0))[0] == pytest.approx(1008.0)
    assert times(ring.since(0.0))[0] == pytest.approx(1000.0), "it has nothing older"
    assert times(ring.since(1007.5))[-1] == pytest.approx(1000 + 20 - 1 / FPS)


def test_packets_that_come_are_read_once_each(film: Path) -> None:
    ring = PacketRing(60.0, 1 << 30)
    seen = -1
    numbers: list[int] = []
    for index, (packet, pts_s) in enumerate(packets(film, ring)):
        ring.take(packet, pts_s)
        if index % 7 == 0:
            new = ring.after(seen)
            numbers += [one.number for one in new]
            seen = new[-1].number
    assert numbers == list(range(len(numbers)))
    assert ring.after(seen + 1000) == []


def test_another_connection_and_a_jump_begin_anew(film: Path) -> None:
    ring = PacketRing(60.0, 1 << 30)
    fill(film, ring, seconds=4.0)
    fill(film, ring, seconds=3.0, offset_s=10.0)
    assert times(ring.since(0.0))[0] == pytest.approx(10.0), "only of the newest connection"
    ring.align(500.0)
    before = ring.since(0.0)
    for packet, pts_s in packets(film, ring):
        ring.take(packet, pts_s)
        ring.align(500.0)
        break
    assert len(before) == 3 * FPS
    assert times(ring.since(0.0)) == [500.0]


def test_a_slow_correction_of_the_axis_is_no_jump(film: Path) -> None:
    ring = PacketRing(60.0, 1 << 30)
    for index, (packet, pts_s) in enumerate(packets(film, ring)):
        ring.take(packet, pts_s)
        ring.align(index * 0.01)
    assert len(ring.since(0.0)) == 20 * FPS


def test_jumps_without_end_keep_nothing_of_what_has_left_the_ring(film: Path) -> None:
    ring = PacketRing(1.0, 1 << 30)
    first: weakref.ref[Any] | None = None
    for index, (packet, pts_s) in enumerate(packets(film, ring)):
        ring.take(packet, pts_s)
        ring.align(100.0 * (index // GOP))
        first = first or weakref.ref(ring.since(0.0)[0].run)
    gc.collect()
    assert first is not None
    assert first() is None


def test_without_a_key_frame_nothing_is_kept(film: Path) -> None:
    ring = PacketRing(60.0, 1 << 30)
    for index, (packet, pts_s) in enumerate(packets(film, ring)):
        if 0 < index < GOP:
            ring.take(packet, pts_s)
    assert ring.since(0.0) == []
    assert ring.size == 0
