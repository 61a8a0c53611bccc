"""Frames with their captions, in windows on the screen and in video files, on the main thread."""

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from monitor.mailbox import Mailbox
from monitor.overlay import Caption, draw
from monitor.paths import video_path
from monitor.records import Activity, Frame
from monitor.screen import Screen
from monitor.video import VideoWriter

# A file's frame waits no longer for its window, counted in frames after it: windows that are far
# apart, or that are not classified, must not fill the memory.
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


@dataclass
class _Shown:
    """One camera in the view."""

    update: Update
    pending: deque[Frame] = field(default_factory=deque)
    writer: VideoWriter | None = None


class View:
    """Draws captions on frames and shows or writes them.

    A live frame is shown at once with the newest update. A file's frames wait until the window that
    covers them was classified, so that a saved video shows every label at its own time.
    """

    def __init__(
        self,
        cameras: Mapping[str, bool],  # name -> whether it is live
        thresholds: Mapping[str, float],
        *,
        screen: Screen | None,
        save_video: Path | None,
    ) -> None:
        self._live = cameras
        self._thresholds = dict(thresholds)
        self._screen = screen
        self._stopped: Callable[[], bool] = lambda: False
        self._cameras = {name: _Shown(Update(name, None, {}, ())) for name in cameras}
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

        Frames that still wait are shown, unless somebody `stopped` it and waits for the end.
        """
        self._stopped = stopped
        with ExitStack() as closing:
            for shown in self._cameras.values():
                if shown.writer is not None:
                    closing.enter_context(shown.writer)
            if self._screen is not None:
                closing.callback(self._screen.close)
            while not items.closed:
                item = items.get(KEYS_S if self._screen else None)
                if item is not None:
                    self._take(item)
                if self._screen is not None and self._screen.quit_asked():
                    stop()
            for shown in self._cameras.values():
                self._show_pending(shown, None)

    def _take(self, item: Frame | Update) -> None:
        shown = self._cameras[item.camera]
        if isinstance(item, Update):
            self._show_pending(shown, item.end_s)
            shown.update = item
            return
        shown.pending.append(item)
        self._show_pending(shown, None if self._live[item.camera] else item.time_s - LONGEST_WAIT_S)

    def _show_pending(self, shown: _Shown, before_s: float | None) -> None:
        """Show the frames that came before a time; None: all."""
        while shown.pending and (before_s is None or shown.pending[0].time_s < before_s):
            if self._stopped():
                return
            frame = shown.pending.popleft()
            picture = draw(frame.image, self._caption(frame, shown.update))
            if shown.writer is not None:
                shown.writer.write(picture, frame.time_s)
            if self._screen is not None:
                self._screen.show(frame.camera, picture)

    def _caption(self, frame: Frame, update: Update) -> Caption:
        return Caption(
            camera=frame.camera,
            time_s=frame.time_s,
            fps=update.fps,
            latency_ms=update.latency_ms if self._live[frame.camera] else None,
            scores=update.scores,
            thresholds=self._thresholds,
            open=update.open,
        )
