"""Where decoded clips are kept if the user names no folder."""

import logging
import os
import stat
import tempfile
from pathlib import Path

from monitor.errors import MonitorError

log = logging.getLogger(__name__)

NAME = "har-monitor"
WHERE = f"{NAME} in XDG_CACHE_HOME, ~/.cache or the temporary folder"


def default_cache() -> Path:
    """XDG_CACHE_HOME, else a folder in the home, else, with a warning, one in the temporary folder.

    MonitorError if the temporary folder is the last choice and others could write to it.
    """
    named = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(named):  # the XDG specification ignores a relative path
        return Path(named) / NAME
    folder = _in_home()
    if folder is None:
        folder = _in_temporary()
        log.warning(
            "decoded clips go to %s: the home cannot be written to; --cache names another folder",
            folder,
        )
    return folder


def _in_home() -> Path | None:
    """The folder in the home, created if needed; None if that is not possible."""
    try:
        home = Path.home()
        folder = home / ".cache" / NAME
        if not home.is_dir():
            return None
        folder.mkdir(parents=True, exist_ok=True)
    except (
        RuntimeError,
        OSError,
    ):  # RuntimeError: no HOME, and a user whom the system does not know
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def _in_temporary() -> Path:
    """A folder that belongs to the user and that only the user can read."""
    try:
        folder = Path(tempfile.gettempdir()) / f"{NAME}-{os.geteuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        where = error.filename or "temporary folder"
        raise MonitorError(
            f"{where}: cannot hold decoded clips: {error.strerror}; --cache names another folder"
        ) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise MonitorError(
            f"{folder}: not a folder of this user alone, as decoded clips need; "
            "--cache names another folder"
        )
    return folder
