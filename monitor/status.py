"""What is known of each camera, and the table that shows it."""

import time
from collections import Counter
from collections.abc import Callable, ItemsView, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markup import escape
from rich.table import Table

from monitor.records import UNKNOWN

State = Literal["connecting", "live", "idle", "waiting", "retrying", "ended", "failed", "stopped"]
Shown = State | Literal["stalled"]
# Seconds without a frame after which a camera that is watched is said to be stalled; a slow one has
# the time of three frames. That it is lost is for its source to say, at the read limit.
STALLED_S = 2.0
# A camera whose frames are decoded for so many windows' spans, and of which nothing is classified
# though something should be, is not watched, whatever the reason.
BLIND_SPANS = 5
NO_WINDOWS = "no windows"  # the fault of a camera whose frames never fill a window
_STRETCHED = 1.15  # shown from here on: a window now and then is no matter
WATCHED: tuple[State, ...] = ("live", "idle", "waiting")
NOTHING_MOVES = ("still", "quiet")
COLOURS: dict[Shown, str] = {
    "connecting": "yellow",
    "live": "green",
    "idle": "green",
    "waiting": "yellow",
    "stalled": "red",
    "retrying": "red",
    "ended": "dim",
    "failed": "red",
    "stopped": "dim",
}


@dataclass(frozen=True)
class RegionStatus:
    """A region of a camera's picture, or the whole of it, at its newest window."""

    scores: Mapping[str, float] = field(default_factory=dict)  # smoothed; empty: not classified
    highest: float = 0.0  # score of the labels that alert
    open: tuple[str, ...] = ()  # labels of the activities that are open
    unknown: bool = False  # it was too unlike the training clips to be named


@dataclass
class CameraStatus:
    """One camera as it is now.

    Each field, and each cause in `dropped`, is written by one thread and read by any.
    """

    name: str
    source: str  # without credentials
    state: State = "connecting"  # as its capture knows, which may wait for a frame: see `shown`
    cause: str = ""  # why it is not live
    fault: str = ""  # why none of its windows is classified
    fps: float | None = None  # real frame rate of the source
    frames: int = 0
    windows: int = 0  # classified
    reconnects: int = 0
    stretch: float = 1.0  # what the stride is multiplied by, where the cores are too few
    dropped: Counter[str] = field(default_factory=Counter)  # windows not classified, by cause
    unshown: int = 0  # frames that came too fast for the view
    regions: dict[str, RegionStatus] = field(default_factory=dict)  # by name; "": the whole picture
    latency_ms: float | None = None  # from the newest frame of a window to its prediction
    activity: str = ""  # the last activity that started or ended: its region and label
    activity_at: float = 0.0  # monotonic seconds, when that was
    alerts: int = 0
    seen_s: float | None = None  # the clock when the newest frame came
    span_s: float = 2.0  # of the model's windows
    good_s: float | None = None  # the clock when nothing kept it from being classified
    clock: Callable[[], float] = time.monotonic

    @property
    def shown(self) -> Shown:
        """Its state as it looks from outside: stalled where frames are overdue."""
        if self.state not in WATCHED or self.seen_s is None:
            return self.state
        limit_s = max(STALLED_S, 3 / self.fps if self.fps else 0.0)
        return "stalled" if self.clock() - self.seen_s > limit_s else self.state

    @property
    def blind_s(self) -> float:
        """For how long nothing of it has been classified that should be; 0 if that is not long."""
        if self.shown != "live" or self.good_s is None:
            return 0.0
        passed_s = self.clock() - self.good_s
        return passed_s if passed_s > BLIND_SPANS * self.span_s else 0.0

    @property
    def _dropped(self) -> ItemsView[str, int]:
        """A copy, made at once: a thread may meanwhile count a cause for the first time."""
        return dict(self.dropped).items()

    @property
    def missed(self) -> int:
        """Windows that were not classified though something may have happened in them."""
        return sum(count for cause, count in self._dropped if cause not in NOTHING_MOVES)

    @property
    def foremost(self) -> tuple[str, RegionStatus]:
        """The region that tells most: one with an open activity, else the highest score."""
        return max(self.regions.items(), key=lambda item: (bool(item[1].open), item[1].highest))

    @property
    def summary(self) -> str:
        """What became of it, in a line."""
        counted = ((self.frames, "frame"), (self.windows, "window"), (self.alerts, "alert"))
        counts = ", ".join(_count(number, what) for number, what in counted)
        dropped = ", ".join(
            f"{count} {cause}" if cause in NOTHING_MOVES else f"{count} dropped: {cause}"
            for cause, count in self._dropped
        )
        unshown = (
            f"{_count(self.unshown, 'frame')} came too fast to be drawn" if self.unshown else ""
        )
        return f"camera {self.name}: {self.state}: " + "; ".join(
            part for part in (counts, dropped, unshown) if part
        )

    def measure_stride(self, too_soon: bool) -> None:
        """Take note of a window that is due, and whether the one before was still waiting for it.

        The newest replaces it: under load, windows are further apart, and none is late.
        """
        if too_soon:
            self.dropped["busy"] += 1
        # Of some twenty windows; as many in a row without a miss, and the stride is its own again.
        missed = 0.9 * (1 - 1 / self.stretch) + 0.1 * too_soon
        self.stretch = 1 / (1 - missed) if missed > 0.05 or too_soon else 1.0

    def measure_fps(self, step_s: float) -> None:
        """Take the time between two frames into the frame rate."""
        if step_s > 0:
            rate = 1 / step_s
            self.fps = rate if self.fps is None else 1 / (0.95 / self.fps + 0.05 * step_s)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


