import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from monitor.errors import DataError, SourceOpenError
from monitor.sources.file import FileSource
from monitor.windows.buffer import WindowBuffer
from monitor.windows.clip import ClipSpec, scale_frame
from testkit.media import make_video
from train.data.cache import FORMAT, ClipCache, DecodedClip
from train.data.decoding import DecodedClips, decode_clips
from train.data.layouts import find_clips
from train.data.windows import is_padded, uniform_window, window_from, windows

SPEC = ClipSpec(frames=8, size=32, fps=10.0)
# Of fight-surv at 20 frames and 10 fps: 0.97 to 1.87 s long.
SHORTER_THAN_A_WINDOW = (
    *(
        f"fight/fi{number}.mp4"
        for number in ("019", "028", "034", "087", "090", "131", "132", "149")
    ),
    *(f"nofight/nofi{number}.mp4" for number in ("043", "078")),
)


def numbered_clip(frames: int, fps: float) -> DecodedClip:
    """Frames whose every byte is their own number."""
    pixels = np.arange(frames, dtype=np.uint8)[:, np.newaxis, np.newaxis, np.newaxis]
    return DecodedClip(
        np.broadcast_to(pixels, (frames, SPEC.size, SPEC.size, 3)), np.arange(frames) / fps
    )


def numbers(clip: np.ndarray) -> list[int]:
    return clip[:, 0, 0, 0].tolist()


def test_a_clip_is_decoded_once_and_read_back_to_the_byte(
    tmp_path: Path, nofight_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ClipCache(tmp_path, 32).decode(nofight_clip)
    monkeypatch.setattr(FileSource, "open", lambda self: pytest.fail("decoded again"))

    second = ClipCache(tmp_path, 32).decode(nofight_clip)

    assert first.frames.shape == (len(first.times_s), 32, 32, 3)
    assert first.frames.dtype == np.uint8
    assert first.frames.tobytes() == second.frames.tobytes()
    assert first.times_s.tobytes() == second.times_s.tobytes()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".npy", ".npy"]


