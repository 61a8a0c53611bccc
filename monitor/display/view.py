"""Frames with their captions, in windows on the screen and in video files, on the main thread."""

import logging
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from monitor.display.outlines import RegionCaption
from monitor.display.overlay import Caption, draw
from monitor.display.screen import Screen
from monitor.display.video import VideoWriter
from monitor.errors import SinkError
from monitor.mailbox import Mailbox
from monitor.paths import video_path
from monitor.records import Activity, Frame
from monitor.windows.region import Region

log = logging.getLogger(__name__)

# A file's frame waits no longer for its window, counted in frames after it: windows that are far
# apart, or that never come, must not fill the memory.
LONGEST_WAIT_S = 5.0
KEYS_S = 0.05  # seconds between two looks at the keyboard while no frame comes


@dataclass(frozen=True)
class Update:
    """What the worker found in a window, for the caption."""

    camera: str
    end_s: float | None  # time of the window's last frame; None: the stream ended
    scores: dict[str, float]  # smoothed
    open: tuple[Activity, ...]
    fps: float | None = None  # of the camera
    latency_ms: float | None = None
    region: str = ""
    skipped: str = ""  # why the window was not classified


@dataclass
class _Told:
    """What the worker told of one region."""

    now: Update  # drawn on the next frame
    coming: deque[Update] = field(default_factory=deque)  # of windows that end after that

    def covers(self, time_s: float) -> bool:
        """Whether a window that reaches beyond this time is known."""
        return bool(self.coming) and _end_s(self.coming[-1]) > time_s

    def go_on(self, time_s: float) -> None:
        """Let what is drawn be what was known at this time."""
        while self.coming and _end_s(self.coming[0]) <= time_s:
            self.now = self.coming.popleft()


def _end_s(update: Update) -> float:
    return math.inf if update.end_s is None else update.end_s


@dataclass
class _Shown:
    """One camera in the view."""

    name: str
    areas: Sequence[Region]  # none: the whole picture is watched
    told: dict[str, _Told]  # by region
    newest: Update  # of any region
    pending: deque[Frame] = field(default_factory=deque)
    writer: VideoWriter | None = None


class View:
    """Draws captions on frames and shows or writes them.

    A live frame is shown at once with the newest updates. A file's frames wait until the windows
    that cover them, one of each region, were classified, so that a saved video shows every label at
    its own time.
    """

    def __init__(
        self,
        cameras: Mapping[str, bool],  # name -> whether it is live
        thresholds: Mapping[str, float],
        *,
        screen: Screen | None,
        save_video: Path | None,
        regions: Mapping[str, Sequence[Region]] = MappingProxyType({}),  # by camera
    ) -> None:
        self._live = cameras
        self._thresholds = dict(thresholds)
        self._screen = screen
        self._failures: list[SinkError] = []  # of videos
        self._stopped: Callable[[], bool] = lambda: False
        self._cameras = {name: _shown(name, regions.get(name, ())) for name in cameras}
        if save_video is not None:
            for name, shown in self._cameras.items():
                shown.writer = VideoWriter(video_path(save_video, name, len(cameras)))

    def run(
        self,
        items: Mailbox[Frame | Update],
        stop: Callable[[], None],
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Take frames and updates until the mailbox is closed; `q` in a window asks to stop.

        Frames that still wait are shown, unless somebody `stopped` it and waits for the end. A
        video that cannot be written stops nothing: its SinkError is raised at the end.
        """
        self._stopped = stopped
        with ExitStack() as closing:
            for shown in self._cameras.values():
                closing.callback(self._finish_video, shown)
            if self._screen is not None:
                closing.callback(self._screen.close)
            while not items.closed:
                item = items.get(KEYS_S if self._screen else None)
                if item is not None:
                    self._take(item)
                if self._screen is not None and self._screen.quit_asked():
                    stop()
            for shown in self._cameras.values():
                self._show_pending(shown, math.inf)
        if self._failures:
            raise SinkError(f"{self._failures[0]}; the video is incomplete")

    def _take(self, item: Frame | Update) -> None:
        shown = self._cameras[item.camera]
        live = self._live[item.camera]
        if isinstance(item, Frame):
            shown.pending.append(item)
            self._show_pending(shown, math.inf if live else item.time_s - LONGEST_WAIT_S)
            return
        shown.newest = item
        told = shown.told[item.region]
        if live:
            told.now = item
        else:
            told.coming.append(item)
            self._show_pending(shown, -math.inf)

    def _show_pending(self, shown: _Shown, before_s: float) -> None:
        """Show the frames that came before a time, and those that windows of all regions cover."""
        while shown.pending and not self._stopped():
            time_s = shown.pending[0].time_s
            if time_s >= before_s and not all(told.covers(time_s) for told in shown.told.values()):
                return
            frame = shown.pending.popleft()
            for told in shown.told.values():
                told.go_on(time_s)
            if shown.writer is None and self._screen is None:  # its video failed
                continue
            picture = draw(frame.image, self._caption(frame, shown))
            self._write(shown, picture, time_s)
            if self._screen is not None:
                self._screen.show(frame.camera, picture)

    def _write(self, shown: _Shown, picture: NDArray[np.uint8], time_s: float) -> None:
        if shown.writer is None:
            return
        try:
            shown.writer.write(picture, time_s)
        except SinkError as error:
            self._note(shown, error)
            self._finish_video(shown)

    def _finish_video(self, shown: _Shown) -> None:
        writer, shown.writer = shown.writer, None
        if writer is None:
            return
        try:
            writer.close()
        except SinkError as error:
            self._note(shown, error)

    def _note(self, shown: _Shown, error: SinkError) -> None:
        self._failures.append(error)
        log.warning("camera %s: %s; its video is cut short, nothing else is", shown.name, error)

    def _caption(self, frame: Frame, shown: _Shown) -> Caption:
        now = {name: told.now for name, told in shown.told.items()}
        whole = now.get("", shown.newest)
        opened = [activity for update in now.values() for activity in update.open]
        return Caption(
            camera=frame.camera,
            time_s=frame.time_s,
            fps=whole.fps,
            latency_ms=whole.latency_ms if self._live[frame.camera] else None,
            scores={} if shown.areas else whole.scores,
            thresholds=self._thresholds,
            open=tuple(sorted(opened, key=lambda activity: activity.start_s)),
            skipped="" if shown.areas else whole.skipped,
            regions=tuple(
                RegionCaption(
                    area, now[area.name].scores, bool(now[area.name].open), now[area.name].skipped
                )
                for area in shown.areas
            ),
        )


def _shown(camera: str, areas: Sequence[Region]) -> _Shown:
    nothing = Update(camera, None, {}, ())
    names = [area.name for area in areas] or [""]
    return _Shown(camera, areas, {name: _Told(nothing) for name in names}, nothing)
