"""Options that har-train and har-evaluate share; light, so that --help is quick."""

from pathlib import Path
from typing import Annotated

import typer

from train.data.cache_folder import WHERE

_LAYOUTS = (
    "Folder of clips: with clips.csv or videos.csv, a folder per label, or named as UCF50 is."
)
DataFolders = Annotated[
    list[Path] | None,
    typer.Option(help=f"{_LAYOUTS} Once per folder.", show_default="those of the recipe"),
]
OptionalDataFolder = Annotated[Path | None, typer.Option(help=_LAYOUTS)]
EvidenceFolder = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the evidence of these events.", show_default="evidence beside the store"
    ),
]
CacheFolder = Annotated[
    Path | None,
    typer.Option(help="Folder for decoded clips.", show_default=WHERE),
]
