"""Cameras of every rate: the same sampled rate, and as many clips right."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from monitor.recognition.classifier import OnnxClassifier
from monitor.windows.buffer import WindowBuffer
from train.data.cache import DecodedClip
from train.data.cache_folder import default_cache
from train.data.clips import Clip
from train.data.decoding import DecodedClips, decode_clips
from train.data.layouts import find_clips
from train.data.windows import windows

Times = NDArray[np.float64]
Camera = Callable[[Times, np.random.Generator], Times]  # of its frames, out of those of a clip
# When a clip's first frame is taken: which frames are sampled changes with it, and by chance alone
# a hundredth of the answers.
SHORTEST_S = 1.5  # of a clip: at least half a window is left of it
PHASES_S = (0.0, 0.02, 0.04, 0.06, 0.08)


def steady(fps: float) -> Camera:
    """A camera that gives so many frames a second."""
    return lambda times_s, rng: np.arange(0, times_s[-1] + 1e-9, 1 / fps)


def uneven(times_s: Times, rng: np.random.Generator) -> Times:
    """A camera whose rate varies between 12 and 30 frames a second."""
    taken_s = np.concatenate(([0.0], np.cumsum(rng.uniform(1 / 30, 1 / 12, 2000))))
    return taken_s[taken_s <= times_s[-1]]


def lossy(times_s: Times, rng: np.random.Generator) -> Times:
    """A camera of which every fifth frame is lost, by chance."""
    kept = rng.random(len(times_s)) >= 0.2
    kept[0] = True
    return times_s[kept]


CAMERAS: dict[str, Camera] = {
    "10": steady(10),
    "15": steady(15),
    "25": steady(25),
    "29.97": steady(30000 / 1001),
    "30": steady(30),
    "60": steady(60),
    "variable": uneven,
    "a fifth lost": lossy,
}


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
def test_windows_have_the_models_own_rate(camera: Camera) -> None:
    spec = OnnxClassifier().metadata.clip
    native_s = np.arange(0, 60, 1 / 25)
    buffer = WindowBuffer("a", spec, 5)
    blank = np.zeros(spec.shape[1:], np.uint8)
    rates = []
    for time_s in camera(native_s, np.random.default_rng(1)):
        if window := buffer.push(float(time_s), lambda: blank):
            rates.append(window.fps)
    assert len(rates) > 90
    assert np.mean(rates) == pytest.approx(spec.fps, rel=0.02)


@pytest.fixture(scope="module")
def clips(shared_data: Path) -> DecodedClips:
    """Every clip of fight-surv."""
    data = find_clips(shared_data / "fight-surv")
    spec = OnnxClassifier().metadata.clip
    return decode_clips(data, spec, "time", default_cache(), Console(quiet=True))


@pytest.fixture(scope="module")
def native(clips: DecodedClips) -> float:
    """How many clips are right at the rates at which they were filmed."""
    share = _accuracy(OnnxClassifier(), clips, lambda times_s, rng: times_s)
    assert share > 0.75
    return share


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
def test_as_many_clips_are_right_whatever_the_cameras_rate(
    clips: DecodedClips, native: float, camera: Camera
) -> None:
    """The shipped network was trained on these clips: rates are compared here, not networks."""
    assert _accuracy(OnnxClassifier(), clips, camera) == pytest.approx(native, abs=0.01)


def _accuracy(classifier: OnnxClassifier, clips: DecodedClips, camera: Camera) -> float:
    right = list(_right(classifier, clips, camera))
    return sum(right) / len(right)


def _right(classifier: OnnxClassifier, clips: DecodedClips, camera: Camera) -> Iterator[bool]:
    metadata = classifier.metadata
    rng = np.random.default_rng(1)
    for clip in clips.clips:
        if clip.fold < 0 or clips.load(clip).duration_s < SHORTEST_S:
            continue
        for phase_s in PHASES_S:
            filmed = _filmed(clips, clip, camera, phase_s, rng)
            scores = classifier.predict(windows(filmed, metadata.clip, 5)).mean(axis=0)
            yield metadata.labels[int(scores.argmax())] == clip.label


def _filmed(
    clips: DecodedClips, clip: Clip, camera: Camera, phase_s: float, rng: np.random.Generator
) -> DecodedClip:
    """A clip as the camera gives it from a moment on: frames of it, none of them invented."""
    decoded = clips.load(clip)
    rest = decoded.part(int(np.searchsorted(decoded.times_s, phase_s)), len(decoded.times_s))
    times_s = camera(rest.times_s, rng)
    newest = np.searchsorted(rest.times_s, times_s + 1e-6, side="right") - 1
    return DecodedClip(np.asarray(rest.frames)[newest], times_s)
