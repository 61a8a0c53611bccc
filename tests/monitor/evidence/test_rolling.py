"""What is recorded of streams all the time."""

import logging
import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.config.outputs import EvidenceOptions
from monitor.evidence import rolling
from monitor.evidence.evidence_sink import EvidenceSink
from monitor.evidence.retention import ROLLING_S, Retention, Rolled, delete_old_segments
from monitor.evidence.ring import PacketRing
from monitor.evidence.rolling import RETRY_S, RollingRecorder
from monitor.evidence.segments import (
    Segment,
    SegmentTimes,
    all_segments,
    find_segment,
    recorded,
    segment_path,
    segments_of,
)
from testkit.fakes import wait_until
from testkit.media import make_video
from testkit.servers.rtsp import rtsp_server
from tests.monitor.evidence.test_clip_writer import shown
from tests.monitor.evidence.test_evidence_sink import AXIS_S, Stream, camera, options
from tests.monitor.evidence.test_ring import packets

FPS, GOP = 25, 25
START = datetime(2026, 5, 4, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(
        tmp_path_factory.mktemp("film") / "a.mp4", fps=FPS, duration_s=20, gop=GOP
    ).path


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "SEGMENT_S", 5.0)


class Recording:
    """A recorder with clocks that go on with the film; `grow` is called twice a second."""

    def __init__(self, folder: Path, **changes: object) -> None:
        self.folder = folder
        self.time_s = 0.0
        self.set_by_s = 0.0  # how far the clock of the world was set
        folder.mkdir(exist_ok=True)
        made = EvidenceOptions.model_validate({"folder": folder, "rolling_min": 60} | changes)
        self.retention = Retention(made, lambda: self.time_s, self.now)
        self.recorder = RollingRecorder(made, self.retention, lambda: self.time_s, self.now)

    def now(self) -> float:
        return START.timestamp() + self.time_s + self.set_by_s

    def take(
        self,
        ring: PacketRing,
        feed: Iterator[tuple[Any, float]],
        until_s: float,
        at_s: float = 0.0,
    ) -> None:
        """Let the packets of a film come up to a time, its first one at `at_s`."""
        for packet, pts_s in feed:
            ring.take(packet, pts_s)
            ring.align(at_s + AXIS_S)
            self.time_s = at_s + pts_s
            if round(pts_s * FPS) % 12 == 0:
                self.recorder.grow({"door": ring})
            if pts_s >= until_s:
                return

    @property
    def segments(self) -> list[Segment]:
        return segments_of(self.folder, "door")


def seconds(moment: datetime) -> float:
    return (moment - START).total_seconds()


def test_segments_begin_with_key_frames_and_are_named_by_the_moment(
    film: Path, tmp_path: Path
) -> None:
    recording, ring = Recording(tmp_path), PacketRing(20, 1 << 30)
    recording.take(ring, packets(film, ring), 20)
    recording.recorder.close()
    found = recording.segments
    assert [seconds(one.start) for one in found] == pytest.approx([0, 5, 10, 15], abs=0.05)
    assert [seconds(one.end) for one in found] == pytest.approx([5, 10, 15, 20], abs=0.5)
    assert found[0].path.parent == tmp_path / "rolling" / "door"
    pictures = [number for one in found for _, number in shown(one.path)]
    assert pictures == list(range(len(pictures))), "each once, none missing"
    assert len(recorded(found)) == 1


def test_the_growing_segment_can_be_read(film: Path, tmp_path: Path) -> None:
    recording, ring = Recording(tmp_path), PacketRing(20, 1 << 30)
    recording.take(ring, packets(film, ring), 4)
    (growing,) = recording.segments
    assert len(shown(growing.path)) >= 2 * FPS
    recording.recorder.close()


def test_another_connection_begins_a_segment_and_leaves_a_gap(film: Path, tmp_path: Path) -> None:
    other = make_video(tmp_path / "b.mp4", fps=FPS, duration_s=4, gop=GOP, size=(320, 96)).path
    recording, ring = Recording(tmp_path / "kept"), PacketRing(20, 1 << 30)
    recording.take(ring, packets(film, ring), 2.9)
    recording.recorder.grow({"door": ring})
    recording.take(ring, packets(other, ring), 4, at_s=6)
    recording.recorder.close()
    first, second = recording.segments
    assert (seconds(first.end), seconds(second.start)) == pytest.approx((3, 6), abs=0.11)
    assert len(recorded([first, second])) == 2


def test_segments_of_two_machines_that_overlap_leave_no_gap() -> None:
    start = datetime(2026, 5, 4, 8, tzinfo=UTC)
    found = [
        SegmentTimes(*(start + timedelta(seconds=second) for second in times))
        for times in ((0, 60), (20, 30), (60.5, 90), (92, 99))
    ]
    assert [one.segments for one in recorded(found)] == [tuple(found[:3]), tuple(found[3:])]


