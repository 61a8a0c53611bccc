"""The video files of an archive, and what each is called."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from monitor.errors import ConfigError
from monitor.names import is_name, plain_name
from monitor.paths import describe_os_error, placed

# Of a folder; in a list any name may stand.
ENDINGS = frozenset(
    (
        ".3gp", ".asf", ".avi", ".dav", ".divx", ".flv", ".h264", ".h265", ".hevc", ".ifv", ".m2ts",
        ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv",
        ".ts", ".vob", ".webm", ".wmv",
    )
)  # fmt: skip
_LONGEST = 40  # characters of a name, as `plain_name` makes them
_MARK = 6  # of a hash, in the place of what is cut off a longer one


def find_files(where: Path, on_fault: Callable[[str], object]) -> list[Path]:
    """The absolute paths of video files in a folder and those in it, or in a list; each once.

    In a list a path stands in a line, beginning where the list lies; # begins a comment. What of a
    folder cannot be read is told to `on_fault`, and passed over. ConfigError if it is neither.
    """
    try:
        found = _listed(where) if not where.is_dir() else _within(where, on_fault)
        return sorted(dict.fromkeys(Path(os.path.abspath(path)) for path in found))
    except UnicodeDecodeError:
        raise ConfigError(f"{where}: neither a folder nor a list of paths in UTF-8") from None
    except OSError as error:
        raise ConfigError(describe_os_error(str(where), error)) from None


def _within(folder: Path, on_fault: Callable[[str], object]) -> Iterator[Path]:
    def told(error: OSError) -> None:
        on_fault(describe_os_error(str(error.filename), error))

    for inside, _, names in os.walk(folder, onerror=told, followlinks=False):
        for name in names:
            if Path(name).suffix.lower() in ENDINGS and not name.startswith("."):
                yield Path(inside, name)


def _listed(place: Path) -> Iterator[Path]:
    for line in place.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text and not text.startswith("#"):
            yield Path(placed(text, str(place.parent)))


def camera_names(paths: Iterable[Path], known: Mapping[Path, str], folder: Path) -> dict[Path, str]:
    """What each file is called as a camera: after its path in the folder, no two alike.

    One that is known keeps its name.
    """
    names = {path: known[path] for path in paths if path in known}
    taken = set(known.values())
    for path in paths:
        if path not in names:
            default, number = _name(path, folder), 2
            name = default
            while name in taken:
                name, number = f"{default}-{number}", number + 1
            names[path] = name
            taken.add(name)
    return names


def _name(path: Path, folder: Path) -> str:
    shown = path.relative_to(folder) if path.is_relative_to(folder) else Path(path.name)
    text = " ".join(shown.with_suffix("").parts)
    if len(text) > _LONGEST:  # its end tells more: a date, a number
        mark = hashlib.sha256(str(shown).encode(errors="surrogateescape")).hexdigest()[:_MARK]
        text = f"{text[-(_LONGEST - _MARK - 1) :]} {mark}"
    name = plain_name(text)
    return name if is_name(name) else "film"
