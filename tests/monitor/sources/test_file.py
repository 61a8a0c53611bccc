"""What a video file may be like, and what is said of one that cannot be read."""

import logging
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from monitor.errors import SourceOpenError
from monitor.sources.file import FileSource, KeyFrame
from testkit.media import cut, make_audio, make_video, number_of

OTHER_KIND = "not a kind of video file that is read here"
INVALID = "not a video file that can be read (invalid data found when processing input)"


def read_all(path: Path, begin: KeyFrame | None = None) -> tuple[list[float], list[int]]:
    """The times of a file's pictures, and the numbers burned into them."""
    source = FileSource(path, begin=begin)
    times: list[float] = []
    numbers: list[int] = []
    try:
        source.open()
        while (picture := source.read()) is not None:
            times.append(picture.time_s)
            numbers.append(number_of(picture.picture.to_ndarray(format="rgb24")))
    finally:
        source.close()
    return times, numbers


@pytest.mark.parametrize("b_frames", [0, 2], ids=["no-b-frames", "b-frames"])
@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "h264"),
        ("a.mp4", "hevc"),
        ("a.mkv", "h264"),
        ("a.ts", "h264"),
        ("a.avi", "mpeg4"),
        ("a.avi", "mjpeg"),
        ("a b=c:d@e%20.mp4", "h264"),
    ],
)
def test_a_file_gives_all_its_pictures_at_their_times(
    tmp_path: Path, name: str, codec: str, b_frames: int
) -> None:
    video = make_video(tmp_path / name, codec=codec, b_frames=b_frames, fps=29.97)
    times, numbers = read_all(video.path)
    assert numbers == list(range(video.frames))
    # Matroska counts in milliseconds.
    assert times == pytest.approx(np.arange(video.frames) / video.fps, abs=2e-3)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi"])
def test_a_file_can_be_read_from_a_key_frame(tmp_path: Path, name: str) -> None:
    video = make_video(tmp_path / name, codec="mpeg4" if name == "a.avi" else "h264")
    times, numbers = read_all(video.path)
    with av.open(str(video.path)) as container:
        stream = container.streams.video[0]
        keys = [packet.pts for packet in container.demux(stream) if packet.is_keyframe]
        origin_s, base = stream.start_time * stream.time_base, stream.time_base
    assert len(keys) > 2
    for pts in keys[1:]:
        begins_s = float(pts * base - origin_s)
        place = next(n for n, time_s in enumerate(times) if time_s > begins_s - 1e-6)
        begin = KeyFrame(pts, float(origin_s), times[place - 1])
        assert read_all(video.path, begin) == (times[place:], numbers[place:])


def test_a_key_frame_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4")
    with pytest.raises(SourceOpenError, match="holds no picture that can be decoded"):
        read_all(video.path, KeyFrame(1, 0.0, 0.0))


def make_folder(path: Path) -> None:
    path.mkdir()


def make_without_index(path: Path) -> None:
    video = make_video(path.with_stem("whole"))
    data = video.path.read_bytes()
    path.write_bytes(data[: data.index(b"moov")])  # the index comes last


def make_without_pictures(path: Path) -> None:
    """The start of an mp4 whose index comes first, cut before its first picture."""
    video = make_video(path.with_stem("whole"), faststart=True)
    data = video.path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + 4])


def make_unknown_codec(path: Path) -> None:
    video = make_video(path.with_name("whole.avi"), codec="mpeg4")
    path.write_bytes(video.path.read_bytes().replace(b"FMP4", b"QQQQ"))


def make_playlist(target: str) -> Callable[[Path], None]:
    """A maker of an HLS playlist with one entry."""

    def make(path: Path) -> None:
        make_video(path.with_name("other.ts"))
        head = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:1,\n"
        path.write_text(f"{head}{target}\n#EXT-X-ENDLIST\n")

    return make


def make_concatenation(path: Path) -> None:
    make_video(path.with_name("other.mp4"))
    path.write_text("ffconcat version 1.0\nfile other.mp4\n")


