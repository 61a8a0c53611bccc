"""Clips of activities, of real streams and of films."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.config.options import CameraOptions, ClipSinkOptions
from monitor.decode.options import Decoding
from monitor.errors import SinkError
from monitor.evidence import clip_sink
from monitor.evidence.clip_sink import DELETE_S, ClipSink
from monitor.evidence.retention import delete_old_clips
from monitor.evidence.ring import PacketRing
from monitor.sources.address import parse_address
from monitor.sources.source import SourceSettings
from monitor.sources.stream import StreamSource
from testkit.alerts import alert
from testkit.fakes import wait_until
from testkit.media import make_video
from testkit.servers.rtsp import rtsp_server
from tests.monitor.evidence.test_clip_writer import shown

FPS, GOP, SECONDS = 25, 25, 20
AXIS_S = 100.0  # of the camera's axis at the first frame


@pytest.fixture(scope="module", params=["h264", pytest.param("hevc", marks=pytest.mark.slow)])
def codec(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def film(codec: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    return make_video(folder / "a.mp4", fps=FPS, duration_s=SECONDS, gop=GOP, codec=codec).path


class Stream:
    """A camera that is read as a capture does."""

    def __init__(self, url: str, ring: PacketRing) -> None:
        self._source = StreamSource(parse_address(url), SourceSettings(decoding=Decoding(tap=ring)))
        self._ring = ring
        self._source.open()

    def read_to(self, time_s: float) -> None:
        """Read up to a time on the camera's axis."""
        while True:
            read = self._source.read()
            if read is None or not hasattr(read, "time_s") or read.pts_s is None:
                continue
            self._ring.align(AXIS_S + read.time_s - read.pts_s)
            if AXIS_S + read.time_s >= time_s:
                return

    def close(self) -> None:
        self._source.close()


def options(folder: Path, **changes: object) -> ClipSinkOptions:
    rolls = {"pre_roll_s": 2, "post_roll_s": 1}
    return ClipSinkOptions.model_validate({"folder": folder} | rolls | changes)


def camera(source: object) -> CameraOptions:
    return CameraOptions.model_validate({"name": "door", "source": str(source)})


@pytest.fixture
def stream(film: Path, codec: str, tmp_path: Path) -> Iterator[tuple[ClipSink, Stream]]:
    sink = ClipSink(options(tmp_path / "clips"))
    with rtsp_server(film, codec=codec) as server:
        ring = sink.tap(camera(server.url))
        assert ring is not None
        reading = Stream(server.url, ring)
        yield sink, reading
        reading.close()
    sink.close()


def test_a_clip_of_a_stream_begins_before_the_act_and_ends_after_it(
    stream: tuple[ClipSink, Stream],
) -> None:
    sink, reading = stream
    reading.read_to(AXIS_S + 8.0)
    start = alert("a1", start_s=AXIS_S + 5.5, decided_s=AXIS_S + 7.5)
    sink.write(start)
    reading.read_to(AXIS_S + 10.0)
    sink.write(start.model_copy(update={"event": "end", "end_s": AXIS_S + 9.0}))
    reading.read_to(AXIS_S + 12.0)
    sink.close()
    numbers = [number for _, number in shown(sink.path(start))]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), "no picture is missing"
    assert 3.5 - GOP / FPS - 0.1 <= numbers[0] / FPS <= 3.5, "two seconds before, from a key frame"
    assert 10.0 <= numbers[-1] / FPS <= 11.0, "a second after"


def test_what_is_open_at_the_end_is_finished(stream: tuple[ClipSink, Stream]) -> None:
    sink, reading = stream
    reading.read_to(AXIS_S + 6.0)
    start = alert("a1", start_s=AXIS_S + 4.0)
    sink.write(start)
    reading.read_to(AXIS_S + 7.0)
    sink.close()
    numbers = [number for _, number in shown(sink.path(start))]
    assert numbers[0] / FPS <= 2.0
    assert numbers[-1] / FPS >= 6.9


