"""make benchmark-recognition: from the data sets to the tables in README.md."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from export.atomic import replacing
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
    """Fit what has no evidence yet, then write the tables from the evidence and print them.

    A command that was stopped goes on when it is given again.
    """
    console = Console(stderr=True)
    with exit_codes(console), training_tools():
        start_logging(console, verbose=False)
        from benchmarks.recognition.fits import do_fits
        from benchmarks.recognition.live import watch_live
        from benchmarks.recognition.page import page
        from benchmarks.recognition.places import Places
        from benchmarks.recognition.series import read_rows
        from train.data.cache_folder import default_cache

        declared = read_rows(ROWS)
        if data is not None:
            places = Places(data, RESULTS, RUNS, default_cache())
            try:
                do_fits(declared.series, places, console)
                watch_live(declared, places, console)
            except KeyboardInterrupt:
                console.print("stopped; the same command goes on from the last whole epoch")
                raise typer.Exit(EXIT_INTERRUPTED) from None
        text = page(declared, RESULTS)
        with replacing(TABLE) as temporary:
            temporary.write_text(text, encoding="utf-8")
        typer.echo(text, nl=False)


if __name__ == "__main__":
    app()
