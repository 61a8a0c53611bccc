"""python -m benchmarks.idle: what idle decoding finds of short activities, and what it saves."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.console import Console

from benchmarks.idle.measure import Result, measure_all
from benchmarks.idle.page import INTRODUCTION, page
from export.atomic import replacing
from monitor.cli.command import exit_codes, start_logging

HERE = Path(__file__).parent
RESULT = HERE / "results.json"
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
            found = measure_all(data, quick=quick)
            result.parent.mkdir(parents=True, exist_ok=True)
            with replacing(result) as path:
                path.write_text(json.dumps(asdict(found), indent=1) + "\n")
        text = page(TypeAdapter(Result).validate_json(result.read_text()))
        if result == RESULT:
            PAGE.write_text(INTRODUCTION + text)
        typer.echo(text, nl=False)


if __name__ == "__main__":
    app()