class StatusTable:
    """A row per camera, drawn anew each time it is rendered."""

    def __init__(self, cameras: Callable[[], Sequence[CameraStatus]]) -> None:
        self._cameras = cameras

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render the table as it is now; a narrow terminal gets its most telling columns."""
        columns = [column for column in _COLUMNS if options.max_width >= column.from_width]
        table = Table(box=None, pad_edge=False, header_style="dim", expand=False)
        for column in columns:
            table.add_column(column.heading, justify=column.justify, no_wrap=True)
        for camera in self._cameras():
            table.add_row(*(column.cell(camera) for column in columns))
        yield table


@dataclass(frozen=True)
class _Column:
    heading: str
    cell: Callable[[CameraStatus], str]
    justify: Literal["left", "right"] = "left"
    from_width: int = 0  # of the terminal, in characters


def _state(camera: CameraStatus) -> str:
    shown = camera.shown
    text = f"[{COLOURS[shown]}]●[/] {shown}"
    if camera.cause and shown in ("connecting", "retrying", "failed"):
        text += f" [dim]{escape(camera.cause)}[/]"
    if camera.stretch > _STRETCHED and shown == "live":
        text += f" [yellow]stride ×{camera.stretch:.1f}[/]"
    if camera.fault and shown == "live":
        colour = "dim" if camera.fault in NOTHING_MOVES else "red" if camera.blind_s else "yellow"
        text += f" [{colour}]{camera.fault}[/]"
    return text


def _score(camera: CameraStatus) -> str:
    region, shown = camera.foremost
    if shown.unknown and camera.shown == "live":
        return escape(f"{region} {UNKNOWN}".lstrip())
    if not shown.scores or camera.shown != "live":
        return "–"
    label = max(shown.scores, key=shown.scores.__getitem__)
    return escape(f"{region} {label} {shown.scores[label]:.2f}".lstrip())


def _fps(camera: CameraStatus) -> str:
    return "–" if camera.fps is None or camera.shown not in WATCHED else f"{camera.fps:.1f}"


def _latency(camera: CameraStatus) -> str:
    if camera.latency_ms is None or camera.shown != "live":
        return "–"
    return f"{camera.latency_ms:.0f} ms"


def _activity(camera: CameraStatus) -> str:
    region, shown = camera.foremost
    if shown.open:
        title = f"{region}: {shown.open[0]}" if region else shown.open[0]
        return f"[bold red]● {escape(title)}[/]"
    if not camera.activity:
        return "–"
    ago_s = camera.clock() - camera.activity_at
    return f"{escape(camera.activity)} [dim]{ago_s:.0f} s ago[/]"


_COLUMNS = (
    _Column("camera", lambda camera: escape(camera.name)),
    _Column("state", _state),
    _Column("fps", _fps, "right"),
    _Column("dropped", lambda camera: str(camera.missed), "right", 70),
    _Column("score", _score),
    _Column("latency", _latency, "right", 90),
    _Column("alerts", lambda camera: str(camera.alerts), "right", 90),
    _Column("last activity", _activity),
)
