"""Frames with their captions, in windows on the screen and in video files, on the main thread."""

import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monitor.display.hub import Channel, Update
from monitor.display.overlay import Caption, draw
from monitor.display.region_overlay import RegionCaption
from monitor.display.screen import Screen
from monitor.display.video import VideoWriter
from monitor.errors import SinkError
from monitor.mailbox import Mailbox
from monitor.paths import video_path
from monitor.records import Frame

log = logging.getLogger(__name__)

# A file's frame waits no longer for its window, counted in frames after it: windows that are far
# apart, or that never come, must not fill the memory.
LONGEST_WAIT_S = 5.0
QUEUE_LIMIT = 8  # frames and updates of one file that wait to be drawn
KEYS_S = 0.05  # seconds between two looks at the keyboard while no frame comes


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


class _Shown:
    """One camera in the view."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.newest = nothing = Update(channel.camera, None, {}, ())  # of any region
        names = [region.name for region in channel.regions] or [""]
        self.told = {name: _Told(nothing) for name in names}  # by region
        self.pending: deque[Frame] = deque()


class View:
    """Draws captions on frames and shows or writes them: a subscriber of the hub.

    A live frame is shown at once with the newest updates. A file's frames wait until the windows
    that cover them, one of each region, were classified, so that a saved video shows every label at
    its own time.
    """

    def __init__(
        self, cameras: Sequence[str], *, screen: Screen | None, save_video: Path | None
    ) -> None:
        self._screen = screen
        self._save_video = save_video
        self._several = len(cameras) > 1
        self._items: Mailbox[tuple[Channel, Frame | Update | None]] = Mailbox(QUEUE_LIMIT)
        self._failures: list[SinkError] = []  # of videos
        self._stopped: Callable[[], bool] = lambda: False
        self._cameras: dict[str, _Shown] = {}
        self._writers: dict[str, VideoWriter | None] = {}  # by camera; None: its video ended
        for name in cameras:  # now, so that a path that cannot be is found before the watching
            self._open_video(name)

    def wants(self, camera: str) -> bool:
        """It shows every camera."""
        return True

    def wakes(self, camera: str) -> bool:
        """It shows every frame."""
        return True

    def take(self, channel: Channel, item: Frame | Update) -> bool:
        """Leave a frame or an update for the thread that draws.

        Those of a live camera replace their own kind, and hold up neither camera nor worker. A
        file's video holds every frame, in order: its capture waits for room; the worker does not,
        for it must not hold up other cameras.
        """
        if channel.live:
            kind = "frame" if isinstance(item, Frame) else f"update {item.region}"
            dropped = self._items.put_latest(f"{channel.camera} {kind}", (channel, item))
            return dropped is not None and isinstance(dropped[1], Frame)
        if isinstance(item, Frame):
            self._items.put(channel.camera, (channel, item))
        else:
            self._items.put_nowait(channel.camera, (channel, item))
        return False

    def forget(self, channel: Channel) -> None:
        """Close the window of a camera that is no longer watched; its video may go on later."""
        self._items.put_nowait(channel.camera, (channel, None))

    def close(self) -> None:
        """Nothing comes any more."""
        self._items.close()

    def run(self, stop: Callable[[], None], stopped: Callable[[], bool] = lambda: False) -> None:
        """Draw what comes until `close`; `q` in a window asks to stop.

        Frames that still wait are shown, unless somebody `stopped` it and waits for the end. A
        video that cannot be written stops nothing: its SinkError is raised at the end.
        """
        self._stopped = stopped
        with ExitStack() as closing:
            closing.callback(self._finish_videos)
            if self._screen is not None:
                closing.callback(self._screen.close)
            while not self._items.closed:
                item = self._items.get(KEYS_S if self._screen else None)
                if item is not None:
                    self._draw(*item)
                if self._screen is not None and self._screen.quit_asked():
                    stop()
            for shown in self._cameras.values():
                self._show_pending(shown, math.inf)
        if self._failures:
            raise SinkError(f"{self._failures[0]}; the video is incomplete")

    def _draw(self, channel: Channel, item: Frame | Update | None) -> None:
        shown = self._cameras.get(channel.camera)
        if item is None:
            if shown is not None and shown.channel is channel:
                del self._cameras[channel.camera]
                if self._screen is not None:
                    self._screen.hide(channel.camera)
            return
        if shown is None or shown.channel is not channel:  # it came, or was set up anew
            shown = self._cameras[channel.camera] = _Shown(channel)
        if isinstance(item, Frame):
            shown.pending.append(item)
            latest_s = math.inf if channel.live else item.time_s - LONGEST_WAIT_S
            self._show_pending(shown, latest_s)
            return
        shown.newest = item
        told = shown.told[item.region]
        if channel.live:
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
            writer = self._writer(frame.camera)
            if writer is None and self._screen is None:  # its video failed
                continue
            picture = draw(frame.image, self._caption(frame, shown))
            if writer is not None:
                self._write(frame.camera, writer, picture, time_s)
            if self._screen is not None:
                self._screen.show(frame.camera, picture)

    def _writer(self, camera: str) -> VideoWriter | None:
        """The writer of a camera's video; None if there is none, or it failed."""
        if camera not in self._writers:  # it came with a reload
            try:
                self._open_video(camera)
            except SinkError as error:
                self._writers[camera] = None
                self._record_failure(camera, error)
        return self._writers[camera]

    def _open_video(self, camera: str) -> None:
        path = self._save_video
        if path is not None:
            path = video_path(path, camera, 2 if self._several or self._writers else 1)
        self._writers[camera] = None if path is None else VideoWriter(path)

    def _write(
        self, camera: str, writer: VideoWriter, picture: NDArray[np.uint8], time_s: float
    ) -> None:
        try:
            writer.write(picture, time_s)
        except SinkError as error:
            self._record_failure(camera, error)
            self._finish_video(camera)

    def _finish_videos(self) -> None:
        for camera in self._writers:
            self._finish_video(camera)

    def _finish_video(self, camera: str) -> None:
        writer, self._writers[camera] = self._writers[camera], None
        if writer is None:
            return
        try:
            writer.close()
        except SinkError as error:
            self._record_failure(camera, error)

    def _record_failure(self, camera: str, error: SinkError) -> None:
        self._failures.append(error)
        log.warning("camera %s: %s; its video is cut short, nothing else is", camera, error)

    def _caption(self, frame: Frame, shown: _Shown) -> Caption:
        now = {name: told.now for name, told in shown.told.items()}
        whole = now.get("", shown.newest)
        opened = [activity for update in now.values() for activity in update.open]
        return Caption(
            camera=frame.camera,
            time_s=frame.time_s,
            fps=whole.fps,
            latency_ms=whole.latency_ms if shown.channel.live else None,
            scores={} if shown.channel.regions else whole.scores,
            thresholds=shown.channel.thresholds,
            open=tuple(sorted(opened, key=lambda activity: activity.start_s)),
            boxes=tuple(update.box for update in now.values() if update.open and update.box),
            skipped="" if shown.channel.regions else whole.skipped,
            regions=tuple(
                RegionCaption(
                    area, now[area.name].scores, bool(now[area.name].open), now[area.name].skipped
                )
                for area in shown.channel.regions
            ),
        )
