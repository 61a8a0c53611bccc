"""har-events: what happened, from the event store, for people without the page."""

import csv
import inspect
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor.atomic import replacing
from monitor.cli.command import Command, exit_codes, hide_arguments, local_time, start_logging
from monitor.config.options import MonitorOptions
from monitor.config.outputs import DEFAULT_STORE, StoreOptions
from monitor.config.yaml_file import load
from monitor.errors import ConfigError, MonitorError
from monitor.names import printable

if TYPE_CHECKING:
    from monitor.store.event import Event, EventFilter
    from monitor.store.store import EventStore

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)

Camera = Annotated[list[str] | None, typer.Option(help="Of this camera. Once per camera.")]
Label = Annotated[list[str] | None, typer.Option(help="Of this label. Once per label.")]
ReviewOption = Annotated[
    list[str] | None,
    typer.Option(help="unreviewed, confirmed, dismissed or relabelled. Once for each."),
]
OriginOption = Annotated[
    list[str] | None,
    typer.Option(help="alert, shadow or taught. Once for each.", show_default="alert and taught"),
]
_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
Since = Annotated[
    datetime | None, typer.Option(help="That began then or later, in local time.", formats=_TIMES)
]
Until = Annotated[
    datetime | None, typer.Option(help="That began before, in local time.", formats=_TIMES)
]
MinScore = Annotated[float | None, typer.Option(help="With a peak score of at least this.")]
Marked = Annotated[bool | None, typer.Option("--marked/--unmarked", help="Marked or not.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON lines.")]


@dataclass(frozen=True)
class _Place:
    """The store that is meant, and the alert log beside it, if it is known."""

    where: str
    log: Path | None


@app.callback()
def main(
    context: typer.Context,
    store: Annotated[
        str | None,
        typer.Option(
            help="SQLite file, or postgresql://USER:PASSWORD@HOST/DATABASE.",
            show_default=DEFAULT_STORE,
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Configuration of har-monitor, which names the store.")
    ] = None,
) -> None:
    """List, show, export, rebuild and prune the events that har-monitor has recorded."""
    hide_arguments()
    console = Console(stderr=True)
    with exit_codes(console):
        start_logging(console, verbose=False)
        context.obj = _place(store, config)


def _filter(
    camera: Camera = None,
    label: Label = None,
    review: ReviewOption = None,
    origin: OriginOption = None,
    since: Since = None,
    until: Until = None,
    min_score: MinScore = None,
    marked: Marked = None,
) -> "EventFilter":
    from pydantic import ValidationError

    from monitor.config.yaml_file import explain
    from monitor.store.event import EventFilter

    try:
        return EventFilter.model_validate(
            {
                "camera": camera or (),
                "label": label or (),
                "review": review or (),
                **({"origin": origin} if origin else {}),
                "since": local_time("--since", since),
                "until": local_time("--until", until),
                "min_score": min_score,
                "marked": marked,
            }
        )
    except ValidationError as error:
        raise ConfigError(explain(error, EventFilter)) from None


def _filtered(command: Callable[..., None]) -> Callable[..., None]:
    """A command that takes the options of `_filter`, and is given the filter as `wanted`."""
    options = inspect.signature(_filter).parameters
    own = [one for one in inspect.signature(command).parameters.values() if one.name != "wanted"]
    taken = (*own, *options.values())

    @wraps(command)
    def run(**given: Any) -> None:
        with exit_codes(Console(stderr=True)):
            wanted = _filter(**{name: given.pop(name) for name in options})
            command(**given, wanted=wanted)

    # Typer makes the command's options of these.
    run.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in taken}
    return run


