"""The video files of a folder, without hidden files and those that a system keeps."""

import logging
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from os import R_OK, X_OK, access
from os.path import exists, isdir, isfile  # False for a path that cannot be accessed
from pathlib import Path

log = logging.getLogger(__name__)

SUFFIXES = frozenset(
    (
        *(".3gp", ".asf", ".avi", ".dav", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4"),
        *(".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv"),
    )
)

# Folders of deleted files, previews and copies whose names do not begin with a dot.
_OF_SYSTEMS = frozenset(
    (
        *("$recycle.bin", "system volume information", "lost+found"),
        *("#recycle", "#snapshot", "@eadir", "@recycle", "@recently-snapshot", "@tmp"),
        *("__macosx", "network trash folder", "temporary items", "~snapshot"),
    )
)
_HIDDEN = "hidden or a system's own (deleted files, previews, copies)"
_NOWHERE = "links that lead nowhere"
_CLOSED = "folders that cannot be read"
_BESIDE = "videos beside the folders of the labels"
_NAMED = 3  # in a line


class VideoFinder:
    """Finds the video files of a folder, and collects what it skips, to log it once.

    It skips hidden files and folders, and those that systems keep. It follows linked folders.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.endings: set[str] = set()  # of files that are no videos
        self._skipped: dict[str, list[Path]] = defaultdict(list)

    def folders(self) -> list[Path]:
        """The folders in the root that are not skipped, sorted."""
        return [entry for entry in self._top if isdir(entry) and not _leads_back(entry)]

    def here(self) -> list[Path]:
        """The videos in the root itself, sorted."""
        return [entry for entry in self._top if self._is_video(entry)]

    def below(self, folder: Path) -> list[Path]:
        """The videos in a folder and below, sorted; each real folder is read once."""
        read: set[Path] = set()
        found: list[Path] = []
        waiting = [folder]
        for place in waiting:  # links come last, so that a folder is named by its own path
            found += self._walk(place, read, waiting)
        return sorted(found)

    def skip_unlabelled(self, videos: list[Path]) -> None:
        """Record videos that have no label as skipped."""
        if videos:
            self._skipped[_BESIDE] += videos

    def log_skipped(self) -> None:
        """Log what was skipped, one line for each reason."""
        for why, paths in self._skipped.items():
            names = [path.relative_to(self.root).as_posix() for path in sorted(paths)[:_NAMED]]
            rest = ", ..." if len(paths) > _NAMED else ""
            shown = ", ".join(names) + rest
            log.warning("%s: %d skipped, %s: %s", self.root, len(paths), why, shown)

    @cached_property
    def _top(self) -> list[Path]:
        return list(self._entries(self.root))

    def _walk(self, folder: Path, read: set[Path], linked: list[Path]) -> Iterator[Path]:
        if folder.resolve() in read:
            return
        read.add(folder.resolve())
        for entry in self._entries(folder):
            if not isdir(entry):
                if self._is_video(entry):
                    yield entry
            elif entry.is_symlink():
                if not _leads_back(entry):
                    linked.append(entry)
            else:
                yield from self._walk(entry, read, linked)

    def _entries(self, folder: Path) -> Iterator[Path]:
        if not access(folder, R_OK | X_OK):
            self._skipped[_CLOSED].append(folder)
            return
        for entry in sorted(folder.iterdir()):
            if not _is_hidden(entry):
                yield entry
            elif hidden := [path for path in (entry, *entry.rglob("*")) if _is_video_file(path)]:
                self._skipped[_HIDDEN] += hidden

    def _is_video(self, entry: Path) -> bool:
        if entry.is_symlink() and not exists(entry):
            self._skipped[_NOWHERE].append(entry)
        elif isfile(entry) and not _is_video_file(entry):
            self.endings.add(entry.suffix or entry.name)
        return _is_video_file(entry)


def _is_hidden(entry: Path) -> bool:
    return entry.name.startswith(".") or entry.name.casefold() in _OF_SYSTEMS


def _is_video_file(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and isfile(path)


def _leads_back(entry: Path) -> bool:
    """Whether it is a link to one of the folders that contain it."""
    return entry.parent.resolve().is_relative_to(entry.resolve())
