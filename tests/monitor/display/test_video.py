import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.display.video import VideoWriter
from monitor.errors import SinkError

Image = NDArray[np.uint8]


def picture(grey: int = 128, width: int = 96, height: int = 64) -> Image:
    return np.full((height, width, 3), grey, np.uint8)


def noise(seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (64, 96, 3), np.uint8)


def decode(path: Path) -> list[tuple[float, Image]]:
    """Time and RGB picture of each frame."""
    with av.open(path) as container:
        return [
            (float(frame.time or 0), np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            for frame in container.decode(video=0)
        ]


def test_the_file_keeps_uneven_times_and_starts_at_zero(tmp_path: Path) -> None:
    times = [41.0, 41.04, 41.1, 41.5, 43.7, 43.701, 50.0]
    with VideoWriter(tmp_path / "out.mp4") as writer:
        for index, time_s in enumerate(times):
            writer.write(picture(30 * index), time_s)
    frames = decode(tmp_path / "out.mp4")
    assert [time for time, _ in frames] == pytest.approx([t - 41.0 for t in times], abs=1e-5)
    assert [image.mean() for _, image in frames] == pytest.approx(
        [30 * index for index in range(len(times))], abs=4
    )


def test_the_video_is_h264_that_any_player_shows(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "OUT.MP4") as writer:
        for index in range(5):
            writer.write(picture(), index / 25)
    with av.open(tmp_path / "OUT.MP4") as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.frames == 5  # an ordinary index, so that players can seek


def test_colours_survive(tmp_path: Path) -> None:
    image = picture()
    image[:] = (200, 40, 90)
    with VideoWriter(tmp_path / "out.mp4") as writer:
        writer.write(image, 0.0)
    [(_, shown)] = decode(tmp_path / "out.mp4")
    assert np.abs(shown.astype(int) - (200, 40, 90)).max() <= 6


@pytest.mark.parametrize(
    ("size", "written"),
    [((97, 65), (96, 64)), ((97, 64), (96, 64)), ((1, 1), (2, 2)), ((64, 3), (64, 2))],
    ids=["both odd", "odd width", "one pixel", "flat"],
)
def test_odd_sizes_become_even(
    size: tuple[int, int], written: tuple[int, int], tmp_path: Path
) -> None:
    with VideoWriter(tmp_path / "out.mp4") as writer:
        writer.write(picture(200, *size), 0.0)
        writer.write(picture(200, *size), 0.1)
    for _, image in decode(tmp_path / "out.mp4"):
        assert image.shape == (written[1], written[0], 3)
        assert image.mean() == pytest.approx(200, abs=4)


def test_a_picture_of_another_size_is_scaled_to_the_first(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4") as writer:
        writer.write(picture(50), 0.0)
        larger = picture(0, 321, 241)
        larger[:, 160:] = 255
        writer.write(larger, 0.5)
        writer.write(picture(50), 1.0)
    frames = decode(tmp_path / "out.mp4")
    assert [image.shape for _, image in frames] == [(64, 96, 3)] * 3
    scaled = frames[1][1]
    assert scaled[:, :40].mean() < 20
    assert scaled[:, 56:].mean() > 235


def test_times_that_do_not_increase_are_skipped(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4") as writer:
        for grey, time_s in ((10, 5.0), (60, 5.0), (110, 4.0), (160, 5.2), (210, 5.200001)):
            writer.write(picture(grey), time_s)
    frames = decode(tmp_path / "out.mp4")
    assert [time for time, _ in frames] == pytest.approx([0.0, 0.2])
    assert [image.mean() for _, image in frames] == pytest.approx([10, 160], abs=4)


def test_read_only_and_mirrored_pictures_are_written(tmp_path: Path) -> None:
    image = noise(0)
    image.flags.writeable = False
    with VideoWriter(tmp_path / "out.mp4") as writer:
        writer.write(image, 0.0)
        writer.write(image[:, ::-1], 0.1)
    assert len(decode(tmp_path / "out.mp4")) == 2


def test_without_frames_no_file_is_left(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_without_frames_an_older_file_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"older")
    with VideoWriter(tmp_path / "out.mp4"):
        pass
    assert (tmp_path / "out.mp4").read_bytes() == b"older"


def test_closing_twice_is_fine_and_writing_after_it_is_not(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "out.mp4")
    writer.write(picture(), 0.0)
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="write after close"):
        writer.write(picture(), 1.0)
    assert len(decode(tmp_path / "out.mp4")) == 1


@pytest.mark.parametrize("fps", [2, 25], ids=str)
def test_a_file_cut_by_a_kill_plays_to_its_last_fragment(fps: int, tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "out.mp4")
    seconds = 30 if fps == 2 else 8  # the encoder holds some frames back to look ahead
    for index in range(seconds * fps):
        writer.write(noise(index), 100 + index / fps)
    shutil.copy(tmp_path / "out.mp4", tmp_path / "cut.mp4")  # what a kill would leave
    writer.close()
    times = [time for time, _ in decode(tmp_path / "cut.mp4")]
    assert times == pytest.approx([index / fps for index in range(len(times))], abs=1e-5)
    assert len(times) >= seconds * fps / 2
    assert len(decode(tmp_path / "out.mp4")) == seconds * fps


UNWRITABLE = {
    "missing folder": (
        "none/out.mp4",
        "{path}: cannot write video: No such file or directory",
    ),
    "a folder": ("folder.mp4", "{path}: cannot write video: Is a directory"),
    "a file as folder": ("file/out.mp4", "{path}: cannot write video: Not a directory"),
    "unknown extension": (
        "out.avi",
        "{path}: video is written as MP4, so the name must end in .mp4",
    ),
    "no extension": ("out", "{path}: video is written as MP4, so the name must end in .mp4"),
}


@pytest.mark.parametrize(("name", "message"), UNWRITABLE.values(), ids=UNWRITABLE.keys())
def test_a_path_that_cannot_be_written_is_one_line(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(SinkError) as raised:
        VideoWriter(tmp_path / name)
    assert str(raised.value) == message.format(path=tmp_path / name)


def test_a_folder_that_takes_no_file_is_one_line() -> None:
    with pytest.raises(SinkError) as raised:
        VideoWriter(Path("/sys/out.mp4"))  # not even from root
    assert str(raised.value) == "/sys/out.mp4: cannot write video: Permission denied"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_one_line_and_closing_then_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.symlink_to("/dev/full")
    writer = VideoWriter(path)

    def write_until_full() -> None:
        for index in range(200):
            writer.write(noise(index), index / 10)

    with pytest.raises(SinkError) as raised:
        write_until_full()
    assert str(raised.value) == f"{path}: cannot write video: No space left on device"
    with pytest.raises(SinkError, match="an earlier write failed"):
        writer.write(noise(0), 1000.0)
    writer.close()


def test_a_picture_of_another_type_is_a_programming_error_and_the_file_still_closes(
    tmp_path: Path,
) -> None:
    with VideoWriter(tmp_path / "out.mp4") as writer:
        writer.write(picture(), 0.0)
        with pytest.raises(ValueError, match="dtype"):
            writer.write(picture().astype(np.float32), 0.1)
    assert len(decode(tmp_path / "out.mp4")) == 1
