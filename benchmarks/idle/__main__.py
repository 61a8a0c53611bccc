"""python -m benchmarks.idle: what idle decoding finds of short activities, and what it saves."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.idle.measure import KEPT, measure_all
from benchmarks.idle.page import INTRODUCTION, page
from benchmarks.results import read, write
from monitor.cli.command import exit_codes, start_logging

HERE = Path(__file__).parent
RESULT = HERE / "results.jsonl"
PAGE = HERE / "README.md"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="Folder of the data sets.")] = Path("../shared/data"),
    result: Annotated[Path, typer.Option(help="Where the figures go.")] = RESULT,
    quick: Annotated[bool, typer.Option(help="Few activities and no CPU time, to try it.")] = False,
    measure: Annotated[bool, typer.Option(help="Or only write the page anew.")] = True,
) -> None:
    """Measure the share of short activities that is caught, and the CPU time that is saved."""
    console = Console(stderr=True)
    with exit_codes(console):
        start_logging(console, verbose=False)
        if measure:
            write(result, list(measure_all(data, quick=quick)))
        text = page(read(result, KEPT).values())
        if result == RESULT:
            PAGE.write_text(INTRODUCTION + text)
        typer.echo(text, nl=False)


if __name__ == "__main__":
    app()
