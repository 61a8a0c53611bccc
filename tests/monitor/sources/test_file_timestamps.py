"""Every frame of a file has its own time, whatever the container keeps of it."""

import re
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from monitor.errors import SourceOpenError
from monitor.sources.file import read_frames
from monitor.windows.clip import ClipSpec
from testkit.media import make_video, number_of
from train.data.cache import ClipCache
from train.data.footage import find_footage, read_segment
from train.data.windows import windows

FPS, SECONDS = 25, 6
SPEC = ClipSpec(frames=20, size=64, fps=10)
H264 = ("-c:v", "libx264", "-bf", "2")
# What each container is written with; the third is how many frames come out of it.
CODECS = {
    "h264.avi": (H264, 150),
    "pyramid.avi": (("-c:v", "libx264", "-x264-params", "bframes=4:b-pyramid=normal"), 150),
    "packed.avi": (("-c:v", "libxvid", "-bf", "2", "-b:v", "900k"), 148),
    "packed.mp4": (("-c:v", "libxvid", "-bf", "2", "-b:v", "900k"), 148),
    "mpeg2.avi": (("-c:v", "mpeg2video", "-bf", "2"), 150),
    "h264.asf": (H264, 150),
    "h264.h264": (H264, 150),
    "h265.hevc": (("-c:v", "libx265", "-x265-params", "log-level=none:bframes=2"), 150),
    "h264.mkv": (H264, 150),
    "h264.flv": (H264, 150),
    "mpeg2.mpg": (("-c:v", "mpeg2video", "-bf", "2"), 150),
    "h264.ts": (H264, 150),
}
# MP4 has no packed bitstream: its pictures come a little out of order, but with rising times.
ORDERED = [name for name in CODECS if name != "packed.mp4"]


def ffmpeg(*words: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *words], check=True)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film in which every picture carries its number."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return make_video(path, fps=FPS, duration_s=SECONDS).path


