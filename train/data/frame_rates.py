"""Frame rates of clips: too low for a model, or so different that they reveal the labels."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.config.options import WindowOptions
from monitor.windows.clip import ClipSpec
from train.data.cache import DecodedClip
from train.data.clips import Clip
from train.data.windows import max_fps

_FINE = 3.0  # times the model's rate: from here on its frames are evenly spaced
_LEAK_ACCURACY = 0.9  # share of clips whose label the rate reveals; chance reveals half
_APART = 1.1  # ratio of two rates; a network cannot see smaller differences


def min_fps(spec: ClipSpec) -> float:
    """The lowest frame rate of a clip; below it the monitor classifies no window."""
    return WindowOptions().min_fps(spec)


def slow_clips(decoded: Mapping[str, DecodedClip], spec: ClipSpec) -> dict[str, float]:
    """The frame rates of clips that are too slow, by path."""
    rates = {path: max_fps(clip, spec) for path, clip in decoded.items()}
    return {path: rate for path, rate in rates.items() if rate < min_fps(spec)}


def slow_reason(fps: float, spec: ClipSpec) -> str:
    """Why a video is not used."""
    return f"{fps:.1f} frames a second; at least {min_fps(spec):g} are needed"


def describe_slow_clips(clips: Sequence[Clip], slow: Mapping[str, float], spec: ClipSpec) -> str:
    """Which clips are too `slow` (path -> frame rate), and which recipe could use them."""
    every = Counter(clip.label for clip in clips)
    some = Counter(clip.label for clip in clips if clip.path in slow)
    labels = ", ".join(f"{label} {count} of {every[label]}" for label, count in some.items())
    fps = float(f"{np.percentile(list(slow.values()), 10):.2g}")
    fitting = ClipSpec(max(2, round(spec.span_s * fps)), spec.size, fps)
    taken = sum(rate >= min_fps(fitting) for rate in slow.values())
    return (
        f"clips of fewer than {min_fps(spec):g} frames a second are left out ({len(slow)}), "
        f"since har-monitor classifies none of them at a clip.fps of {spec.fps:g}: {labels}; with "
        f"clip: {{frames: {fitting.frames}, fps: {fps:g}}} in the recipe {taken} of them can be "
        "used"
    )


def describe_rate_leak(
    clips: Sequence[Clip], decoded: Mapping[str, DecodedClip], spec: ClipSpec
) -> str | None:
    """A warning if the frame rate alone distinguishes a label from the others; None if not."""
    rates: dict[str, list[float]] = defaultdict(list)
    for clip in clips:
        rates[clip.label].append(decoded[clip.path].fps)
    told, mixed = [], []
    for label, own in rates.items():
        others = [rate for other, some in rates.items() if other != label for rate in some]
        if len(own) > 1 and len(others) > 1 and _differ(np.array(own), np.array(others), spec.fps):
            told.append(f"{label} {np.median(own):.3g}")
        else:
            mixed += own
    if not told:
        return None
    if mixed:
        told.append(f"others {np.median(mixed):.3g}")
    return (
        f"frame rates alone distinguish labels (medians: {', '.join(told)}): a model may learn "
        "the rate instead of the activity; clips of all labels should have the same rates"
    )


def _differ(own: NDArray[np.float64], others: NDArray[np.float64], fps: float) -> bool:
    low, high = sorted((float(np.median(own)), float(np.median(others))))
    if low >= _FINE * fps or high < _APART * low:
        return False
    if low < fps / _APART and high >= fps:  # the slower clips repeat frames that the others have
        return True
    limits = np.unique(np.append(own, others))[:, np.newaxis]
    shares = [
        ((slow <= limits).mean(axis=1) + (fast > limits * _APART).mean(axis=1)) / 2
        for slow, fast in ((own, others), (others, own))
    ]
    return bool(np.max(shares) >= _LEAK_ACCURACY)
