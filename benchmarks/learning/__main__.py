"""python -m benchmarks.learning: false alarms of a camera before and after they were dismissed."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import benchmarks.results
from benchmarks.learning.measure import KEPT, measure
from benchmarks.learning.page import page
from benchmarks.options import RUNS, DataFolder
from benchmarks.page import write
from monitor.cli.command import exit_codes, start_logging

HERE = Path(__file__).parent
RESULTS = HERE / "results.jsonl"
WORK = RUNS / "learning"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: DataFolder = None,
    seed: Annotated[list[int] | None, typer.Option(help="Once per seed.", show_default="1")] = None,
) -> None:
    """Measure what a model gains if its false alarms are dismissed and trained on.

    Without --data only the page is written anew.
    """
    console = Console(stderr=True)
    with exit_codes(console):
        start_logging(console, verbose=False)
        if data is not None:
            for one in seed or [1]:
                benchmarks.results.keep(RESULTS, KEPT, measure(data, WORK, one))
        text = page(list(benchmarks.results.read(RESULTS, KEPT).values()))
        write(RESULTS.with_name("README.md"), text)
        typer.echo(text, nl=False)


if __name__ == "__main__":
    app()
