"""Clips of activities, of real streams and of films."""

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import av
import numpy as np
import pytest

from monitor.config.options import CameraOptions
from monitor.config.outputs import EvidenceOptions
from monitor.decode.options import Decoding
from monitor.decode.tap import PacketTap
from monitor.errors import SinkError
from monitor.evidence import retention
from monitor.evidence.evidence_sink import EvidenceSink
from monitor.evidence.folder import StripFacts, event_files
from monitor.evidence.retention import DELETE_S
from monitor.records import Window
from monitor.sources.address import parse_address
from monitor.sources.source import SourceSettings
from monitor.sources.stream import StreamSource
from testkit.alerts import alert
from testkit.fakes import wait_until
from testkit.media import make_video, number_of
from testkit.servers.mjpeg import http_camera
from testkit.servers.rtsp import rtsp_server
from tests.monitor.evidence.test_clip_writer import shown
from tests.monitor.evidence.test_pictures import opened
from tests.monitor.evidence.test_retention import clips
from tests.monitor.evidence.test_ring import fill

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

    def __init__(self, url: str, tap: PacketTap) -> None:
        self._source = StreamSource(parse_address(url), SourceSettings(decoding=Decoding(tap=tap)))
        self._tap = tap
        self._source.open()

    def read_to(self, time_s: float) -> None:
        """Read up to a time on the camera's axis."""
        while True:
            read = self._source.read()
            if read is None or not hasattr(read, "time_s") or read.pts_s is None:
                continue
            self._tap.align(AXIS_S + read.time_s - read.pts_s)
            if read.picture is not None:
                self._tap.see(read.picture, AXIS_S + read.time_s)
            if AXIS_S + read.time_s >= time_s:
                return

    def close(self) -> None:
        self._source.close()


def options(folder: Path, **changes: object) -> EvidenceOptions:
    rolls = {"pre_roll_s": 2, "post_roll_s": 1}
    return EvidenceOptions.model_validate({"folder": folder} | rolls | changes)


def camera(source: object) -> CameraOptions:
    return CameraOptions.model_validate({"name": "door", "source": str(source)})


@pytest.fixture
def stream(film: Path, codec: str, tmp_path: Path) -> Iterator[tuple[EvidenceSink, Stream]]:
    sink = EvidenceSink(options(tmp_path / "kept"))
    with rtsp_server(film, codec=codec) as server:
        tap = sink.tap(camera(server.url))
        assert tap is not None
        reading = Stream(server.url, tap)
        yield sink, reading
        reading.close()
    sink.close()


def test_a_clip_of_a_stream_begins_before_the_act_and_ends_after_it(
    stream: tuple[EvidenceSink, Stream],
) -> None:
    sink, reading = stream
    reading.read_to(AXIS_S + 8.0)
    start = alert("a1", start_s=AXIS_S + 5.5, decided_s=AXIS_S + 7.5)
    sink.write(start)
    reading.read_to(AXIS_S + 10.0)
    sink.write(start.model_copy(update={"event": "end", "end_s": AXIS_S + 9.0}))
    reading.read_to(AXIS_S + 12.0)
    sink.close()
    numbers = [number for _, number in shown(sink.files(start).clip)]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), "no picture is missing"
    assert 3.5 - GOP / FPS - 0.1 <= numbers[0] / FPS <= 3.5, "two seconds before, from a key frame"
    assert 10.0 <= numbers[-1] / FPS <= 11.0, "a second after"
    files = [path for path in sink.files(start).clip.parent.iterdir() if path.is_file()]
    assert sink._retention._used == sum(path.stat().st_size for path in files), "it grew"


