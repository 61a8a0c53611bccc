"""python -m benchmarks.scan: how fast har-scan is, against decoding alone."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.options import RUNS, DataFolder
from benchmarks.page import publish
from benchmarks.scan.measure import KEPT, measure_all
from benchmarks.scan.page import page
from monitor.cli.command import exit_codes, start_logging

HERE = Path(__file__).parent
RESULTS = HERE / "results.jsonl"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: DataFolder = None,
    quick: Annotated[
        bool, typer.Option(help="Try it: one process, and Ray. Results go to runs/benchmark.")
    ] = False,
) -> None:
    """Measure how fast har-scan is. Without --data only the page is written anew."""
    console = Console(stderr=True)
    with exit_codes(console):
        start_logging(console, verbose=False)
        results = RUNS / "quick-scan" / RESULTS.name if quick else RESULTS
        measured = () if data is None else measure_all(data, quick=quick)
        publish(results, KEPT, measured, page)


if __name__ == "__main__":
    app()