def test_a_clip_of_a_film_is_cut_out_of_it(film: Path, tmp_path: Path) -> None:
    sink = ClipSink(options(tmp_path / "clips"))
    assert sink.tap(camera(film)) is None
    start = alert("a1", start_s=12.2)
    sink.write(start)
    sink.write(start.model_copy(update={"event": "end", "end_s": 15.0}))
    sink.close()
    numbers = [number for _, number in shown(sink.path(start))]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert (numbers[0], numbers[-1]) == (10 * FPS, pytest.approx(16 * FPS, abs=2))
    assert sink.path(start) == tmp_path / "clips" / "2026-05-04" / "door" / "a1.mp4"
    assert sink.path(start).parent.stat().st_mode & 0o777 == 0o700


def test_a_camera_without_packets_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = ClipSink(options(tmp_path / "clips"))
    assert sink.tap(camera(0)) is None
    for name in ("a1", "a2"):
        sink.write(alert(name))
    sink.close()
    assert caplog.messages == ["camera door: no clip of fight: a webcam has no packets of its own"]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match=f"clips {tmp_path}/file/clips: not a directory"):
        ClipSink(options(tmp_path / "file" / "clips"))


def clips(folder: Path, *ages_days: float) -> list[Path]:
    """Clips of a MiB each."""
    found = []
    for number, age in enumerate(ages_days):
        path = folder / f"2026-01-{number + 1:02}" / "door" / f"{number}.mp4"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(1 << 20))
        changed_s = time.time() - age * 86_400
        os.utime(path, (changed_s, changed_s))
        found.append(path)
    return found


def test_old_clips_are_deleted_and_their_folders_with_them(tmp_path: Path) -> None:
    old, older, new = clips(tmp_path, 31, 40, 29)
    assert delete_old_clips(tmp_path, max_gib=1, keep_days=30) == 2
    assert [path.exists() for path in (old, older, new)] == [False, False, True]
    assert [path.name for path in tmp_path.iterdir()] == ["2026-01-03"]


def test_the_oldest_are_deleted_until_the_rest_fits(tmp_path: Path) -> None:
    paths = clips(tmp_path, 1, 5, 3, 2)
    assert delete_old_clips(tmp_path, max_gib=2.5 / 1024, keep_days=30) == 2
    assert [path.exists() for path in paths] == [True, False, False, True]


def test_what_is_no_clip_stays(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_bytes(bytes(1 << 20))
    (tmp_path / "2026-01-01" / "door").mkdir(parents=True)
    (tmp_path / "2026-01-01" / "door" / "note.txt").touch()
    assert delete_old_clips(tmp_path, max_gib=0.0001, keep_days=0.0001) == 0
    assert (tmp_path / "notes.mp4").exists()


def test_old_clips_are_deleted_at_the_start_and_every_hour_though_none_begins(
    tmp_path: Path,
) -> None:
    now_s, looks = 0.0, 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        return now_s

    def look_again() -> None:
        before = looks
        wait_until(lambda: looks > before + 2)

    first, new = clips(tmp_path, 31, 29)
    sink = ClipSink(options(tmp_path), clock)
    wait_until(lambda: not first.parents[1].exists())
    (tmp_path / "later").mkdir()
    (later,) = clips(tmp_path / "later", 31)
    later.parents[1].rename(first.parents[1])
    now_s = DELETE_S - 1
    look_again()
    assert first.exists(), "an hour has not passed"
    now_s = DELETE_S
    wait_until(lambda: not first.exists())
    sink.close()
    assert new.exists()


def test_a_folder_that_cannot_be_read_ends_no_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(folder: Path, max_gib: float, keep_days: float) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(clip_sink, "delete_old_clips", fail)
    sink = ClipSink(options(tmp_path))
    wait_until(lambda: bool(caplog.messages))
    sink.close()
    assert caplog.messages == [f"clips {tmp_path}: old clips cannot be deleted: input/output error"]


def test_a_clip_under_way_is_not_held_up_by_one_that_fails(
    stream: tuple[ClipSink, Stream], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink, reading = stream
    reading.read_to(AXIS_S + 5.0)
    full, good = alert("full", start_s=AXIS_S + 4), alert("good", start_s=AXIS_S + 4)
    sink.path(full).parent.mkdir(parents=True)
    sink.path(full).symlink_to("/dev/full")
    sink.write(full)
    sink.write(good)
    reading.read_to(AXIS_S + 6.0)
    wait_until(lambda: "full.mp4" in caplog.text)
    sink.close()
    assert shown(sink.path(good))[-1][1] / FPS >= 5.9
