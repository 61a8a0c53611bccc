"""make benchmark: from footage to the tables in benchmarks/performance/README.md."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.options import RUNS, DataFolder
from benchmarks.performance.measure import Places
from benchmarks.performance.plan import read_plan
from benchmarks.performance.run import measure_all
from monitor.cli.command import exit_codes, start_logging
from monitor.cli.interrupt import EXIT_INTERRUPTED

HERE = Path(__file__).parent
PLAN, RESULTS = HERE / "plan.yaml", HERE / "results.jsonl"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: DataFolder = None,
    only: Annotated[
        str, typer.Option(help="Measure only jobs with this in their name.", show_default="all")
    ] = "",
    quick: Annotated[
        bool, typer.Option(help="Try it: a few seconds each. Results go to runs/benchmark.")
    ] = False,
) -> None:
    """Measure what has no result of this machine and this code, then write the page.

    A command that was stopped goes on when it is given again.
    """
    console = Console(stderr=True)
    with exit_codes(console):
        start_logging(console, verbose=False)
        declared = read_plan(PLAN)
        results = RUNS / "quick" / RESULTS.name if quick else RESULTS
        if data is not None:
            places = Places(data, results, RUNS / "streams", RUNS / "models", RUNS / "work")
            try:
                measure_all(declared, places, console, only=only, quick=quick)
            except KeyboardInterrupt:
                console.print("stopped; the same command goes on")
                raise typer.Exit(EXIT_INTERRUPTED) from None
        from benchmarks.performance.page import write_page

        text = write_page(declared, results, results.parent)
        typer.echo(text, nl=False)


if __name__ == "__main__":
    app()