def make_session(path: Path) -> None:
    path.write_text(
        "v=0\no=- 0 0 IN IP4 0.0.0.0\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 26\n"
    )


@pytest.mark.parametrize(
    ("make", "name", "message", "cause"),
    [
        pytest.param(lambda path: None, "a.mp4", "no such file", "not found", id="missing"),
        pytest.param(make_folder, "a.mp4", "is a folder, not a video file", "invalid", id="folder"),
        pytest.param(Path.touch, "a.mp4", INVALID, "invalid", id="empty"),
        pytest.param(
            lambda path: path.write_text("hello\n" * 50), "a.mp4", INVALID, "invalid", id="text"
        ),
        pytest.param(
            lambda path: path.write_bytes(bytes(range(256)) * 40),
            "a.mp4",
            INVALID,
            "invalid",
            id="bytes",
        ),
        pytest.param(make_without_index, "a.mp4", INVALID, "invalid", id="no-index"),
        pytest.param(
            make_without_pictures,
            "a.mp4",
            "holds no picture that can be decoded",
            "invalid",
            id="no-pictures",
        ),
        pytest.param(make_audio, "a.mp4", "holds no video stream", "invalid", id="sound-only"),
        pytest.param(
            make_unknown_codec,
            "a.avi",
            "holds video in a format that is not known here",
            "invalid",
            id="unknown-codec",
        ),
        pytest.param(
            make_playlist("other.ts"),
            "a.m3u8",
            OTHER_KIND,
            "invalid",
            id="local-playlist",
        ),
        pytest.param(
            make_concatenation,
            "a.ffconcat",
            OTHER_KIND,
            "invalid",
            id="concatenation",
        ),
        pytest.param(make_session, "a.sdp", OTHER_KIND, "invalid", id="session"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_that_says_why(
    tmp_path: Path, make: Callable[[Path], object], name: str, message: str, cause: str
) -> None:
    path = tmp_path / name
    make(path)
    with pytest.raises(SourceOpenError) as caught:
        read_all(path)
    assert str(caught.value) == f"{path}: {message}"
    assert caught.value.cause == cause


def test_a_file_without_permission_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "a.mp4"
    path.touch()
    monkeypatch.setattr("av.open", refuse)  # root, which runs the tests in CI, may read all files
    with pytest.raises(SourceOpenError, match=f"^{path}: permission denied$"):
        read_all(path)


@pytest.mark.parametrize("b_frames", [0, 2], ids=["no-b-frames", "b-frames"])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_of_a_truncated_file_all_that_decodes_is_used_and_a_warning_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, share: float, b_frames: int
) -> None:
    video = make_video(tmp_path / "a.mp4", duration_s=4, b_frames=b_frames, faststart=True)
    path = cut(video.path, share)
    _, numbers = read_all(path)
    assert 5 < len(numbers) < share * video.frames
    assert numbers == sorted(set(numbers))
    assert numbers[-1] - len(numbers) < 3  # B frames that lost what they refer to
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    end_s = (numbers[-1] + 1) / video.fps
    ends = f"it ends at {end_s:.1f} s, its header says 4.0 s"
    assert record.getMessage() == f"{path}: damaged packets passed over: 1; {ends}"


def test_damage_within_a_file_is_passed_over_and_a_warning_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    video = make_video(tmp_path / "a.mp4", duration_s=4, faststart=True)
    data = bytearray(video.path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 500] = bytes(500)
    video.path.write_bytes(data)
    times, numbers = read_all(video.path)
    assert numbers[-1] == video.frames - 1
    assert times[-1] == pytest.approx(video.duration_s - 1 / video.fps)
    [record] = caplog.records
    assert record.getMessage().startswith(f"{video.path}: damaged packets passed over: ")


def test_a_whole_file_brings_no_warning(
    fight_clip: Path, nofight_clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in (fight_clip, nofight_clip):
        read_all(path)
    assert caplog.records == []
