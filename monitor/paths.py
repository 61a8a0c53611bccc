"""Paths that somebody wrote: where they lead, and what is there."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

from monitor.errors import ConfigError, MonitorError, SourceOpenError
from monitor.states import OpenFailure

STDOUT = Path("-")
_LONGEST = 200  # characters of a path in a message about it: it may be what is too long
_CAUSES: dict[int | None, OpenFailure] = {
    errno.EACCES: OpenFailure.INVALID,
    errno.EPERM: OpenFailure.INVALID,
    errno.ESTALE: OpenFailure.UNREACHABLE,
    errno.EIO: OpenFailure.UNREACHABLE,
}


def placed(text: str, folder: str = "") -> str:
    """The path written as `text` in a file of `folder`, or by default where the command runs.

    ConfigError if there is no home that ~ could stand for. As in a shell, ~name is a file's name
    if no user is called so.
    """
    expanded = os.path.expanduser(text)
    if expanded == text and (text == "~" or text.startswith("~/")):
        raise ConfigError(f"{text}: there is no home that ~ could stand for; write the whole path")
    return os.path.join(folder, expanded)


def video_path(path: Path, camera: str, cameras: int) -> Path:
    """Where a camera's video goes: PATH, or PATH with the camera's name where there are several."""
    return path if cameras == 1 else path.with_name(f"{path.stem}-{camera}{path.suffix}")


def _placed(path: Path, info: ValidationInfo) -> Path:
    try:
        return path if path == STDOUT else Path(placed(str(path), info.context or ""))
    except ConfigError as error:
        raise ValueError(str(error)) from None


# A path among the options of a file; the context of its validation is the file's folder.
Place = Annotated[Path, AfterValidator(_placed)]


def stat_or_none(path: Path, fault: Callable[[OSError], MonitorError]) -> os.stat_result | None:
    """What is at a path, None if nothing is; raises `fault` where that cannot be told."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise fault(error) from None
    except ValueError as error:  # no path at all
        raise fault(OSError(errno.EINVAL, str(error))) from None


def describe_os_error(named: str, error: OSError) -> str:
    """The line about a path that cannot be looked at, read or written."""
    return f"{named:.{_LONGEST}}: {(error.strerror or str(error)).lower()}"


def video_file(path: Path, named: str) -> os.stat_result:
    """What is at the path of a video file; SourceOpenError if nothing is, or a device."""
    there = stat_or_none(
        path,
        lambda error: SourceOpenError(
            describe_os_error(named, error), _CAUSES.get(error.errno, OpenFailure.NOT_FOUND)
        ),
    )
    if there is None:
        raise SourceOpenError(f"{named}: no such file", OpenFailure.NOT_FOUND)
    if stat.S_ISCHR(there.st_mode) or stat.S_ISBLK(there.st_mode):
        raise SourceOpenError(
            f"{named}: a device, and no camera: it is not of V4L2", OpenFailure.INVALID
        )
    return there
