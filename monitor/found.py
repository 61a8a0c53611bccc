"""What is at a path, where a folder may be unreadable, a name too long or a share gone."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from monitor.errors import MonitorError, OpenCause, SourceOpenError

_LONGEST = 200  # characters of a path in a message about it: it may be what is too long
_CAUSES: dict[int | None, OpenCause] = {
    errno.EACCES: "invalid",
    errno.EPERM: "invalid",
    errno.ESTALE: "unreachable",
    errno.EIO: "unreachable",
}


def found(path: Path, fault: Callable[[OSError], MonitorError]) -> os.stat_result | None:
    """What is at a path, None where nothing is; raises `fault` where that cannot be told."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise fault(error) from None
    except ValueError as error:  # no path at all
        raise fault(OSError(errno.EINVAL, str(error))) from None


def said(named: str, error: OSError) -> str:
    """The line about a path that cannot be looked at."""
    return f"{named:.{_LONGEST}}: {(error.strerror or str(error)).lower()}"


def video_file(path: Path, named: str) -> os.stat_result:
    """What is at the path of a video file; SourceOpenError where nothing is, or a device."""
    there = found(
        path,
        lambda error: SourceOpenError(said(named, error), _CAUSES.get(error.errno, "not found")),
    )
    if there is None:
        raise SourceOpenError(f"{named}: no such file", "not found")
    if stat.S_ISCHR(there.st_mode) or stat.S_ISBLK(there.st_mode):
        raise SourceOpenError(f"{named}: a device, and no camera: it is not of V4L2", "invalid")
    return there
