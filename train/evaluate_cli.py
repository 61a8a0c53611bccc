"""har-evaluate: test a trained or exported model on a folder of clips."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from export.extra import training_tools
from monitor.command import exit_codes, start_logging
from train.options import CacheFolder, DataFolder

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    model: Annotated[
        Path, typer.Argument(help="A .keras or .onnx file.", metavar="MODEL", show_default=False)
    ],
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="Folder for the metrics and the report.")],
    fold: Annotated[
        int | None, typer.Option(help="Test on this fold only.", show_default="all clips")
    ] = None,
    cache: CacheFolder = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Log more.")] = False,
) -> None:
    """Test a model on labelled clips and report how good it is, as har-train does."""
    console = Console(stderr=True)
    with exit_codes(console):
        start_logging(console, verbose=verbose)
        with training_tools():
            if model.suffix == ".keras":
                from train.backend import start_tensorflow

                start_tensorflow()
            from train.cache import default_cache
            from train.evaluate import evaluate

            evaluate(model, data, out, fold, cache or default_cache(), console)
