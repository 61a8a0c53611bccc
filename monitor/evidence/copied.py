"""Which files of an event were copied to object storage: noted beside them, in ID.copied.

The note has size and time of change of each file as it was copied, so one that was killed in
between, or has grown since, is copied again under the same name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from monitor.atomic import replacing

ENDING = ".copied"
_COPIED = (".mp4", ".jpg", ".json")
_REMADE = ".h264.mp4"  # made of the clip whenever somebody asks for it

Sign = tuple[int, int]  # bytes, and when it was changed, ns since 1970
Note = Mapping[str, Sign]  # by the name of a file


def is_to_copy(name: str) -> bool:
    """Whether a file of this name belongs into object storage; a hidden one is being written."""
    return name.endswith(_COPIED) and not name.endswith(_REMADE) and not name.startswith(".")


def event_of(name: str) -> str:
    """The id of the event that a file belongs to."""
    return name.lstrip(".").partition(".")[0]


def sign_of(about: os.stat_result) -> Sign:
    """What tells a file from what it was before."""
    return about.st_size, about.st_mtime_ns


def read_note(path: Path) -> dict[str, Sign]:
    """What was copied; nothing if there is no note, or it is none of ours."""
    try:
        found = json.loads(path.read_bytes())
        return {str(name): (int(size), int(at)) for name, (size, at) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write_note(path: Path, note: Note) -> None:
    """MonitorError if it cannot be written."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(note))


def all_copied(paths: Iterable[Path]) -> bool:
    """Whether all of an event's files that belong into object storage are there."""
    found = list(paths)
    note = next((read_note(path) for path in found if path.suffix == ENDING), {})
    try:
        return all(
            note.get(path.name) == sign_of(path.stat()) for path in found if is_to_copy(path.name)
        )
    except OSError:  # it is just being replaced
        return False
