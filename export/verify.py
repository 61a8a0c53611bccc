"""Verification that an exported file gives the scores of the Keras network."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import monitor
from export.keras_file import outputs_of
from monitor.errors import ModelError
from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.metadata import ModelMetadata
from monitor.recognition.zoom import Classify, with_zoom
from monitor.records import Outputs
from monitor.sources.file import read_frames
from monitor.windows.buffer import WindowBuffer
from monitor.windows.clip import ClipSpec, scale_frame

if TYPE_CHECKING:
    import keras

TOLERANCE = 1e-5  # largest difference in a score between Keras and ONNX Runtime
# Largest difference in novelty, which has no upper bound: relative above 1, absolute below.
NOVELTY_TOLERANCE = 1e-3  # rounding adds up in deep networks, and limits have two digits
BATCHES = (1, 3)
TIMED_RUNS = 15
# Real video as well, because noise and waves do not show what a camera shows.
SAMPLE = Path(monitor.__file__).parent / "samples" / "bus.mp4"


@dataclass(frozen=True)
class Verification:
    """Measurements of an exported file."""

    difference: float  # largest difference in a score, over all clips and batch sizes
    window_ms: float  # median time of one window on one thread


def verify(path: Path, model: keras.Model, metadata: ModelMetadata) -> Verification:
    """Compare the ONNX file at `path`, run as in har-monitor, with `model`.

    Both get real and synthetic clips; a ModelError names the first difference.
    """
    _check_onnx(path)
    classifier = OnnxClassifier(path)
    if classifier.metadata != metadata:
        raise ModelError("the exported file carries other metadata than the network")
    tested = np.concatenate([real_clips(metadata.clip), synthetic_clips(metadata.clip)])
    expected = with_zoom(_classify_with(model), metadata.zoom, metadata.alert_places)(tested)
    difference = 0.0
    for batch in BATCHES:
        parts = [tested[at : at + batch] for at in range(0, len(tested), batch)]
        got = [classifier.classify(part) for part in parts]
        scores = np.concatenate([outputs.scores for outputs in got])
        difference = max(difference, compare(expected.scores, scores, batch))
        if expected.novelty is not None:
            told = [outputs.novelty for outputs in got if outputs.novelty is not None]
            novelty = np.concatenate(told)
            compare_novelty(expected.novelty, novelty, batch)
    return Verification(difference, _window_ms(classifier, tested[:1]))


def _classify_with(model: keras.Model) -> Classify:
    def classify(clips: NDArray[np.uint8]) -> Outputs:
        return outputs_of(model(clips, training=False))

    return classify


def real_clips(spec: ClipSpec, video: Path = SAMPLE) -> NDArray[np.uint8]:
    """(M, T, H, W, 3): windows of a video, cut and scaled as in the monitor."""
    buffer = WindowBuffer("sample", spec, spec.frames)
    clips = []
    for time_s, picture in read_frames(video):
        window = buffer.push(time_s, partial(scale_frame, picture, spec.size))
        if window is not None:
            clips.append(window.clip)
    return np.array(clips, np.uint8).reshape(-1, *spec.shape)


def synthetic_clips(spec: ClipSpec) -> NDArray[np.uint8]:
    """(6, T, H, W, 3): three clips of noise and three of drifting waves, always the same."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (3, *spec.shape), dtype=np.uint8)
    t, y, x, colour = np.indices(spec.shape, dtype=np.float32)
    waves = [
        np.sin((right * x + down * y) / spec.size * 2 * np.pi + step * t + colour)
        for right, down, step in ((1, 0, 0.3), (0, 2, 0.9), (3, -2, 0.0))
    ]
    return np.concatenate([noise, ((np.stack(waves) + 1) * 127.5).astype(np.uint8)])


def compare(expected: NDArray[np.float32], got: NDArray[np.float32], batch: int) -> float:
    """The largest difference between two (M, labels) arrays of scores; ModelError if too large.

    The top label must agree too, except for ties within TOLERANCE.
    """
    difference = float(np.abs(expected - got).max())
    if not difference <= TOLERANCE:  # written so that NaN fails
        raise ModelError(
            f"the exported scores differ from Keras by up to {difference:.1e} "
            f"in batches of {batch}; allowed: {TOLERANCE:.0e}"
        )
    chosen = np.take_along_axis(expected, got.argmax(axis=1)[:, None], axis=1)[:, 0]
    if np.any(expected.max(axis=1) - chosen > TOLERANCE):
        raise ModelError(f"the exported top label differs from Keras in batches of {batch}")
    return difference


def compare_novelty(expected: NDArray[np.float32], got: NDArray[np.float32], batch: int) -> None:
    """ModelError if two (M,) arrays of novelty differ by more than NOVELTY_TOLERANCE."""
    difference = float((np.abs(expected - got) / np.maximum(np.abs(expected), 1)).max())
    if not difference <= NOVELTY_TOLERANCE:  # written so that NaN fails
        raise ModelError(
            f"the exported novelty differs from Keras by up to {difference:.1e} of it "
            f"in batches of {batch}; allowed: {NOVELTY_TOLERANCE:.0e}"
        )


def _check_onnx(path: Path) -> None:
    import onnx

    try:
        onnx.checker.check_model(path, full_check=True)
    except Exception as error:  # the errors of the checker and of protobuf have no common class
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ModelError(f"the exported file is not valid ONNX: {reason}") from error


def _window_ms(classifier: OnnxClassifier, clip: NDArray[np.uint8]) -> float:
    """Median time of one window on one thread in milliseconds, after a warm-up run."""
    took_ms = []
    for _ in range(1 + TIMED_RUNS):
        start_s = time.perf_counter()
        classifier.classify(clip)
        took_ms.append((time.perf_counter() - start_s) * 1000)
    return median(took_ms[1:])
