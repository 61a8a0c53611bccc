"""Files that are either written whole or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.errors import MonitorError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new path beside `path` to write to; it takes the place of `path` when the block succeeds.

    When the block fails, nothing it wrote is left and an older `path` is untouched. A file system
    that refuses is a MonitorError.
    """
    if not path.parent.is_dir():
        raise MonitorError(f"cannot write {path}: there is no folder {path.parent}")
    if path.is_dir():
        raise MonitorError(f"cannot write {path}: it is a folder")
    temporary = path.with_name(f".{path.stem}-{uuid.uuid4().hex}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise MonitorError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
