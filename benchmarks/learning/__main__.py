"""python -m benchmarks.learning: false alarms of a camera before and after they were dismissed."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.learning.measure import KEPT, measure
from benchmarks.learning.page import page
from benchmarks.options import RUNS, DataFolder
from benchmarks.page import publish
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
        measured = () if data is None else map(partial(measure, data, WORK), seed or [1])
        publish(RESULTS, KEPT, measured, page)


if __name__ == "__main__":
    app()
