"""python -m benchmarks.web: what the page costs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.options import RUNS, DataFolder
from benchmarks.page import publish
from benchmarks.web.measure import KEPT, measure_all
from benchmarks.web.page import page
from monitor.cli.command import exit_codes, start_logging

HERE = Path(__file__).parent
RESULTS = HERE / "results.jsonl"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: DataFolder = None,
    quick: Annotated[
        bool, typer.Option(help="Try it: few cameras, short runs. Results go to runs/benchmark.")
    ] = False,
) -> None:
    """Measure what the page costs. Without --data only its own page is written anew."""
    console = Console(stderr=True)
    with exit_codes(console):
        start_logging(console, verbose=False)
        results = RUNS / "quick-web" / RESULTS.name if quick else RESULTS
        measured = () if data is None else measure_all(data, RUNS / "web", quick)
        publish(results, KEPT, measured, page)


if __name__ == "__main__":
    app()
