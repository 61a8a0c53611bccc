"""Which caption is drawn on which frame."""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av import VideoFrame
from numpy.typing import NDArray

import monitor.display.view
from monitor.cli.preflight import video_path
from monitor.display.hub import Channel, Update
from monitor.display.overlay import Caption
from monitor.display.view import View
from monitor.errors import SinkError
from monitor.records import Frame
from monitor.windows.region import Region
from testkit.fakes import picture


def frame(time_s: float, camera: str = "a") -> Frame:
    return replace(picture(time_s), camera=camera)


def update(end_s: float | None, score: float, camera: str = "a") -> Update:
    return Update(camera, end_s, {"fight": score}, ())


def captions(
    items: list[Frame | Update], live: bool, monkeypatch: pytest.MonkeyPatch, video: Path
) -> list[tuple[float, float | None]]:
    """(time, score) of every caption that is drawn for these items."""
    drawn: list[tuple[float, float | None]] = []

    def draw(image: NDArray[np.uint8], caption: Caption) -> NDArray[np.uint8]:
        drawn.append((caption.time_s, caption.scores.get("fight")))
        return image

    monkeypatch.setattr(monitor.display.view, "draw", draw)
    view = View(["a"], screen=None, save_video=video)
    fill(view, Channel("a", live, (), {"fight": 0.5}), items)
    view.close()
    view.run(lambda: None)
    return drawn


def fill(view: View, channel: Channel, items: Iterable[Frame | Update]) -> None:
    """Let all of this come before anything is drawn: none is replaced, none waits for room."""
    for item in items:
        view._items.put_nowait(channel.camera, (channel, item))


def test_a_files_frames_wait_for_the_window_that_covers_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    items: list[Any] = [frame(0.0), frame(0.1), frame(0.2), frame(0.3), update(0.2, 0.9)]
    items += [frame(0.4), update(0.4, 0.1), update(None, 0.0)]
    drawn = captions(items, False, monkeypatch, tmp_path / "o.mp4")
    assert drawn == [(0.0, None), (0.1, None), (0.2, 0.9), (0.3, 0.9), (0.4, 0.1)]


def test_a_live_frame_is_drawn_at_once_with_the_newest_scores(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    items: list[Any] = [frame(0.0), update(0.0, 0.9), frame(0.1), frame(0.2), update(0.1, 0.1)]
    drawn = captions([*items, frame(0.3)], True, monkeypatch, tmp_path / "o.mp4")
    assert drawn == [(0.0, None), (0.1, 0.9), (0.2, 0.9), (0.3, 0.1)]


def test_a_files_frames_wait_for_the_windows_of_every_region(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drawn: list[tuple[float, list[float | None]]] = []

    def draw(image: NDArray[np.uint8], caption: Caption) -> NDArray[np.uint8]:
        drawn.append((caption.time_s, [shown.scores.get("fight") for shown in caption.regions]))
        return image

    def told(region: str, end_s: float | None, score: float) -> Update:
        return replace(update(end_s, score), region=region)

    monkeypatch.setattr(monitor.display.view, "draw", draw)
    regions = [Region.box("till", 0, 0, 0.5, 1), Region.box("door", 0.5, 0, 1, 1)]
    items = [frame(0.0), frame(0.1), told("till", 0.1, 0.9), told("till", 0.3, 0.8), frame(0.2)]
    items += [told("door", 0.1, 0.2), told("door", 0.3, 0.1), frame(0.3), told("till", None, 0.0)]
    view = View(["a"], screen=None, save_video=tmp_path / "o.mp4")
    fill(view, Channel("a", False, regions, {}), items)
    view.close()
    view.run(lambda: None)
    assert drawn == [
        (0.0, [None, None]),
        (0.1, [0.9, 0.2]),
        (0.2, [0.9, 0.2]),
        (0.3, [0.8, 0.1]),
    ]


def test_frames_after_the_last_window_are_drawn_at_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    items: list[Any] = [frame(0.0), update(0.0, 0.9), frame(0.1)]
    drawn = captions(items, False, monkeypatch, tmp_path / "o.mp4")
    assert drawn == [(0.0, 0.9), (0.1, 0.9)]


def test_a_files_frames_do_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    frames: list[Frame | Update] = [frame(number / 10) for number in range(100)]
    drawn = captions([*frames, update(9.0, 0.9)], False, monkeypatch, tmp_path / "o.mp4")
    waited = [time_s for time_s, score in drawn if score is not None]
    assert len(drawn) == 100
    assert waited == [time_s for time_s, _ in drawn if time_s >= 9.0]


def test_each_of_several_cameras_has_its_own_video(tmp_path: Path) -> None:
    cameras = ("door", "yard")
    view = View(cameras, screen=None, save_video=tmp_path / "o.mp4")
    for camera in cameras:
        channel = Channel(camera, False, (), {})
        fill(view, channel, (frame(number / 10, camera) for number in range(5)))
    view.close()
    view.run(lambda: None)
    for camera in cameras:
        with av.open(str(tmp_path / f"o-{camera}.mp4")) as video:
            assert len(list(video.decode(video=0))) == 5


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_video_that_finds_the_disk_full_is_said_once_and_the_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "o-door.mp4").symlink_to("/dev/full")
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    view = View(["door", "yard"], screen=None, save_video=tmp_path / "o.mp4")
    for camera in ("door", "yard"):
        channel = Channel(camera, False, (), {})
        for number in range(150):
            shown = VideoFrame.from_ndarray(np.roll(noise, 37 * number), "rgb24")
            view._items.put_nowait(camera, (channel, Frame(number / 10, shown, camera=camera)))
    view.close()
    full = f"{tmp_path / 'o-door.mp4'}: cannot write video: No space left on device"
    with pytest.raises(SinkError, match=f"^{re.escape(full)}; the video is incomplete$"):
        view.run(lambda: None)
    assert caplog.messages == [f"camera door: {full}; its video is cut short, nothing else is"]
    with av.open(str(tmp_path / "o-yard.mp4")) as video:
        assert len(list(video.decode(video=0))) == 150


def test_the_video_of_one_camera_has_the_name_that_was_asked_for() -> None:
    assert video_path(Path("x/o.mp4"), "door", 1) == Path("x/o.mp4")
    assert video_path(Path("x/o.mp4"), "door", 2) == Path("x/o-door.mp4")
