"""What the commands of the benchmarks share."""

from pathlib import Path
from typing import Annotated

import typer

RUNS = Path(__file__).parents[1] / "runs" / "benchmark"  # what takes long to make is kept there
DataFolder = Annotated[
    Path | None,
    typer.Option(help="Folder of the data sets.", show_default="none: nothing is measured"),
]
