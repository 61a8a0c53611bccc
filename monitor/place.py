"""Where a path that somebody wrote leads: ~ is the home, and a file's own paths start beside it."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

from monitor.errors import ConfigError

STDOUT = Path("-")


def placed(text: str, folder: str = "") -> str:
    """The path written as `text` in a file of `folder`, or by default where the command runs.

    ConfigError where there is no home that ~ could stand for. As in a shell, ~name is a file's name
    if no user is called so.
    """
    expanded = os.path.expanduser(text)
    if expanded == text and (text == "~" or text.startswith("~/")):
        raise ConfigError(f"{text}: there is no home that ~ could stand for; write the whole path")
    return os.path.join(folder, expanded)


def _placed(path: Path, info: ValidationInfo) -> Path:
    try:
        return path if path == STDOUT else Path(placed(str(path), info.context or ""))
    except ConfigError as error:
        raise ValueError(str(error)) from None


# A path among the options of a file; the context of its validation is the file's folder.
Place = Annotated[Path, AfterValidator(_placed)]