def test_a_clock_that_was_set_back_replaces_nothing(film: Path, tmp_path: Path) -> None:
    recording, ring = Recording(tmp_path), PacketRing(20, 1 << 30)
    feed = packets(film, ring)
    recording.take(ring, feed, 7)
    recording.set_by_s = -5.0
    recording.take(ring, feed, 20)
    recording.recorder.close()
    assert len(recording.segments) == 4
    assert max(seconds(one.end) for one in recording.segments) == pytest.approx(15, abs=0.6)


def test_a_clock_that_was_set_forward_is_followed(film: Path, tmp_path: Path) -> None:
    recording, ring = Recording(tmp_path), PacketRing(20, 1 << 30)
    feed = packets(film, ring)
    recording.take(ring, feed, 4)
    recording.set_by_s = 3600.0
    recording.take(ring, feed, 20)
    recording.recorder.close()
    assert seconds(recording.segments[-1].start) == pytest.approx(3615, abs=0.1)


def test_packets_that_the_ring_lost_are_a_gap(film: Path, tmp_path: Path) -> None:
    recording, ring = Recording(tmp_path), PacketRing(1, 1 << 30)
    feed = packets(film, ring)
    recording.take(ring, feed, 3)
    for packet, pts_s in feed:  # the thread of the clips is held up
        ring.take(packet, pts_s)
        ring.align(AXIS_S)
        if pts_s >= 10:
            break
    recording.take(ring, feed, 14)
    recording.recorder.close()
    first, second = recording.segments
    assert seconds(first.end) == pytest.approx(3, abs=0.6)
    assert seconds(second.start) >= 8.9
    numbers = [number for _, number in shown(second.path)]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))


def test_packets_without_times_are_said_and_not_recorded(
    film: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recording, ring = Recording(tmp_path), PacketRing(20, 1 << 30)
    for packet, _ in packets(film, ring):
        ring.take(packet, None)
        recording.recorder.grow({"door": ring})
    assert caplog.text.count("door: it is no longer recorded: its packets carry no times") == 1
    assert recording.segments == []


def test_times_that_jump_back_as_a_segment_begins_end_nothing(film: Path, tmp_path: Path) -> None:
    recording, ring = Recording(tmp_path), PacketRing(600, 1 << 30)
    for packet, pts_s in packets(film, ring):
        ring.take(packet, pts_s + (100 if pts_s < 0.5 else 0))
        ring.align(AXIS_S - (100 if pts_s < 1 else 0))  # the jump is noticed a little later
        recording.time_s = pts_s
        if pts_s >= 0.7:
            recording.recorder.grow({"door": ring})
    recording.recorder.close()
    assert seconds(recording.segments[0].start) == pytest.approx(2, abs=0.05)
    assert seconds(recording.segments[-1].end) == pytest.approx(20, abs=0.5)


def test_what_is_too_old_is_deleted(film: Path, tmp_path: Path) -> None:
    recording, ring = Recording(tmp_path, rolling_min=1.15), PacketRing(20, 1 << 30)
    recording.take(ring, packets(film, ring), 20)
    recording.recorder.close()
    assert len(recording.segments) == 4
    recording.time_s += ROLLING_S
    recording.retention.tidy()
    assert [round(seconds(one.start)) for one in recording.segments] == [10, 15]


def test_it_goes_when_recording_is_turned_off(film: Path, tmp_path: Path) -> None:
    recording, ring = Recording(tmp_path), PacketRing(20, 1 << 30)
    recording.take(ring, packets(film, ring), 3)
    recording.recorder.close()
    EvidenceSink(options(tmp_path)).close()  # its thread tidies up at the start
    assert list(tmp_path.iterdir()) == []


def old_segments(folder: Path, *ages_min: float) -> list[Path]:
    """Segments of a MiB each."""
    found = []
    for age in ages_min:
        end = datetime.now(UTC) - timedelta(minutes=age)
        path = segment_path(folder, "door", end - timedelta(minutes=1))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1 << 20))
        os.utime(path, (end.timestamp(), end.timestamp()))
        found.append(path)
    return found


def test_the_evidence_of_events_outlives_what_is_recorded_all_the_time(tmp_path: Path) -> None:
    older, newer = old_segments(tmp_path, 20, 10)
    event = tmp_path / "2026-05-04" / "door" / "a.mp4"
    event.parent.mkdir(parents=True)
    event.write_bytes(bytes(1 << 20))
    os.utime(event, (0, 0))
    assert delete_old_segments(tmp_path, 2.5 / 1024, 0, 60, time.time()) == Rolled(1 << 20, 1)
    assert [path.exists() for path in (older, newer, event)] == [False, True, True]
    assert delete_old_segments(tmp_path, 1, 1e6, 60, time.time()) == Rolled(0, 1), "a full disk"
    assert [path.exists() for path in (newer, event)] == [False, True]


