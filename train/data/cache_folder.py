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
    """In XDG_CACHE_HOME, else in the home, else, with a warning, in the temporary folder.

    MonitorError if all that is left is a temporary folder that others could write to.
    """
    named = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(named):  # the XDG specification: a relative one is to be ignored
        return Path(named) / NAME
    folder = _in_home()
    if folder is None:
        folder = _in_temporary()
        log.warning(
            "decoded clips go to %s: there is no home to write to; --cache names another", folder
        )
    return folder


def _in_home() -> Path | None:
    """The folder in the home, made if it was not there; None if there can be none."""
    try:
        home = Path.home()
        folder = home / ".cache" / NAME
        if not home.is_dir():
            return None
        folder.mkdir(parents=True, exist_ok=True)
    except (RuntimeError, OSError):  # the first: no HOME, and a user whom the system does not know
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def _in_temporary() -> Path:
    """The user's own folder there, which nobody else may have made, or may read."""
    try:
        folder = Path(tempfile.gettempdir()) / f"{NAME}-{os.geteuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        where = error.filename or "temporary folder"
        raise MonitorError(
            f"{where}: no place for decoded clips: {error.strerror}; --cache names another"
        ) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise MonitorError(
            f"{folder}: not a folder of this user alone, as decoded clips need; "
            "--cache names another"
        )
    return folder
