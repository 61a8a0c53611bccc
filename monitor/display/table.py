"""Tables with a row a camera: of a monitor as it runs, and of what its health file says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from monitor.health.health_file import CameraHealth, Health
from monitor.health.status import CameraSnapshot
from monitor.names import printable
from monitor.states import NOTHING_MOVES, CameraState, SkipReason

_STRETCHED = 1.15  # shown from here on: a window now and then is no matter
_WITH_CAUSE = (CameraState.CONNECTING, CameraState.RETRYING, CameraState.FAILED)
COLOURS: dict[CameraState, str] = {
    CameraState.CONNECTING: "yellow",
    CameraState.LIVE: "green",
    CameraState.IDLE: "green",
    CameraState.WAITING: "yellow",
    CameraState.STALLED: "red",
    CameraState.RETRYING: "red",
    CameraState.ENDED: "dim",
    CameraState.FAILED: "red",
    CameraState.STOPPED: "dim",
}


class StatusTable:
    """A row per camera, drawn anew each time it is rendered."""

    def __init__(self, cameras: Callable[[], Sequence[CameraSnapshot]]) -> None:
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
    cell: Callable[[CameraSnapshot], str]
    justify: Literal["left", "right"] = "left"
    from_width: int = 0  # of the terminal, in characters


def _state(camera: CameraSnapshot) -> str:
    text = f"[{COLOURS[camera.state]}]●[/] {camera.state}"
    if camera.cause and camera.state in _WITH_CAUSE:
        text += f" [dim]{escape(camera.cause)}[/]"
    if camera.stretch > _STRETCHED and camera.state == CameraState.LIVE:
        text += f" [yellow]stride ×{camera.stretch:.1f}[/]"
    if camera.fault and camera.state == CameraState.LIVE:
        colour = "dim" if camera.fault in NOTHING_MOVES else "red" if camera.blind_s else "yellow"
        text += f" [{colour}]{camera.fault}[/]"
    return text


def _score(camera: CameraSnapshot) -> str:
    region, shown = camera.foremost
    if shown.unknown and camera.state == CameraState.LIVE:
        return escape(f"{region} {SkipReason.UNKNOWN}".lstrip())
    if not shown.scores or camera.state != CameraState.LIVE:
        return "–"
    label = max(shown.scores, key=shown.scores.__getitem__)
    return escape(f"{region} {label} {shown.scores[label]:.2f}".lstrip())


def _fps(camera: CameraSnapshot) -> str:
    return "–" if camera.fps is None or not camera.watched else f"{camera.fps:.1f}"


def _latency(camera: CameraSnapshot) -> str:
    if camera.latency_ms is None or camera.state != CameraState.LIVE:
        return "–"
    return f"{camera.latency_ms:.0f} ms"


def _activity(camera: CameraSnapshot) -> str:
    region, shown = camera.foremost
    if shown.open:
        title = f"{region}: {shown.open[0]}" if region else shown.open[0]
        return f"[bold red]● {escape(title)}[/]"
    if not camera.activity:
        return "–"
    return f"{escape(camera.activity)} [dim]{camera.activity_ago_s:.0f} s ago[/]"


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


def show_health(health: Health, console: Console) -> None:
    """A row for each camera, and the summary."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading, justify in _HEALTH_COLUMNS:
        table.add_column(heading, justify=justify, no_wrap=True)
    for camera in health.cameras:
        table.add_row(*_health_row(camera))
    console.print(table)
    console.print(f"{'ok' if health.ok else 'not ok'}: {health.summary}", highlight=False)


_HEALTH_COLUMNS: tuple[tuple[str, Literal["left", "right"]], ...] = (
    ("camera", "left"),
    ("state", "left"),
    ("fps", "right"),
    ("reconnects", "right"),
    ("windows", "right"),
    ("dropped", "right"),
    ("alerts", "right"),
)


def _health_row(camera: CameraHealth) -> tuple[RenderableType, ...]:
    state = Text("● ", style=COLOURS[camera.state]).append(camera.state, "default")
    if why := camera.cause or camera.fault:
        state.append(f" {printable(why)}", "dim")
    return (
        Text(printable(camera.name)),
        state,
        "–" if camera.fps is None else f"{camera.fps:.1f}",
        str(camera.reconnects),
        str(camera.windows),
        str(camera.missed),
        str(camera.alerts),
    )
