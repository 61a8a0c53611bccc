"""Windows of a decoded clip: cut by the monitor's own buffer, or sampled as in the paper."""

from collections.abc import Iterator
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from monitor.records import Window
from monitor.windows.buffer import WindowBuffer
from monitor.windows.clip import ClipSpec
from train.data.cache import DecodedClip

# Longest gap between frames that a window may span; the monitor's default.
MAX_GAP_S = 1.0
Sampling = Literal["time", "uniform"]


def sample_windows(
    decoded: DecodedClip, spec: ClipSpec, sampling: Sampling, stride: int
) -> NDArray[np.uint8]:
    """The windows (n, T, H, W, 3) by which a clip is scored."""
    if sampling == "uniform":
        return uniform_window(decoded, spec)
    return windows(decoded, spec, stride)


def windows(decoded: DecodedClip, spec: ClipSpec, stride: int) -> NDArray[np.uint8]:
    """Every window of a clip, (n, T, H, W, 3), exactly those that the monitor would classify.

    A clip that is shorter than a window, but not than half of one, gives one window, padded with
    its last frame. n is 0 for a shorter clip.
    """
    buffer = WindowBuffer("", spec, stride, MAX_GAP_S)
    found = [window.clip for window in _push_all(buffer, decoded, 0, 1.0)]
    if not found and (held := _pad(buffer, decoded, spec, 1.0)) is not None:
        found.append(held.clip)
    return np.stack(found) if found else np.empty((0, *spec.shape), np.uint8)


def is_padded(decoded: DecodedClip, spec: ClipSpec) -> bool:
    """Whether a clip is shorter than a window, so that `windows` pads or refuses it.

    Only the times are needed; no frame is read.
    """
    blank, timed = _times_only(decoded, spec)
    buffer = WindowBuffer("", timed, 1, MAX_GAP_S)
    return next(_push_all(buffer, blank, 0, 1.0), None) is None


def max_fps(decoded: DecodedClip, spec: ClipSpec) -> float:
    """The highest frame rate of any window of a clip, or of the clip if it is shorter than one.

    Only the times are needed. The monitor classifies no window below `WindowOptions.min_fps`.
    """
    blank, timed = _times_only(decoded, spec)
    buffer = WindowBuffer("", timed, spec.frames, MAX_GAP_S)
    whole = max((window.fps for window in _push_all(buffer, blank, 0, 1.0)), default=0.0)
    return whole or decoded.fps


def window_from(
    decoded: DecodedClip, spec: ClipSpec, start: int, speed: float
) -> NDArray[np.uint8]:
    """The window (T, H, W, 3) that starts at frame `start`, with motion slowed to `speed`.

    At speed 0.6 the frames are 0.6 / fps apart, so that motion looks slower. If the clip ends too
    early, its last frame is repeated.
    """
    buffer = WindowBuffer("", spec, 1, MAX_GAP_S / speed)
    for window in _push_all(buffer, decoded, start, speed):
        return window.clip
    held = _pad(buffer, decoded, spec, speed, spec.frames)
    assert held is not None
    return held.clip


def uniform_window(decoded: DecodedClip, spec: ClipSpec) -> NDArray[np.uint8]:
    """T frames spread over the whole clip, (n, T, H, W, 3); n is 1, or 0 if it has fewer frames.

    The paper's sampling: every (frames // T)th frame from the first. The time between frames then
    depends on the clip's length, which no live camera can reproduce.
    """
    step = len(decoded.frames) // spec.frames
    if step == 0:
        return np.empty((0, *spec.shape), np.uint8)
    return np.asarray(decoded.frames[: step * spec.frames : step])[np.newaxis]


def _times_only(decoded: DecodedClip, spec: ClipSpec) -> tuple[DecodedClip, ClipSpec]:
    """The clip with frames of one pixel, and a ClipSpec for it: enough to see its timing."""
    timed = ClipSpec(spec.frames, 1, spec.fps)
    pixels = np.broadcast_to(np.uint8(0), (len(decoded.times_s), *timed.shape[1:]))
    return DecodedClip(pixels, decoded.times_s), timed


def _push_all(
    buffer: WindowBuffer, decoded: DecodedClip, start: int, speed: float
) -> Iterator[Window]:
    """The windows that the buffer completes from frame `start` on."""
    for time_s, frame in zip(decoded.times_s[start:], decoded.frames[start:], strict=True):
        window = buffer.push(float(time_s) / speed, partial(np.asarray, frame))
        if window is not None:
            yield window


def _pad(
    buffer: WindowBuffer,
    decoded: DecodedClip,
    spec: ClipSpec,
    speed: float,
    slots: int | None = None,
) -> Window | None:
    """The window padded with the last frame for up to `slots` steps; None if that is not enough."""
    last_s = decoded.duration_s / speed
    for slot in range(1, (spec.frames // 2 if slots is None else slots) + 1):
        window = buffer.push(last_s + slot / spec.fps, lambda: decoded.frames[-1])
        if window is not None:
            return window
    return None
