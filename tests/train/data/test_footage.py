"""Footage on disk, and segments read out of it."""

from pathlib import Path

import pytest

from monitor.errors import DataError, SourceError, SourceLostError
from monitor.sources.file import FileSource
from testkit.media import make_audio, make_video, number_of
from train.data.footage import find_footage, read_segment


def numbers(path: Path, offset_s: float, duration_s: float) -> list[tuple[float, int]]:
    return [
        (round(time_s, 3), number_of(picture.to_ndarray(format="rgb24")))
        for time_s, picture in read_segment(path, offset_s, duration_s)
    ]


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv", "a.ts"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_a_segment_holds_exactly_the_frames_of_its_time(
    tmp_path: Path, name: str, b_frames: int
) -> None:
    made = make_video(
        tmp_path / name, fps=10, duration_s=6, gop=20, b_frames=b_frames if name != "a.avi" else 0
    )
    source = FileSource(made.path)
    source.open()
    whole = []
    while (picture := source.read()) is not None:
        whole.append((picture.time_s, number_of(picture.picture.to_ndarray(format="rgb24"))))
    source.close()

    assert numbers(made.path, 2.75, 1.0) == [
        (pytest.approx(time_s - 2.75, abs=2e-3), number)
        for time_s, number in whole
        if 2.75 <= time_s < 3.75
    ]
    assert [number for _, number in numbers(made.path, 0, 6.0)] == [n for _, n in whole]


def test_a_segment_without_frames_is_an_error(tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", fps=10, duration_s=2)

    with pytest.raises(SourceLostError) as caught:
        list(read_segment(made.path, 5.0, 1.0))

    assert str(caught.value) == f"{made.path}: holds no picture between 5.0 and 6.0 s"


def test_a_folder_gives_its_videos_with_their_measured_durations(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "deeper").mkdir()
    make_video(tmp_path / "b.mkv", fps=25, duration_s=3)
    make_video(tmp_path / "deeper" / "a.mp4", fps=10, duration_s=2)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "notes.txt").write_text("no video either")

    found = find_footage(tmp_path)

    assert [film.name for film in found] == ["b.mkv", "deeper/a.mp4"]
    assert [film.duration_s for film in found] == pytest.approx([3.0, 2.0], abs=0.05)
    assert caplog.messages == [
        f"footage skipped: {tmp_path}/broken.mp4: not a video file that can be read "
        "(invalid data found when processing input)"
    ]


def test_a_single_file_is_footage_too(tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", fps=10, duration_s=2)

    (film,) = find_footage(made.path)

    assert (film.path, film.name) == (made.path, "a.mp4")
    assert film.duration_s == pytest.approx(2)


def test_missing_footage_is_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone: no such file or folder of footage$"):
        find_footage(tmp_path / "gone")
    with pytest.raises(DataError, match=r": no footage that can be read; endings read: \.3gp "):
        find_footage(tmp_path)
    with pytest.raises(SourceError, match=r"holds no video stream$"):
        find_footage(make_audio_file(tmp_path))


def make_audio_file(folder: Path) -> Path:
    return make_audio(folder / "sound.mp4")