@app.command("list", cls=Command)
@_filtered
def list_events(
    context: typer.Context,
    wanted: "EventFilter",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """The newest events."""
    with _opened(context) as store:
        found, after = store.page(wanted, limit=limit)
        if as_json:
            for event in found:
                typer.echo(event.model_dump_json())
            return
        Console().print(_table(found))
        left = store.count(wanted) - len(found) if after else 0
        if left:
            typer.echo(f"{left} older ones are not shown: --limit")


@app.command(cls=Command)
def show(
    context: typer.Context,
    event_id: Annotated[str, typer.Argument(metavar="ID", help="Of an event, or its first signs.")],
    as_json: AsJson = False,
) -> None:
    """All that is known of one event."""
    with _opened(context) as store:
        event = store.find(event_id)
        if as_json:
            typer.echo(event.model_dump_json())
            return
        for name, value in json.loads(event.model_dump_json(exclude={"trace"})).items():
            typer.echo(f"{name:13} {printable(str('-' if value is None else value))}")
        for at_s, score in event.trace:
            typer.echo(f"{at_s:+9.1f} s  {score:.2f}  {'#' * math.floor(40 * score)}")


@app.command(cls=Command)
@_filtered
def export(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="File to write: .csv or .jsonl.")],
    wanted: "EventFilter",
) -> None:
    """Write events to a file, the newest first."""
    with _opened(context) as store:
        if out.suffix not in (".csv", ".jsonl"):
            raise ConfigError(f"{out}: unknown kind of file; allowed: .csv, .jsonl")
        with replacing(out) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            number = 0
            for number, event in enumerate(store.all(wanted), 1):
                if out.suffix == ".jsonl":
                    file.write(event.model_dump_json() + "\n")
                    continue
                row = json.loads(event.model_dump_json())
                writer = csv.DictWriter(file, row)
                if number == 1:
                    writer.writeheader()
                writer.writerow({name: _harmless(value) for name, value in row.items()})
        typer.echo(f"{number} events written to {out}")


@app.command(cls=Command)
def rebuild(
    context: typer.Context,
    log: Annotated[
        Path | None,
        typer.Argument(help="Alert log.", show_default="that of --config, or alerts.jsonl"),
    ] = None,
) -> None:
    """Take all that an alert log and the reviews beside it say into the store."""
    from monitor.store.journal import journal_path
    from monitor.store.rebuild import rebuild as rebuild_store

    path = log or context.obj.log or Path("alerts.jsonl")
    with exit_codes(Console(stderr=True)):
        if not path.is_file() and not journal_path(path).is_file():
            raise ConfigError(f"{path}: no such file")
    with _opened(context, make=True) as store:
        alerts, reviews = rebuild_store(store, path)
        typer.echo(f"{alerts} alerts and {reviews} reviews read; {store.count()} events")


@app.command(cls=Command)
def prune(
    context: typer.Context,
    days: Annotated[float, typer.Option(min=0, help="Older than so many days.")],
) -> None:
    """Delete old events from the store, except marked ones; the alert log stays as it is."""
    with _opened(context) as store:
        count = store.prune(datetime.now(UTC) - timedelta(days=days))
        typer.echo(f"{count} events deleted; {store.count()} left")


@contextmanager
def _opened(context: typer.Context, *, make: bool = False) -> "Iterator[EventStore]":
    """The store that is meant; errors inside are told in a line. With `make`, it may be new."""
    with exit_codes(Console(stderr=True)):
        from monitor.store.store import EventStore, UnknownEvent

        place: _Place = context.obj
        if not make and "://" not in place.where and not Path(place.where).exists():
            raise ConfigError(f"event store {place.where}: no such file; give --store or --config")
        store = EventStore(place.where)
        try:
            yield store
        except UnknownEvent as error:
            raise MonitorError(f"no event {error.args[0]}") from None
        finally:
            store.close()


def _place(store: str | None, config: Path | None) -> _Place:
    options = None if config is None else load(config, MonitorOptions)
    log = next((log.path for log in options.logs), None) if options else None
    if store is not None:
        return _Place(StoreOptions(url=store).url, log)
    if options is None:
        return _Place(DEFAULT_STORE, log)
    if options.store is None:
        raise ConfigError(f"{config}: no sink of the type store")
    return _Place(options.store.url, log)


def _table(events: "Sequence[Event]") -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("began", "event", "lasted", "score", "review", "id"):
        table.add_column(heading, justify="right" if heading in ("lasted", "score") else "left")
    for event in events:
        review = event.review_label or event.review
        origin = "" if event.origin == "alert" else event.origin
        mark = "marked" if event.marked else ""
        cells = (
            event.at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            event.title,
            "goes on" if event.open else _seconds(event.duration_s),
            "taught" if event.taught else f"{event.peak_score:.2f}",
            ", ".join(part for part in (review, origin, mark) if part),
            event.id[:8],
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def _seconds(duration_s: float | None) -> str:
    return "?" if duration_s is None else f"{duration_s:.1f} s"


def _harmless(value: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    text = value if isinstance(value, str) else None
    return f"'{text}" if text and text[0] in "=+-@\t\r" else value
