"""Spans that are cut out of what is recorded."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.errors import MonitorError
from monitor.evidence.folder import EventFiles, event_files
from monitor.evidence.segments import NotRecorded, segment_path
from monitor.evidence.spans import BESIDE_S, discard, keep_span
from testkit.media import make_video, number_of
from tests.monitor.evidence.test_clip_writer import shown
from tests.monitor.evidence.test_pictures import opened

FPS, GOP, B_FRAMES = 25, 25, 2
START = datetime(2026, 5, 4, 8, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def record(folder: Path, film: Path, begin_s: float, length_s: float) -> Path:
    """A segment that shows a film."""
    path = segment_path(folder, "door", at(begin_s))
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(film, path)
    end_s = at(begin_s + length_s).timestamp()
    os.utime(path, (end_s, end_s))
    return path


@pytest.fixture(scope="module", params=[0, B_FRAMES], ids=["no B frames", "B frames"])
def film(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "a.mp4"
    return make_video(path, fps=FPS, duration_s=10, gop=GOP, b_frames=request.param).path


@pytest.fixture
def files(tmp_path: Path) -> EventFiles:
    return event_files(tmp_path, "door", "s1", START)


def test_a_span_is_kept_with_a_clip_and_pictures(
    film: Path, files: EventFiles, tmp_path: Path
) -> None:
    record(tmp_path, film, 0, 10)
    facts = keep_span(tmp_path, "door", at(5.2), at(6.4), files)
    numbers = [number for _, number in shown(files.clip)]
    whole = range(numbers[0], round((6.4 + BESIDE_S) * FPS) - B_FRAMES)
    assert numbers[: len(whole)] == list(whole), "no picture is missing"
    assert 5.2 - BESIDE_S - GOP / FPS <= numbers[0] / FPS <= 5.2 - BESIDE_S
    assert numbers[-1] / FPS <= 6.4 + BESIDE_S + 0.2
    assert facts == files.facts
    assert facts.clip_begin_s == pytest.approx(numbers[0] / FPS - 5.2, abs=0.02)
    assert (facts.width, facts.height, facts.snapshot_s) == (160, 96, 0.6)
    middle = number_of(opened(files.snapshot.read_bytes()))
    assert middle == pytest.approx(5.8 * FPS, abs=1)
    assert files.thumbnail.is_file()
    assert files.keep.is_file()
    assert not files.strip.exists()


def test_a_span_across_two_segments_is_one_clip(
    film: Path, files: EventFiles, tmp_path: Path
) -> None:
    record(tmp_path, film, 0, 10)
    record(tmp_path, film, 9.98, 10)  # rounding: it seems to begin before the other one ends
    keep_span(tmp_path, "door", at(9), at(11), files)
    found = shown(files.clip)
    numbers = [number for _, number in found]
    border = numbers.index(0)
    assert numbers[:border] == list(range(numbers[0], 10 * FPS))
    whole = len(numbers) - border - B_FRAMES  # the last one may lack those before it
    assert numbers[border:][:whole] == list(range(whole))
    times = [time_s for time_s, _ in found]
    assert times == sorted(set(times))
    assert times[-1] - times[0] == pytest.approx((len(times) - 1) / FPS, abs=0.1)


def test_a_picture_of_another_size_is_no_part_of_it(
    film: Path, files: EventFiles, tmp_path: Path
) -> None:
    other = make_video(tmp_path / "b.mp4", fps=FPS, duration_s=4, gop=GOP, size=(320, 96)).path
    record(tmp_path, film, 0, 10)
    record(tmp_path, other, 10, 4)
    before = keep_span(tmp_path, "door", at(8.5), at(9.9), files)
    assert before.width == 160
    assert max(number for _, number in shown(files.clip)) == 10 * FPS - 1
    later = event_files(tmp_path, "door", "s2", START)
    after = keep_span(tmp_path, "door", at(10.1), at(11), later)
    assert (after.width, after.clip_begin_s) == (320, pytest.approx(-0.1))
    across = event_files(tmp_path, "door", "s3", START)
    with pytest.raises(NotRecorded, match="the camera's picture changed at 08:00:10 UTC"):
        keep_span(tmp_path, "door", at(9), at(11), across)
    assert list(across.stem.parent.glob("s3*")) == []


def test_what_is_not_recorded_is_refused_with_what_is(
    film: Path, files: EventFiles, tmp_path: Path
) -> None:
    record(tmp_path, film, 0, 10)
    record(tmp_path, film, 20, 10)
    with pytest.raises(NotRecorded) as refused:
        keep_span(tmp_path, "door", at(9), at(21), files)
    assert str(refused.value) == (
        "camera door: not all of 2026-05-04 08:00:09 to 08:00:21 UTC is recorded; recorded: "
        "2026-05-04 08:00:00 to 2026-05-04 08:00:10, 2026-05-04 08:00:20 to 2026-05-04 08:00:30"
    )
    with pytest.raises(NotRecorded, match="recorded: nothing"):
        keep_span(tmp_path, "yard", at(9), at(10), files)


def test_what_is_not_on_the_disk_yet_is_refused(
    film: Path, files: EventFiles, tmp_path: Path
) -> None:
    record(tmp_path, film, 0, 14)  # it grows: more has come than was written
    with pytest.raises(NotRecorded, match="not on the disk yet: try again in a moment"):
        keep_span(tmp_path, "door", at(9), at(12), files)
    assert not files.clip.exists()


def test_a_segment_that_has_only_begun_is_no_part_of_it(
    film: Path, files: EventFiles, tmp_path: Path
) -> None:
    record(tmp_path, film, 0, 10)
    begun = record(tmp_path, film, 10, 1)
    end_s = begun.stat().st_mtime
    begun.write_bytes(b"")
    os.utime(begun, (end_s, end_s))
    keep_span(tmp_path, "door", at(8), at(9.5), files)
    assert max(number for _, number in shown(files.clip)) == 10 * FPS - 1
    with pytest.raises(NotRecorded, match="not on the disk yet"):
        keep_span(tmp_path, "door", at(9), at(10.9), files)


def test_a_damaged_segment_is_an_error_of_a_line(
    film: Path, files: EventFiles, tmp_path: Path
) -> None:
    path = record(tmp_path, film, 0, 10)
    end_s = path.stat().st_mtime
    path.write_bytes(b"no video")
    os.utime(path, (end_s, end_s))
    with pytest.raises(MonitorError, match="camera door: invalid data found"):
        keep_span(tmp_path, "door", at(3), at(4), files)
    assert list(files.stem.parent.iterdir()) == []


def test_nothing_is_left_of_a_span_that_is_discarded(
    film: Path, files: EventFiles, tmp_path: Path
) -> None:
    record(tmp_path, film, 0, 10)
    keep_span(tmp_path, "door", at(3), at(4), files)
    files.copy.write_bytes(b"made for a browser")
    discard(files)
    assert list(files.stem.parent.iterdir()) == []


def test_a_disk_that_is_nearly_full_takes_no_span(
    film: Path, files: EventFiles, tmp_path: Path
) -> None:
    record(tmp_path, film, 0, 10)
    with pytest.raises(MonitorError, match=r"door: less than 1e\+06 GiB .+ \(min_free_gib\)"):
        keep_span(tmp_path, "door", at(3), at(4), files, 1e6)
    assert not files.stem.parent.exists()
