"""What is known of each camera, and the table that shows it."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markup import escape
from rich.table import Table

State = Literal["connecting", "live", "retrying", "ended", "failed", "stopped"]
_COLOURS: dict[State, str] = {
    "connecting": "yellow",
    "live": "green",
    "retrying": "red",
    "ended": "dim",
    "failed": "red",
    "stopped": "dim",
}


@dataclass
class CameraStatus:
    """One camera as it is now; each field is written by one thread and read by any."""

    name: str
    source: str  # without credentials
    state: State = "connecting"
    cause: str = ""  # why it is not live
    fps: float | None = None  # real frame rate of the source
    frames: int = 0
    windows: int = 0  # classified
    reconnects: int = 0
    dropped: Counter[str] = field(default_factory=Counter)  # windows not classified, by cause
    label: str = ""  # highest smoothed score, and its label
    score: float | None = None
    latency_ms: float | None = None  # from the newest frame of a window to its prediction
    activity: str = ""  # label of the last activity
    activity_open: bool = False
    activity_at: float = 0.0  # monotonic seconds, when it last started or ended
    alerts: int = 0

    @property
    def summary(self) -> str:
        """What became of it, in a line."""
        counted = ((self.frames, "frame"), (self.windows, "window"), (self.alerts, "alert"))
        counts = ", ".join(f"{count} {what}{'s' * (count != 1)}" for count, what in counted)
        dropped = ", ".join(f"{count} dropped: {cause}" for cause, count in self.dropped.items())
        return f"camera {self.name}: {self.state}: {counts}" + (f"; {dropped}" if dropped else "")

    def measure_fps(self, step_s: float) -> None:
        """Take the time between two frames into the frame rate."""
        if step_s > 0:
            rate = 1 / step_s
            self.fps = rate if self.fps is None else 1 / (0.95 / self.fps + 0.05 * step_s)


class StatusTable:
    """A row per camera, drawn anew each time it is rendered."""

    def __init__(self, cameras: Sequence[CameraStatus]) -> None:
        self.cameras = cameras

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render the table as it is now."""
        table = Table(box=None, pad_edge=False, header_style="dim", expand=False)
        for heading, justify in (
            ("camera", "left"),
            ("state", "left"),
            ("fps", "right"),
            ("dropped", "right"),
            ("now", "left"),
            ("score", "right"),
            ("latency", "right"),
            ("alerts", "right"),
            ("last activity", "left"),
        ):
            table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        for camera in self.cameras:
            table.add_row(*_row(camera))
        yield table


def _row(camera: CameraStatus) -> tuple[str, ...]:
    state = f"[{_COLOURS[camera.state]}]●[/] {camera.state}"
    if camera.cause and camera.state in ("retrying", "failed"):
        state += f" [dim]{escape(camera.cause)}[/]"
    return (
        escape(camera.name),
        state,
        "–" if camera.fps is None else f"{camera.fps:.1f}",
        str(sum(camera.dropped.values())),
        escape(camera.label) or "–",
        "–" if camera.score is None else f"{camera.score:.2f}",
        "–" if camera.latency_ms is None else f"{camera.latency_ms:.0f} ms",
        str(camera.alerts),
        _activity(camera),
    )


def _activity(camera: CameraStatus) -> str:
    if not camera.activity:
        return "–"
    if camera.activity_open:
        return f"[bold red]● {escape(camera.activity)}[/]"
    ago_s = time.monotonic() - camera.activity_at
    return f"{escape(camera.activity)} [dim]{ago_s:.0f} s ago[/]"
