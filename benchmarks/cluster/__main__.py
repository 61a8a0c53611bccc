"""python -m benchmarks.cluster: what becomes of a large site when machines fail."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.cluster.measure import KEPT, measure_all
from benchmarks.cluster.page import page
from benchmarks.options import RUNS
from benchmarks.page import publish
from monitor.cli.command import exit_codes, start_logging

HERE = Path(__file__).parent
RESULTS = HERE / "results.jsonl"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Let machines fail; else only the page is written.")
    ] = False,
    quick: Annotated[
        bool, typer.Option(help="Try it: a small site. Results go to runs/benchmark.")
    ] = False,
) -> None:
    """Simulate a site on many machines, with the real controller and the real leases."""
    console = Console(stderr=True)
    with exit_codes(console):
        start_logging(console, verbose=False)
        results = RUNS / "quick-cluster" / RESULTS.name if quick else RESULTS
        publish(results, KEPT, measure_all(quick) if simulate else (), page)


if __name__ == "__main__":
    app()