def test_a_ring_that_is_too_small_shortens_the_pre_roll_and_says_so(
    film: Path, codec: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gop = film.stat().st_size / SECONDS  # bytes of a second, which a GOP lasts
    sink = EvidenceSink(options(tmp_path / "kept", ring_mib=2.5 * gop / 2**20))
    with rtsp_server(film, codec=codec) as server:
        tap = sink.tap(camera(server.url))
        assert tap is not None
        reading = Stream(server.url, tap)
        reading.read_to(AXIS_S + 7.5)
        start = alert("a1", start_s=AXIS_S + 6.5)
        sink.write(start)
        # The activity outlasts the ring several times over.
        reading.read_to(AXIS_S + 14.0)
        sink.write(start.model_copy(update={"event": "end", "end_s": AXIS_S + 13.5}))
        reading.read_to(AXIS_S + 16.0)
        reading.close()
    sink.close()
    numbers = [number for _, number in shown(sink.files(start).clip)]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), "no picture is missing"
    assert 4.5 < numbers[0] / FPS <= 7.0, "less than two seconds before"
    assert 14.4 <= numbers[-1] / FPS <= 15.5
    assert "s before the activity, not 2: evidence.ring_mib 0." in caplog.text


def test_what_is_open_at_the_end_is_finished(stream: tuple[EvidenceSink, Stream]) -> None:
    sink, reading = stream
    reading.read_to(AXIS_S + 6.0)
    start = alert("a1", start_s=AXIS_S + 4.0)
    sink.write(start)
    reading.read_to(AXIS_S + 7.0)
    sink.close()
    numbers = [number for _, number in shown(sink.files(start).clip)]
    assert numbers[0] / FPS <= 2.0
    assert numbers[-1] / FPS >= 6.9


def part(path: Path, start_s: float, size: tuple[int, int], codec: str = "h264") -> bytes:
    """Four seconds of a stream, MPEG-TS, with times that go on from before."""
    film = make_video(path.with_suffix(".mp4"), duration_s=4, gop=GOP, size=size, codec=codec).path
    shift = ("-c", "copy", "-output_ts_offset", str(start_s), str(path))
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(film), *shift], check=True)
    return path.read_bytes()


def test_a_clip_shows_on_though_the_camera_changes_its_resolution(tmp_path: Path) -> None:
    sizes = ((160, 96), (320, 192))
    parts = [part(tmp_path / f"{4 * n}.ts", 4 * n, size) for n, size in enumerate(sizes)]
    sink = EvidenceSink(options(tmp_path / "kept"))
    with http_camera([], FPS, {"/film.ts": b"".join(parts)}) as server:
        tap = sink.tap(camera(server.url("/film.ts")))
        assert tap is not None
        reading = Stream(server.url("/film.ts"), tap)
        reading.read_to(AXIS_S + 3.5)
        start = alert("a1", start_s=AXIS_S + 3.0, peak_s=AXIS_S + 3.2)
        sink.write(start)
        reading.read_to(AXIS_S + 7.5)
        end = {"event": "end", "end_s": AXIS_S + 6.0, "peak_s": AXIS_S + 6.5}
        sink.write(start.model_copy(update=end))
        reading.close()
    sink.close()
    files = sink.files(start)
    with av.open(str(files.clip)) as container:
        frames = list(container.decode(video=0))
    widths = [frame.width for frame in frames]
    numbers = [number_of(frame.to_ndarray(format="rgb24")) for frame in frames]
    changed = widths.index(320)
    assert set(widths[:changed]) == {160}
    assert set(widths[changed:]) == {320}
    assert numbers == [*range(numbers[0], 4 * FPS), *range(len(widths) - changed)]
    assert len(widths) - changed >= 3 * FPS - 2, "up to a second after the act"
    assert opened(files.snapshot.read_bytes()).shape == (192, 320, 3)


