"""Small copies of clips: what they show, and of what none can be made."""

import os
from pathlib import Path

import av
import pytest

from monitor.errors import SourceError
from monitor.evidence import small_copy
from monitor.evidence.small_copy import FPS, make_copy
from testkit.media import cut, make_video
from tests.monitor.evidence.test_clip_writer import shown


@pytest.mark.parametrize(("codec", "b_frames"), [("hevc", 0), ("hevc", 3), ("mpeg4", 0)])
def test_it_shows_what_the_clip_shows_when_the_clip_does(
    codec: str, b_frames: int, tmp_path: Path
) -> None:
    clip = make_video(
        tmp_path / "a.mp4", duration_s=2, size=(960, 540), codec=codec, b_frames=b_frames
    ).path
    os.utime(clip, (1e9, 1e9))
    copy = tmp_path / "a.h264.mp4"
    make_copy(clip, copy)
    with av.open(str(copy)) as container:
        video = container.streams.video[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height) == (640, 360)
    found = shown(copy)
    assert len(found) == pytest.approx(2 * FPS, abs=2)
    assert [time_s for time_s, _ in found] == pytest.approx([one / 25 for _, one in found])
    assert (found[0][1], found[-1][1] > 46) == (0, True)
    assert copy.stat().st_mtime == 1e9, "retention sees an event as old as it is"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h264.mp4", "a.mp4"]


def test_of_a_clip_that_is_cut_off_it_shows_what_there_is(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "a.mp4", duration_s=4, codec="hevc", faststart=True).path
    make_copy(cut(whole, 0.6), tmp_path / "a.h264.mp4")
    assert 1.0 <= shown(tmp_path / "a.h264.mp4")[-1][0] <= 3.5


def test_of_a_long_clip_the_beginning_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_copy, "MAX_S", 1.0)
    clip = make_video(tmp_path / "a.mp4", duration_s=3, codec="hevc").path
    make_copy(clip, tmp_path / "a.h264.mp4")
    assert shown(tmp_path / "a.h264.mp4")[-1][0] == pytest.approx(1.0, abs=0.1)


def test_a_clip_whose_size_changes_is_copied_whole(tmp_path: Path) -> None:
    parts = [
        make_video(tmp_path / f"{name}.ts", duration_s=2, size=size, codec="hevc", gop=25).path
        for name, size in (("a", (160, 96)), ("b", (320, 192)))
    ]
    clip = tmp_path / "clip.ts"
    clip.write_bytes(b"".join(part.read_bytes() for part in parts))
    make_copy(clip, tmp_path / "c.mp4")
    numbers = [number for _, number in shown(tmp_path / "c.mp4")]
    assert max(numbers) >= 45
    with av.open(str(tmp_path / "c.mp4")) as container:
        assert {frame.width for frame in container.decode(video=0)} == {160}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the clip cannot be read: "),
        (b"no film" * 1000, "the clip cannot be read: "),
        (None, "the clip cannot be read: no such file or directory"),
    ],
)
def test_what_is_no_clip_is_one_line(tmp_path: Path, content: bytes | None, why: str) -> None:
    if content is not None:
        (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(SourceError, match=why):
        make_copy(tmp_path / "a.mp4", tmp_path / "a.h264.mp4")
    assert not (tmp_path / "a.h264.mp4").exists()


def test_a_clip_that_every_browser_plays_is_not_copied(tmp_path: Path) -> None:
    clip = make_video(tmp_path / "a.mp4").path
    with pytest.raises(
        SourceError, match=r"^the clip itself is H\.264, which every browser plays$"
    ):
        make_copy(clip, tmp_path / "a.h264.mp4")
