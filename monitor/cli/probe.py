"""har-monitor probe: what one camera sends, and what of it will hurt."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor.cli.command import Command, exit_codes, hide_arguments, start_logging
from monitor.cli.interrupt import interruptible
from monitor.names import printable
from monitor.sources.address import parse_address, split_name

if TYPE_CHECKING:
    from monitor.setup.advice import Advice

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(cls=Command)
def main(
    source: Annotated[
        str,
        typer.Argument(help="Webcam, file or stream, as for --source.", show_default=False),
    ],
    seconds: Annotated[
        float | None,
        typer.Option(min=1, max=3600, help="How long it is watched.", show_default="15"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Watch one camera for some seconds: what it sends, and what will hurt."""
    hide_arguments()
    console = Console(stderr=True)
    with exit_codes(console), interruptible(console.show_cursor):
        start_logging(console, verbose=False)
        address = parse_address(split_name(source)[1])
        from monitor.recognition.models import Models
        from monitor.setup.advice import advice, facts
        from monitor.setup.probe import WATCH_S, probe

        metadata = Models().get(None).metadata
        watch_s = seconds or WATCH_S
        with console.status(Text(f"watching {printable(str(address))} for {watch_s:g} s")):
            found = probe(address, metadata, watch_s)
        hurts = advice(found, metadata)
        if as_json:
            values = {"source": str(address), "fps": found.fps, **asdict(found)}
            values["advice"] = [one._asdict() for one in hurts]
            typer.echo(json.dumps(values))
            return
        out = Console(highlight=False)
        out.print(Text(printable(str(address)), style="bold"))
        out.print()
        out.print(grid(facts(found, metadata)))
        out.print()
        if hurts:
            out.print(warnings(hurts))
        else:
            out.print(Text("✓ nothing here will hurt", style="green"))


def grid(rows: Iterable[tuple[str, str]]) -> Table:
    """Names, and their texts beside them."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, text in rows:
        table.add_row(f"  {name}", Text(printable(text)))
    return table


def warnings(hurts: Iterable[Advice]) -> Table:
    """What hurts, and beneath each what to do."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column()
    for found, remedy in hurts:
        table.add_row(Text("!", style="bold yellow"), Text(printable(found)))
        table.add_row("", Text(f"→ {remedy}", style="cyan"))
    return table
