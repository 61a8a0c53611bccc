"""Slow clips are not trained on, and frame rates that reveal a label are reported."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from monitor.config.options import WindowOptions
from monitor.errors import DataError
from monitor.health.status import CameraStatus
from monitor.windows.buffer import WindowBuffer
from monitor.windows.clip import ClipSpec
from monitor.windows.filter import WindowFilter
from testkit.media import make_video
from testkit.models import metadata, motion_model
from train.cli.evaluate import app
from train.data.background import FilmPart, decode_footage
from train.data.cache import DecodedClip
from train.data.clips import Clip
from train.data.decoding import DecodedClips, decode_clips
from train.data.frame_rates import describe_rate_leak, min_fps, slow_clips
from train.data.layouts import find_clips

SPEC = ClipSpec(frames=20, size=16, fps=10.0)
QUIET = Console(quiet=True)


def filmed(fps: float, duration_s: float = 6.0, dropped: Sequence[int] = ()) -> DecodedClip:
    """The times of a clip; its frames are of no matter."""
    times_s = np.delete(np.arange(round(duration_s * fps)) / fps, dropped)
    return DecodedClip(np.zeros((len(times_s), 16, 16, 3), np.uint8), times_s)


def is_slow(clip: DecodedClip, spec: ClipSpec = SPEC) -> bool:
    return bool(slow_clips({"a": clip}, spec))


@pytest.mark.parametrize("fps", [1, 4.9, 5, 6, 7.5, 7.9, 8.1, 9, 10, 12, 15, 24, 25, 29.97, 30, 60])
def test_a_clip_is_slow_if_the_monitor_classifies_none_of_its_windows(fps: float) -> None:
    clip = filmed(fps, duration_s=30)
    window_filter = WindowFilter(
        CameraStatus("a", "a"), ("",), min_fps=WindowOptions().min_fps(SPEC), check_pictures=False
    )
    buffer = WindowBuffer("a", SPEC, 5)
    windows = [
        buffer.push(time_s, lambda: np.zeros((16, 16, 3), np.uint8)) for time_s in clip.times_s
    ]
    faults = {window_filter.skip_reason(window) for window in windows if window is not None}

    assert faults == ({"slow source"} if is_slow(clip) else {None})
    assert is_slow(clip) == (fps < min_fps(SPEC) == 8)


def test_the_rate_of_a_padded_clip_is_checked_too() -> None:
    assert is_slow(filmed(5, duration_s=2.4))
    assert is_slow(filmed(7.5, duration_s=1.5))
    assert not is_slow(filmed(25, duration_s=1.2))


def test_a_clip_with_a_few_lost_frames_is_not_slow() -> None:
    assert not is_slow(filmed(25, dropped=range(40, 60)))


def data(root: Path, fps: Mapping[str, Sequence[float]]) -> Path:
    """Clips, all of other lengths, of labels filmed at so many frames a second."""
    length_s = 4.0
    for label, rates in fps.items():
        (root / label).mkdir(parents=True)
        for number, rate in enumerate(rates):
            length_s += 0.4
            make_video(root / label / f"{number}.mp4", fps=rate, duration_s=length_s, size=(32, 32))
    return root


def decoded_clips(folder: Path, spec: ClipSpec = SPEC, sampling: str = "time") -> DecodedClips:
    return decode_clips(find_clips(folder), spec, sampling, folder.parent / "cache", QUIET)  # type: ignore[arg-type]


def test_slow_clips_are_left_out_with_one_warning_that_names_a_recipe(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = data(tmp_path / "data", {"fall": (25, 5, 25, 5), "sit": (25, 25, 6)})

    found = decoded_clips(folder)

    assert [clip.path for clip in found.clips] == [
        "fall/0.mp4",
        "fall/2.mp4",
        "sit/0.mp4",
        "sit/1.mp4",
    ]
    assert {skip.path: skip.reason for skip in found.skipped} == {
        "fall/1.mp4": "5.0 frames a second; at least 8 are needed",
        "fall/3.mp4": "5.0 frames a second; at least 8 are needed",
        "sit/2.mp4": "6.0 frames a second; at least 8 are needed",
    }
    note = (
        "clips of fewer than 8 frames a second are left out (3), since har-monitor classifies none "
        "of them at a clip.fps of 10: fall 2 of 4, sit 1 of 3; with clip: {frames: 10, fps: 5} in "
        "the recipe 3 of them can be used"
    )
    assert found.notes == (note,)
    assert caplog.messages[-1] == f"data: {note}"
    assert sum("frames a second" in message for message in caplog.messages) == 1


def test_the_named_recipe_can_use_the_slow_clips(tmp_path: Path) -> None:
    folder = data(tmp_path / "data", {"fall": (5, 5), "sit": (5, 5)})

    with pytest.raises(DataError) as error:
        decoded_clips(folder)
    assert str(error.value) == (
        f"{folder}: label fall: none of its clips can be used; clips of fewer than 8 frames a "
        "second are left out (4), since har-monitor classifies none of them at a clip.fps of 10: "
        "fall 2 of 2, sit 2 of 2; with clip: {frames: 10, fps: 5} in the recipe 4 of them can be "
        "used"
    )
    found = decoded_clips(folder, ClipSpec(10, 16, 5.0))
    assert len(found.clips) == 4
    assert found.notes == ()


def test_a_label_that_is_filmed_too_slowly_is_an_error_that_says_the_rates_differ(
    tmp_path: Path,
) -> None:
    folder = data(tmp_path / "data", {"fall": (5, 5), "sit": (25, 25)})

    with pytest.raises(
        DataError,
        match=r"label fall: none .* clip\.fps .* fall 2 of 2; .*"
        r"rates alone distinguish labels \(medians: fall 5, sit 25\)",
    ):
        decoded_clips(folder)


def test_with_uniform_sampling_the_rate_of_a_clip_is_ignored(tmp_path: Path) -> None:
    found = decoded_clips(
        data(tmp_path / "data", {"fall": (5, 5), "sit": (25, 25)}), sampling="uniform"
    )

    assert len(found.clips) == 4
    assert found.notes == ()


def test_har_evaluate_says_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = data(tmp_path / "data", {"moving": (25, 5, 25), "still": (25, 25)})
    model = motion_model(tmp_path / "m.onnx", metadata(frames=20, fps=10))
    options = {"--data": folder, "--out": tmp_path / "out", "--cache": tmp_path / "cache"}
    words = [str(word) for option in options.items() for word in option]

    result = CliRunner().invoke(app, [str(model), *words])

    assert result.exit_code == 0, result.stderr
    assert "clips of fewer than 8 frames a second are left out (1)" in caplog.text
    report = (tmp_path / "out" / "metrics.json").read_text()
    assert "a clip.fps of 10: moving 1 of 3" in report
    assert "5.0 frames a second; at least 8 are needed" in report


def words(**fps: Sequence[float]) -> str | None:
    clips, decoded = [], {}
    for label, rates in fps.items():
        for number, rate in enumerate(rates):
            clip = Clip(f"{label}/{number}", label, f"{label}{number}", 0)
            clips.append(clip)
            decoded[clip.path] = filmed(rate)
    return describe_rate_leak(clips, decoded, SPEC)


TOLD: dict[str, tuple[dict[str, Sequence[float]], str]] = {
    "slow and fast": ({"fall": [10] * 8, "sit": [25] * 8}, "fall 10, sit 25"),
    "mixed, but apart": (
        {"fall": [10, 11, 12, 10, 12], "sit": [25, 30, 29.97, 25]},
        "fall 11, sit 27.5",
    ),
    "films and television": ({"fall": [25] * 5, "sit": [30, 29.97, 30]}, "fall 25, sit 30"),
    "one of three": (
        {"fall": [30, 30, 25, 30], "run": [25, 30, 25], "sit": [15, 15, 15]},
        "sit 15, others 30",
    ),
    "most of one below the model's": (
        {"fall": [8.5] * 6 + [25] * 4, "sit": [25] * 10},
        "fall 8.5, sit 25",
    ),
    "nearly all": ({"fall": [15] * 19 + [30], "sit": [30] * 20}, "fall 15, sit 30"),
}


@pytest.mark.parametrize(("fps", "medians"), TOLD.values(), ids=TOLD)
def test_rates_that_distinguish_labels_are_reported(
    fps: dict[str, Sequence[float]], medians: str
) -> None:
    assert words(**fps) == (
        f"frame rates alone distinguish labels (medians: {medians}): a model may learn the rate "
        "instead of the activity; clips of all labels should have the same rates"
    )


FINE: dict[str, dict[str, Sequence[float]]] = {
    "the same": {"fall": [25] * 8, "sit": [25] * 8},
    "both mixed": {"fall": [20, 25, 30, 30, 12], "sit": [30, 25, 20, 15, 30]},
    "nearly the same": {"fall": [29.97] * 5, "sit": [30] * 5},
    "both far above the model's": {"fall": [30] * 5, "sit": [60] * 5},
    "one clip": {"fall": [10], "sit": [25] * 5},
    "some of one": {"fall": [15] * 5 + [30] * 5, "sit": [30] * 10},
    "one label": {"fall": [25] * 3},
}


@pytest.mark.parametrize("fps", FINE.values(), ids=FINE)
def test_rates_that_reveal_nothing_are_not_mentioned(fps: dict[str, Sequence[float]]) -> None:
    assert words(**fps) is None


def test_labels_of_other_rates_are_trained_on_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = decoded_clips(data(tmp_path / "data", {"fall": (10, 12), "sit": (25, 30)}))

    assert len(found.clips) == 4
    (note,) = found.notes
    assert note.startswith("frame rates alone distinguish labels (medians: fall 11, sit 27.5)")
    assert f"data: {note}" in caplog.messages


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fight-surv", "weizmann64", "falls"])
def test_real_datasets_of_mixed_rates_cause_no_warning(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    dataset = find_clips(shared_data / name)
    some = dataset.clips[:: max(1, len(dataset.clips) // 20)]
    found = decode_clips(
        type(dataset)(name, dataset.roots, some, dataset.labels), SPEC, "time", tmp_path, QUIET
    )

    assert found.notes == ()
    assert found.skipped == ()


def test_footage_of_a_low_frame_rate_is_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    slow = make_video(tmp_path / "slow.mp4", fps=5, duration_s=6).path
    good = make_video(tmp_path / "good.mp4", fps=10, duration_s=6).path
    parts = [FilmPart(path, path.name) for path in (slow, good)]

    found = decode_footage(parts, SPEC, tmp_path / "cache", QUIET)

    assert [film.name for film in found.films] == ["good.mp4"]
    assert caplog.messages == [
        f"footage skipped: {slow}: 5.0 frames a second; at least 8 are needed"
    ]
