"""Options that har-train and har-evaluate share."""

from pathlib import Path
from typing import Annotated

import typer

from train.data.cache_folder import WHERE

DataFolder = Annotated[
    Path,
    typer.Option(help="Folder of clips: with clips.csv, a folder per label, or named as UCF50 is."),
]
CacheFolder = Annotated[
    Path | None,
    typer.Option(help="Folder for decoded clips.", show_default=WHERE),
]
