"""python -m benchmarks.idle: how many short activities idle decoding finds, and what it saves."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import benchmarks.results
from benchmarks.idle.measure import KEPT, measure_all
from benchmarks.idle.page import page
from benchmarks.options import RUNS, DataFolder
from benchmarks.page import publish
from monitor.cli.command import exit_codes, start_logging

HERE = Path(__file__).parent
RESULTS = HERE / "results.jsonl"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: DataFolder = None,
    quick: Annotated[
        bool,
        typer.Option(help="Try it: few activities, no CPU time. Results go to runs/benchmark."),
    ] = False,
) -> None:
    """Measure how many short activities idle decoding finds and how much CPU time it saves.

    Without --data only the page is written anew.
    """
    console = Console(stderr=True)
    with exit_codes(console):
        start_logging(console, verbose=False)
        results = RUNS / "quick-idle" / RESULTS.name if quick else RESULTS
        if data is not None:
            benchmarks.results.write(results, list(measure_all(data, quick=quick)))
        publish(results, KEPT, (), page)


if __name__ == "__main__":
    app()
