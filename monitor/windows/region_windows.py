"""The windows of one region of a camera: cropped, sampled and filtered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.records import Skipped, Window
from monitor.states import SkipReason
from monitor.windows.buffer import GridPlace, WindowBuffer
from monitor.windows.clip import scale_frame
from monitor.windows.crop import Cropper
from monitor.windows.filter import WindowFilter
from monitor.windows.region import Region

if TYPE_CHECKING:
    from av import VideoFrame


class RegionWindows:
    """Makes the windows of a region, or of the whole picture where `region` is None."""

    def __init__(
        self, buffer: WindowBuffer, region: Region | None, window_filter: WindowFilter
    ) -> None:
        self.buffer = buffer
        self._cropper = None if region is None else Cropper(region)
        self._window_filter = window_filter
        self._last_s = 0.0  # of the frame before

    def resume(self, place: GridPlace) -> None:
        """Go on where the windows of the same region were that others made of earlier frames."""
        self.buffer.resume(place)
        self._last_s = place.last_s

    def skip(self, time_s: float, arrived_s: float, reason: SkipReason) -> Skipped | None:
        """Take the time of a frame that was not decoded; return the window that it completes."""
        self._last_s = time_s
        return self.buffer.skip(time_s, arrived_s, reason)

    def push(self, time_s: float, picture: VideoFrame, arrived_s: float) -> Window | Skipped | None:
        """Take the camera's next picture; return the window it completes, or what is skipped."""
        buffer, cropper = self.buffer, self._cropper
        fault: SkipReason | None = None
        pause_s = time_s - self._last_s
        if buffer.started and pause_s > buffer.max_gap_s:
            fault = self._window_filter.note_gap(buffer.region, pause_s, time_s)
        self._last_s = time_s
        window = buffer.push(
            time_s,
            lambda: scale_frame(
                picture if cropper is None else cropper.crop(picture), buffer.spec.size
            ),
            arrived_s,
        )
        if window is not None:
            fault = self._window_filter.skip_reason(window)
        if fault is not None:
            return Skipped(buffer.camera, buffer.region, time_s, arrived_s, reason=fault)
        return window