@pytest.fixture(scope="module")
def make(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The film in another container, with the codec of `CODECS`."""
    folder = tmp_path_factory.mktemp("made")

    def write(name: str) -> Path:
        path = folder / name
        if not path.exists():
            ffmpeg("-i", str(film), *CODECS[name][0], "-g", "50", str(path))
        return path

    return write


@pytest.mark.parametrize("name", ORDERED)
def test_each_frame_has_the_time_at_which_it_is_shown(
    name: str, make: Callable[[str], Path]
) -> None:
    found = [
        (time_s, number_of(picture.to_ndarray(format="rgb24")))
        for time_s, picture in read_frames(make(name))
    ]
    times_s, numbers = zip(*found, strict=True)

    assert len(found) == CODECS[name][1]
    assert list(numbers) == sorted(numbers)
    assert (np.diff(times_s) > 0).all()
    # The second frame of a packed bitstream is lost.
    off_s = np.array(times_s) - np.array(numbers) / FPS
    assert np.ptp(off_s) < 2.1 / FPS if name.startswith("packed") else np.ptp(off_s) < 0.002


@pytest.mark.parametrize("name", CODECS)
def test_har_train_cuts_as_many_windows_from_it_as_from_an_mp4(
    name: str, make: Callable[[str], Path], film: Path, tmp_path: Path
) -> None:
    cache = ClipCache(tmp_path, SPEC.size)
    right = windows(cache.decode(film), SPEC, stride=5)
    assert len(windows(cache.decode(make(name)), SPEC, stride=5)) == len(right) == 9


@pytest.mark.parametrize("name", ORDERED)
def test_footage_of_it_is_read_from_the_middle(name: str, make: Callable[[str], Path]) -> None:
    (footage,) = find_footage(make(name))
    assert footage.duration_s == pytest.approx(SECONDS, abs=0.17)
    piece = list(read_segment(footage.path, 3.0, 2.0))
    assert len(piece) == pytest.approx(2 * FPS, abs=2)
    numbers = [number_of(picture.to_ndarray(format="rgb24")) for _, picture in piece]
    assert numbers == sorted(numbers)
    assert numbers[0] == pytest.approx(3 * FPS, abs=4)


def test_an_avi_without_an_index_is_read(make: Callable[[str], Path], tmp_path: Path) -> None:
    whole = make("h264.avi").read_bytes()
    path = tmp_path / "no-index.avi"
    path.write_bytes(whole[: whole.index(b"idx1")])
    assert len(list(read_frames(path))) == 150


@pytest.mark.parametrize(
    ("rate", "scale", "said"),
    [
        (1000, 1, "1000"),
        (90_000, 1, "90000"),
        (25, 1_000_000, "2.5e-05"),
    ],
)
def test_an_impossible_frame_rate_in_the_header_of_an_avi_is_said_and_not_believed(
    rate: int, scale: int, said: str, make: Callable[[str], Path], tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    path = with_rate(make("h264.avi"), tmp_path / "a.avi", rate, scale)
    times_s = [time_s for time_s, _ in read_frames(path)]
    assert times_s[-1] == pytest.approx(149 / FPS)
    assert caplog.messages == [f"{path}: its header says {said} frames a second, which cannot be"]


def test_a_frame_rate_that_the_video_contradicts_is_said(
    make: Callable[[str], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = with_rate(make("h264.avi"), tmp_path / "a.avi", 50, 1)
    assert [time_s for time_s, _ in read_frames(path)][-1] == pytest.approx(149 / 50)
    assert caplog.messages == [
        f"{path}: its header says 50 frames a second, its video 25: the header is taken at its word"
    ]


def with_rate(source: Path, target: Path, rate: int, scale: int) -> Path:
    """A copy of an AVI whose header says `rate` / `scale` frames a second."""
    data = bytearray(source.read_bytes())
    place = data.index(b"strh") + 28
    data[place : place + 8] = struct.pack("<II", scale, rate)
    target.write_bytes(data)
    return target


def test_raw_video_that_does_not_say_its_rate_is_said_to_be_assumed(
    tmp_path: Path, film: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.mjpeg"
    ffmpeg("-i", str(film), "-c:v", "mjpeg", "-f", "mjpeg", str(path))
    assert [time_s for time_s, _ in read_frames(path)][-1] == pytest.approx(149 / 25)
    assert caplog.messages == [
        f"{path}: it does not say how many frames a second it has: 25 are assumed"
    ]


@pytest.fixture(scope="module")
def covered(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The film behind something else that a container calls video."""
    folder = tmp_path_factory.mktemp("covered")
    picture = folder / "cover.jpg"
    ffmpeg("-i", str(film), "-frames:v", "1", str(picture))
    preview = folder / "small.mp4"
    ffmpeg("-i", str(film), "-vf", "fps=1,scale=80:48", "-c:v", "libx264", str(preview))

    def write(kind: str) -> Path:
        path = folder / f"{kind}.mp4"
        cover = ("-disposition:0", "attached_pic", "-disposition:1", "default")
        if kind == "cover alone":
            ffmpeg(*_inputs(picture), "-c", "copy", "-disposition:0", "attached_pic", str(path))
        elif kind == "cover":
            ffmpeg(*_inputs(picture, film), "-c", "copy", *cover, str(path))
        else:
            shown = ("-disposition:0", "0", "-disposition:1", "default")
            ffmpeg(*_inputs(preview, film), "-c", "copy", *shown, str(path))
        return path

    return write


def _inputs(*paths: Path) -> list[str]:
    maps = [word for index in range(len(paths)) for word in ("-map", f"{index}:v")]
    return [word for path in paths for word in ("-i", str(path))] + maps


@pytest.mark.parametrize("kind", ["cover", "preview"])
def test_a_cover_and_a_preview_are_not_the_film(kind: str, covered: Callable[[str], Path]) -> None:
    path = covered(kind)
    assert len(list(read_frames(path))) == FPS * SECONDS
    (footage,) = find_footage(path)
    assert len(list(read_segment(footage.path, 1.0, 1.0))) == FPS


def test_a_cover_alone_is_no_video(covered: Callable[[str], Path]) -> None:
    path = covered("cover alone")
    with pytest.raises(SourceOpenError, match=r"cover alone\.mp4: holds a cover, but no video"):
        list(read_frames(path))


def test_a_frame_stamped_hours_away_is_passed_over_and_windows_stay_whole(
    film: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "outlier.mkv"
    shift = "setts=pts='PTS+if(eq(mod(N\\,50)\\,30)\\,3600/TB\\,0)':dts='DTS'"
    ffmpeg("-i", str(film), "-c", "copy", "-bsf:v", shift, str(path))
    times_s = [time_s for time_s, _ in read_frames(path)]
    assert len(times_s) == 150 - 3
    assert times_s[-1] == pytest.approx(149 / FPS)
    assert re.fullmatch(rf"{path}: a timestamp is \d+\.0 s off: passed over", caplog.messages[0])