def test_many_threads_may_read_the_cache(
    nofight_clip: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """CPython 3.11 fails if two threads parse headers while garbage is collected."""
    request.addfinalizer(partial(gc.set_threshold, *gc.get_threshold()))
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    cache = ClipCache(tmp_path, 8)
    first = cache.decode(nofight_clip, "content")

    def read(_: int) -> bytes:
        Garbage()
        return cache.decode(nofight_clip, "content").frames.tobytes()

    gc.set_threshold(7)
    sys.setswitchinterval(1e-6)
    with ThreadPoolExecutor(4) as readers:
        assert set(readers.map(read, range(300))) == {first.frames.tobytes()}


class Garbage:
    """What a collection of garbage runs Python for, so that other threads get their turn."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        for _ in range(20):
            pass


def test_frames_of_the_cache_are_mapped_without_parsing_python(
    nofight_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = ClipCache(tmp_path, 32).decode(nofight_clip)
    expected = np.load(next(tmp_path.glob(f"*-v{FORMAT}.npy")))

    def parse(*_: object, **__: object) -> None:
        raise AssertionError("parsed, where another thread may do so too")

    monkeypatch.setattr("ast.parse", parse)
    part = decoded.part(3, 7)

    assert (decoded.frames == expected).all()
    assert (part.frames == expected[3:7]).all()


def test_another_size_and_another_content_are_other_entries(tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.mp4").path
    folder = tmp_path / "cache"
    small = ClipCache(folder, 16).decode(clip)
    large = ClipCache(folder, 32).decode(clip)
    make_video(clip, duration_s=2.0)

    assert small.frames.shape[1:] == (16, 16, 3)
    assert large.frames.shape[1:] == (32, 32, 3)
    assert len(ClipCache(folder, 32).decode(clip).frames) == 2 * len(large.frames)


def test_a_clip_that_cannot_be_read_leaves_nothing_in_the_cache(tmp_path: Path) -> None:
    clip = tmp_path / "text.mp4"
    clip.write_text("not a video")
    folder = tmp_path / "cache"

    with pytest.raises(SourceOpenError):
        ClipCache(folder, 16).decode(clip)

    assert list(folder.iterdir()) == []


def test_training_windows_are_the_windows_of_the_live_buffer(
    tmp_path: Path, fight_clip: Path
) -> None:
    live = []
    buffer = WindowBuffer("camera", SPEC, stride=3)
    source = FileSource(fight_clip)
    source.open()
    while (picture := source.read()) is not None:
        window = buffer.push(picture.time_s, lambda p=picture: scale_frame(p.picture, SPEC.size))
        if window is not None:
            live.append(window.clip)
    source.close()

    offline = windows(ClipCache(tmp_path, SPEC.size).decode(fight_clip), SPEC, stride=3)

    assert len(live) > 5
    assert offline.tobytes() == np.stack(live).tobytes()


def test_a_clip_of_half_a_window_is_padded_with_its_last_frame() -> None:
    clip = numbered_clip(4, fps=10)

    assert is_padded(clip, SPEC)
    (window,) = windows(clip, SPEC, stride=1)
    assert numbers(window) == [0, 1, 2, 3, 3, 3, 3, 3]


def test_a_clip_of_less_than_half_a_window_gives_none() -> None:
    assert windows(numbered_clip(3, fps=10), SPEC, stride=1).shape == (0, *SPEC.shape)


def test_a_clip_of_a_whole_window_is_not_padded() -> None:
    clip = numbered_clip(8, fps=10)

    assert not is_padded(clip, SPEC)
    assert [numbers(window) for window in windows(clip, SPEC, 5)] == [list(range(8))]


@pytest.mark.parametrize("fps", [10.0, 12.5, 15.0, 24.0, 25.0, 29.97, 30.0])
def test_a_clip_of_exactly_a_window_gives_one_at_any_rate(fps: float) -> None:
    clip = numbered_clip(round(SPEC.span_s * fps), fps)

    assert len(windows(clip, SPEC, stride=1)) == 1


def test_slowed_motion_samples_frames_closer_together() -> None:
    clip = numbered_clip(50, fps=50)

    assert numbers(window_from(clip, SPEC, start=2, speed=1.0)) == [2, 6, 11, 16, 21, 26, 31, 36]
    assert numbers(window_from(clip, SPEC, start=2, speed=0.5)) == [2, 4, 7, 9, 12, 14, 17, 19]


def test_a_random_window_near_the_end_repeats_the_last_frame() -> None:
    clip = numbered_clip(10, fps=10)

    assert numbers(window_from(clip, SPEC, start=6, speed=1.0)) == [6, 7, 8, 9, 9, 9, 9, 9]


def test_uniform_sampling_spreads_the_frames_over_the_clip_as_the_paper_does() -> None:
    (window,) = uniform_window(numbered_clip(30, fps=25), SPEC)

    assert numbers(window) == [0, 3, 6, 9, 12, 15, 18, 21]
    assert len(uniform_window(numbered_clip(7, fps=25), SPEC)) == 0


def prepared_from(folder: Path, sampling: str = "time") -> DecodedClips:
    return decode_clips(
        find_clips(folder), SPEC, sampling, folder.parent / "cache", Console(quiet=True)
    )


def test_clips_that_cannot_be_used_are_skipped_with_the_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    for label, duration_s in (("run", 1.0), ("sit", 1.2)):
        (data / label).mkdir(parents=True)
        make_video(data / label / "good.mp4", duration_s=duration_s)
    make_video(data / "run" / "half.mp4", duration_s=0.6)
    make_video(data / "run" / "short.mp4", duration_s=0.2)
    (data / "sit" / "text.mp4").write_text("not a video")

    decoded_clips = prepared_from(data)

    assert [clip.path for clip in decoded_clips.clips] == [
        "run/good.mp4",
        "run/half.mp4",
        "sit/good.mp4",
    ]
    assert decoded_clips.padded == ("run/half.mp4",)
    reasons = {skip.path: skip.reason for skip in decoded_clips.skipped}
    assert reasons["run/short.mp4"] == (
        "too short: 0.16 s in 5 frames, less than half of the 0.80 s of a window"
    )
    assert reasons["sit/text.mp4"].startswith("not a video file that can be read")
    for path, reason in reasons.items():
        assert f"skipped {path}: {reason}" in caplog.messages


def test_a_second_run_decodes_only_a_changed_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    for label, duration_s in (("run", 1.0), ("sit", 1.2)):
        (data / label).mkdir(parents=True)
        make_video(data / label / "clip.mp4", duration_s=duration_s)
    opened: list[str] = []
    open_file = FileSource.open

    def noted(self: FileSource) -> None:
        opened.append(f"{self.path.parent.name}/{self.path.name}")
        open_file(self)

    monkeypatch.setattr(FileSource, "open", noted)
    runs = []
    for changed in (None, None, "sit"):
        if changed:
            make_video(data / changed / "clip.mp4", duration_s=2.0)
        decoded_clips = prepared_from(data)
        runs.append(
            (sorted(opened), [len(decoded_clips.load(c).frames) for c in decoded_clips.clips])
        )
        opened.clear()

    assert runs == [
        (["run/clip.mp4", "sit/clip.mp4"], [25, 30]),
        ([], [25, 30]),
        (["sit/clip.mp4"], [25, 50]),
    ]


def test_uniform_sampling_skips_a_clip_of_fewer_frames(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for label, duration_s in (("run", 1.0), ("sit", 1.2), ("sit/more", 0.2)):
        (data / label).mkdir(parents=True)
        make_video(data / label / "clip.mp4", duration_s=duration_s)

    (skip,) = prepared_from(data, "uniform").skipped

    assert skip.reason == "too short: 5 frames, a clip needs 8"


def test_a_label_without_a_usable_clip_is_an_error(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for label, duration_s in (("run", 1.0), ("sit", 0.2)):
        (data / label).mkdir(parents=True)
        make_video(data / label / "clip.mp4", duration_s=duration_s)

    with pytest.raises(DataError) as error:
        prepared_from(data)

    assert str(error.value) == f"{data}: label sit: none of its clips can be used"


def test_the_short_clips_of_fight_surv_can_be_used(shared_data: Path, tmp_path: Path) -> None:
    dataset = find_clips(shared_data / "fight-surv")
    short = [clip for clip in dataset.clips if clip.path in SHORTER_THAN_A_WINDOW]
    assert len(short) == len(SHORTER_THAN_A_WINDOW)
    cache = ClipCache(tmp_path, 64)
    spec = ClipSpec(20, 64, 10.0)

    for clip in short:
        decoded = cache.decode(dataset.file(clip))
        assert is_padded(decoded, spec), clip.path
        assert len(windows(decoded, spec, 5)) == 1, clip.path


def test_a_video_with_two_labels_is_an_error(tmp_path: Path) -> None:
    video = make_video(tmp_path / "one.mp4").path.read_bytes()
    data = tmp_path / "data"
    for label in ("run", "sit"):
        (data / label).mkdir(parents=True)
        (data / label / "a.mp4").write_bytes(video)
    with pytest.raises(DataError) as error:
        prepared_from(data)
    assert str(error.value) == ("sit/a.mp4 and run/a.mp4 are the same video, labelled sit and run")


@pytest.mark.parametrize("ending", [".times.npy", f"v{FORMAT}.npy"], ids=["times", "frames"])
@pytest.mark.parametrize("left", [1000, 0, None], ids=["a part", "nothing", "no file"])
def test_an_incomplete_clip_in_the_cache_is_decoded_again(
    tmp_path: Path, ending: str, left: int | None
) -> None:
    clip = make_video(tmp_path / "clip.mp4", duration_s=8.0).path
    cache = ClipCache(tmp_path / "cache", 16)
    before = cache.decode(clip)
    frames, times = before.frames.tobytes(), before.times_s.tobytes()
    (stored,) = [path for path in cache.folder.iterdir() if path.name.endswith(ending)]
    content = stored.read_bytes()
    stored.unlink()
    if left is not None:
        stored.write_bytes(content[:left])

    after = cache.decode(clip)

    assert (after.frames.tobytes(), after.times_s.tobytes()) == (frames, times)


def test_a_thousand_clips_do_not_hold_a_thousand_files_open(tmp_path: Path) -> None:
    cache = ClipCache(tmp_path / "cache", 16)
    clip = make_video(tmp_path / "clip.mp4").path
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    decoded = [cache.decode(clip) for _ in range(50)]
    assert all(len(one.frames) for one in decoded)
    assert len(list(Path("/proc/self/fd").iterdir())) - open_before < 5
