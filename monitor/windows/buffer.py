"""The rolling ring buffer of sampled frames and the windows cut from it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.records import Skipped, Window
from monitor.states import SkipReason
from monitor.windows.clip import ClipSpec

# A frame may come this share of a slot early and still count for the slot: with none, a camera that
# runs at the model's own rate would lose every frame that jitter brings a millisecond early.
EARLY = 0.25
# And up to this many slots late, where its slot's turn passed without one: a camera at the model's
# own rate whose first frame came late has all others early, and jitter about the border between two
# slots would cost it every fourth frame.
LATE = 1.25


@dataclass(frozen=True)
class GridPlace:
    """How far a buffer has come in its sampling; another one can go on from there."""

    origin_s: float  # time of slot 0
    last_s: float  # time of the newest frame
    slot: int  # that was filled last
    count: int  # of the frames that were sampled


class WindowBuffer:
    """Samples a camera's frames at the model's rate and cuts windows with a sliding stride.

    A frame belongs to slot floor((t - origin) * fps + EARLY), or to the one before where that is
    empty and the frame at most LATE slots late; the first frame of a slot is taken. Time decides,
    never the count of camera frames. A window holds `spec.frames` sampled frames, and a new one is
    due every `stride` of them. No window spans a gap longer than `max_gap_s` or a step back in
    time: the buffer starts afresh, with a new origin. So it does after frames that were passed over
    because the cores are too few: what is decoded next is to be a window as soon as it can.
    """

    def __init__(
        self, camera: str, spec: ClipSpec, stride: int, max_gap_s: float = 1.0, region: str = ""
    ) -> None:
        if stride < 1:
            raise ValueError(f"stride {stride}: at least 1")
        self.camera = camera
        self.spec = spec
        self.stride = stride
        self.max_gap_s = max_gap_s
        self.region = region
        self._frames = np.empty(spec.shape, np.uint8)
        self._times = np.empty(spec.frames, np.float64)
        self._is_decoded = np.zeros(spec.frames, np.bool_)
        self.reset()

    def reset(self) -> None:
        """Forget every frame; the next one is the origin."""
        self._count = 0
        self._origin_s = 0.0
        self._last_s = -math.inf
        self._slot = -1
        self._overloaded = False  # so that the newest frame was passed over

    def resume(self, place: GridPlace) -> None:
        """Go on where another buffer was; no window holds frames that only that one has seen."""
        self._origin_s, self._last_s = place.origin_s, place.last_s
        self._slot, self._count = place.slot, place.count
        self._is_decoded[:] = False
        self._times[:] = -math.inf

    @property
    def place(self) -> GridPlace:
        """How far it has come."""
        return GridPlace(self._origin_s, self._last_s, self._slot, self._count)

    @property
    def start_s(self) -> float:
        """Time of the oldest frame that it holds: of the first in the window that it just made."""
        return float(self._times[self._count % len(self._times) if self._full else 0])

    @property
    def _full(self) -> bool:
        return self._count >= len(self._times)

    @property
    def started(self) -> bool:
        """Whether it holds any frame."""
        return self._count > 0

    def push(
        self, time_s: float, pixels: Callable[[], NDArray[np.uint8]], arrived_s: float = 0.0
    ) -> Window | None:
        """Take a frame at `time_s`; return the window it completes, if it completes one.

        `pixels` gives the frame as (H, W, 3) uint8 RGB and is called for sampled frames only. A
        window that holds frames passed over is none.
        """
        if self._overloaded:
            self.reset()
        due = self._sample(time_s, pixels)
        return self._window(arrived_s) if due and self._is_decoded.all() else None

    def skip(
        self, time_s: float, arrived_s: float = 0.0, reason: SkipReason = SkipReason.IDLE
    ) -> Skipped | None:
        """Take the moment of a frame that was not decoded; return the window it would complete."""
        due = self._sample(time_s, None)
        self._overloaded = reason is SkipReason.OVERLOAD
        return Skipped(self.camera, self.region, time_s, arrived_s, reason) if due else None

    def _sample(self, time_s: float, pixels: Callable[[], NDArray[np.uint8]] | None) -> bool:
        """Take a frame, if it is its slot's first; whether a window is due with it."""
        if not self._last_s <= time_s <= self._last_s + self.max_gap_s:
            self.reset()
            self._origin_s = time_s
        self._last_s = time_s
        position = (time_s - self._origin_s) * self.spec.fps
        slot = math.floor(position + EARLY)
        if slot <= self._slot:
            return False
        if slot == self._slot + 2 and position < self._slot + 1 + LATE:
            slot -= 1
        self._slot = slot
        place = self._count % self.spec.frames
        self._is_decoded[place] = pixels is not None
        if pixels is not None:
            self._frames[place] = pixels()
        self._times[place] = time_s
        self._count += 1
        ready = self._count - self.spec.frames
        return ready >= 0 and not ready % self.stride

    def _window(self, arrived_s: float) -> Window:
        last = (self._count - 1) % self.spec.frames
        first = self._count % self.spec.frames
        start_s, end_s = float(self._times[first]), float(self._times[last])
        times = np.concatenate((self._times[first:], self._times[:first]))
        steps = self.spec.frames - 1
        return Window(
            camera=self.camera,
            start_s=start_s,
            end_s=end_s,
            clip=np.concatenate((self._frames[first:], self._frames[:first])),
            fps=steps / (end_s - start_s),
            usual_fps=1 / float(np.median(np.diff(times))),
            missing=max(0, round((end_s - start_s) * self.spec.fps) - steps),
            arrived_s=arrived_s,
            region=self.region,
        )