def test_a_clip_ends_where_the_camera_comes_back_with_another_codec(tmp_path: Path) -> None:
    films = {
        "/a.ts": part(tmp_path / "a.ts", 0, (160, 96)),
        "/b.ts": part(tmp_path / "b.ts", 0, (160, 96), "hevc"),
    }
    sink = EvidenceSink(options(tmp_path / "kept"))
    tap = sink.tap(camera("http://192.0.2.1/"))
    assert tap is not None
    first, second = (alert(f"a{n}", start_s=AXIS_S + 2.5) for n in (1, 2))
    with http_camera([], FPS, films) as server:
        for path, start in zip(films, (first, second), strict=True):
            reading = Stream(server.url(path), tap)
            reading.read_to(AXIS_S + 3.0)
            sink.write(start)
            reading.read_to(AXIS_S + 3.5)
            reading.close()
    sink.close()
    for start, codec in ((first, "h264"), (second, "hevc")):
        clip = sink.files(start).clip
        with av.open(str(clip)) as container:
            assert container.streams.video[0].codec_context.name == codec
        numbers = [number for _, number in shown(clip)]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert numbers[-1] / FPS >= 3.4


def test_a_clip_of_a_film_is_cut_out_of_it(film: Path, tmp_path: Path) -> None:
    sink = EvidenceSink(options(tmp_path / "kept"))
    assert sink.tap(camera(film)) is None
    start = alert("a1", start_s=12.2)
    sink.write(start)
    sink.write(start.model_copy(update={"event": "end", "end_s": 15.0}))
    sink.close()
    numbers = [number for _, number in shown(sink.files(start).clip)]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert (numbers[0], numbers[-1]) == (10 * FPS, pytest.approx(16 * FPS, abs=2))
    assert sink.files(start).clip == tmp_path / "kept" / "2026-05-04" / "door" / "a1.mp4"
    assert sink.files(start).clip.parent.stat().st_mode & 0o777 == 0o700


def seen(peak_s: float) -> Window:
    """The window that ends then."""
    clip = np.full((20, 64, 64, 3), 90, np.uint8)
    return Window("door", peak_s - 1.9, peak_s, clip, 10.0, 10.0, 0, 0.0)


def test_pictures_are_there_with_the_alert_and_follow_the_highest_score(
    stream: tuple[EvidenceSink, Stream],
) -> None:
    sink, reading = stream
    reading.read_to(AXIS_S + 8.0)
    peak_s = AXIS_S + 7.0
    start = alert("a1", start_s=AXIS_S + 5.5, peak_s=peak_s)
    files = sink.files(start)

    sink.write_window(start, seen(peak_s))

    first = files.facts
    assert number_of(opened(files.snapshot.read_bytes())) == pytest.approx(6.0 * FPS, abs=1)
    assert opened(files.strip.read_bytes()).shape == (130, 658, 3)
    assert (first.width, first.height, first.snapshot_s) == (160, 96, peak_s - 1)
    assert first.strip == StripFacts(
        start_s=peak_s - 1.9, end_s=peak_s, pictures=20, columns=10, rows=2
    )
    assert first.clip_begin_s is not None
    assert 3.5 - GOP / FPS - 0.1 <= first.clip_begin_s - AXIS_S <= 3.5

    reading.read_to(AXIS_S + 9.5)
    sink.write_window(
        start.model_copy(update={"event": "end", "end_s": AXIS_S + 9, "peak_s": AXIS_S + 9.0}),
        seen(AXIS_S + 9.0),
    )

    assert number_of(opened(files.snapshot.read_bytes())) == pytest.approx(8.0 * FPS, abs=1)
    assert files.facts.strip is not None
    assert files.facts.strip.end_s == AXIS_S + 9.0
    assert files.facts.clip_begin_s == first.clip_begin_s


