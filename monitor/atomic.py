"""Files that are written whole or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.errors import MonitorError


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, unless it exists; MonitorError if that is refused."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MonitorError(f"{path}: cannot be made: {error.strerror}") from None


def write_private(path: Path, text: str) -> None:
    """Put text into a file at once, for its owner only; MonitorError if that fails."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with (
        replacing(path) as temporary,
        open(os.open(temporary, flags, 0o600), "w", encoding="utf-8") as file,
    ):
        file.write(text)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; it replaces `path` if the block succeeds.

    If the block fails, the temporary file is removed and an older `path` is untouched. MonitorError
    if the file system refuses.
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
