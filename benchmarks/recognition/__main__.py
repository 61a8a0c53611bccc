"""make benchmark-recognition: from the data sets to the tables in README.md."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.page import write
from export.backend import training_tools
from monitor.cli.command import exit_codes, start_logging
from monitor.cli.interrupt import EXIT_INTERRUPTED

HERE = Path(__file__).parent
ROWS, RESULTS, TABLE = HERE / "plan.yaml", HERE / "results", HERE / "README.md"
RUNS = HERE.parents[1] / "runs" / "benchmark"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the data sets.", show_default="none: nothing is fitted"),
    ] = None,
) -> None:
    """Fit what has no result yet, then write the page from the results and print it.

    A command that was stopped goes on when it is given again.
    """
    console = Console(stderr=True)
    with exit_codes(console), training_tools():
        start_logging(console, verbose=False)
        from benchmarks.recognition.fits import Places, do_fits
        from benchmarks.recognition.page import page
        from benchmarks.recognition.series import read_rows
        from benchmarks.recognition.tuned import watch_tuned
        from benchmarks.recognition.watching import watch_live
        from train.data.cache_folder import default_cache

        declared = read_rows(ROWS)
        if data is not None:
            places = Places(data, RESULTS, RUNS, default_cache())
            try:
                do_fits(declared.series, places, console)
                watch_live(declared, places, console)
                watch_tuned(declared.series, places, console)
            except KeyboardInterrupt:
                console.print("stopped; the same command goes on from the last whole epoch")
                raise typer.Exit(EXIT_INTERRUPTED) from None
        text = page(declared, RESULTS)
        write(TABLE, text)
        typer.echo(text, nl=False)


if __name__ == "__main__":
    app()