def test_a_picture_is_not_replaced_by_one_of_the_next_connection(
    film: Path, tmp_path: Path
) -> None:
    sink = EvidenceSink(options(tmp_path / "kept"))
    tap = sink.tap(camera("rtsp://192.0.2.1/"))
    assert tap is not None
    fill(film, tap, seconds=4.0, offset_s=AXIS_S)
    start = alert("a1", start_s=AXIS_S + 1.0, peak_s=AXIS_S + 3.0)
    sink.write_window(start, seen(AXIS_S + 3.0))
    before = sink.files(start).snapshot.read_bytes()
    fill(film, tap, seconds=2.0, offset_s=AXIS_S + 9.0)  # it was lost, and is there again

    end = {"event": "end", "end_s": AXIS_S + 3.5, "peak_s": AXIS_S + 3.5}
    sink.write_window(start.model_copy(update=end), seen(AXIS_S + 3.5))
    sink.close()

    files = sink.files(start)
    assert files.snapshot.read_bytes() == before
    assert files.facts.snapshot_s == AXIS_S + 2.0


def test_the_evidence_of_a_film_lies_in_one_place_though_its_end_is_told_after_midnight(
    film: Path, tmp_path: Path
) -> None:
    sink = EvidenceSink(options(tmp_path / "kept"))
    sink.tap(camera(film))
    start = alert("a1", start_s=12.2, peak_s=14.2)
    end = {"event": "end", "end_s": 15.0, "time": start.time + timedelta(hours=23)}

    sink.write_window(start, seen(14.2))
    sink.write_window(start.model_copy(update=end), seen(14.2))
    sink.close()

    files = sink.files(start)
    assert number_of(opened(files.snapshot.read_bytes())) == round(13.2 * FPS)
    assert files.facts.clip_begin_s == pytest.approx(10.0)
    assert sorted(path.name for path in (tmp_path / "kept").rglob("*.*")) == [
        "a1.jpg", "a1.json", "a1.mp4", "a1.small.jpg", "a1.strip.jpg",
    ]  # fmt: skip


def test_a_disk_that_is_nearly_full_ends_evidence_and_nothing_else(
    film: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = EvidenceSink(options(tmp_path / "kept", min_free_gib=65536))
    sink.tap(camera(film))

    sink.write_window(alert("a1", peak_s=2.0), seen(2.0))
    sink.close()

    assert "no snapshot of fight: less than 65536 GiB of the disk are free" in caplog.text
    assert list((tmp_path / "kept").rglob("*.*")) == []


def test_an_id_that_leads_elsewhere_has_no_evidence(tmp_path: Path) -> None:
    for id, name in (("../../a", "door"), ("a", ".."), ("a.b", "door"), ("", "door")):
        with pytest.raises(ValueError, match="no evidence can be of event"):
            event_files(tmp_path, name, id, alert("x").time)


def test_a_camera_of_which_nothing_came_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = EvidenceSink(options(tmp_path / "kept"))
    sink.tap(camera(0))
    for name in ("a1", "a2"):
        sink.write(alert(name))
    sink.close()
    assert caplog.messages == ["camera door: no clip of fight: no packets of it are kept"]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match=f"evidence {tmp_path}/file/kept: not a directory"):
        EvidenceSink(options(tmp_path / "file" / "kept"))


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
    sink = EvidenceSink(options(tmp_path), clock)
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
    def fail(*_: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(retention, "delete_old_evidence", fail)
    sink = EvidenceSink(options(tmp_path))
    wait_until(lambda: bool(caplog.messages))
    sink.close()
    assert caplog.messages == [
        f"evidence {tmp_path}: old evidence cannot be deleted: input/output error"
    ]


def test_a_clip_under_way_is_not_held_up_by_one_that_fails(
    stream: tuple[EvidenceSink, Stream], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink, reading = stream
    reading.read_to(AXIS_S + 5.0)
    full, good = alert("full", start_s=AXIS_S + 4), alert("good", start_s=AXIS_S + 4)
    sink.files(full).clip.parent.mkdir(parents=True)
    sink.files(full).clip.symlink_to("/dev/full")
    sink.write(full)
    sink.write(good)
    reading.read_to(AXIS_S + 6.0)
    wait_until(lambda: "full.mp4" in caplog.text)
    sink.close()
    assert shown(sink.files(good).clip)[-1][1] / FPS >= 5.9