def test_it_is_said_that_less_is_kept_than_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old_segments(tmp_path, 20, 10)
    made = options(tmp_path, rolling_min=60, max_gib=1.5 / 1024)
    Retention(made, time.monotonic).tidy()
    assert "less is kept of the streams than the last 60 min (rolling_min)" in caplog.text
    assert len(all_segments(tmp_path)) == 1


def test_a_full_disk_ends_it_said_once_until_there_is_room(
    film: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording, ring = Recording(tmp_path), PacketRing(20, 1 << 30)
    feed = packets(film, ring)
    monkeypatch.setattr("monitor.evidence.retention.free_bytes", lambda folder: 0)
    recording.take(ring, feed, 4)
    assert recording.segments == []
    assert caplog.text.count("camera door: it is no longer recorded: less than 1 GiB") == 1
    monkeypatch.undo()
    caplog.set_level(logging.INFO)
    recording.time_s += RETRY_S
    recording.recorder.grow({"door": ring})
    assert len(recording.segments) == 1
    assert "camera door: it is recorded again" in caplog.text
    recording.recorder.close()


def test_a_segment_that_is_deleted_while_it_grows_is_said_at_once(
    film: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recording, ring = Recording(tmp_path), PacketRing(20, 1 << 30)
    feed = packets(film, ring)
    recording.take(ring, feed, 2)
    shutil.rmtree(tmp_path / "rolling")
    recording.take(ring, feed, 3)
    assert "door: it is no longer recorded: the segment that was being written" in caplog.text
    recording.time_s += RETRY_S
    recording.recorder.grow({"door": ring})
    assert len(recording.segments) == 1


def test_a_camera_that_comes_back_is_recorded_though_its_segment_has_gone(
    film: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recording, ring = Recording(tmp_path), PacketRing(20, 1 << 30)
    recording.take(ring, packets(film, ring), 2)
    shutil.rmtree(tmp_path / "rolling")
    again = PacketRing(20, 1 << 30)
    recording.take(again, packets(film, again), 4, at_s=2)
    assert len(recording.segments) == 1
    assert caplog.text == ""


def test_each_camera_that_is_no_longer_recorded_is_named(
    film: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recording, rings = Recording(tmp_path), {name: PacketRing(20, 1 << 30) for name in "ab"}
    for ring in rings.values():
        for packet, _ in packets(film, ring):
            ring.take(packet, None)
    recording.recorder.grow(rings)
    for name in rings:
        assert f"camera {name}: it is no longer recorded" in caplog.text


def test_what_is_none_of_its_files_is_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "rolling" / "door"
    folder.mkdir(parents=True)
    (real,) = old_segments(tmp_path, 500)
    for name in ("notes.mp4", "20261399T000000.000Z.mp4", "20260504T080000Z.mp4"):
        (folder / name).touch()
    (folder / "20260504T080000.000Z.mp4").symlink_to("/etc/passwd")
    assert [one.path for one in segments_of(tmp_path, "door")] == [real]
    assert find_segment(tmp_path, "door", real.stem) is not None
    for camera_name, stamp in (("..", real.stem), ("door", "../door/" + real.stem), ("door", "")):
        assert find_segment(tmp_path, camera_name, stamp) is None
    assert segments_of(tmp_path, "../rolling/door") == []
    delete_old_segments(tmp_path, 1, 0, 0, time.time())
    assert len(list(folder.iterdir())) == 4


def test_a_real_stream_is_recorded_beside_its_events(film: Path, tmp_path: Path) -> None:
    began = datetime.now(UTC)
    sink = EvidenceSink(options(tmp_path / "kept", rolling_min=10))
    with rtsp_server(film) as server:
        ring = sink.tap(camera(server.url))
        assert ring is not None
        reading = Stream(server.url, ring)
        reading.read_to(AXIS_S + 8)
        wait_until(lambda: len(segments_of(tmp_path / "kept", "door")) == 2)
        sink.close()
        reading.close()
    ended = datetime.now(UTC)
    found = segments_of(tmp_path / "kept", "door")
    (whole,) = recorded(found)
    assert began - timedelta(seconds=1) <= whole.start <= ended
    numbers = [number for one in found for _, number in shown(one.path)]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert numbers[0] == 0
    length_s = (whole.end - whole.start).total_seconds()
    assert length_s == pytest.approx(len(numbers) / FPS, abs=0.1)
