"""Decoded clips on disk, so that a video is decoded once and not in every epoch."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.atomic import replacing
from monitor.clip import prepare
from monitor.errors import MonitorError
from monitor.source.file import FileSource

# Part of every key: to be raised when `prepare` or what is stored changes.
FORMAT = 1


@dataclass(frozen=True)
class Decoded:
    """Every frame of a clip as the model sees it, and when it is shown."""

    stored: Path | NDArray[np.uint8]  # (n, H, W, 3) RGB, as an .npy file or in memory
    times_s: NDArray[np.float64]  # (n,) seconds since the first frame

    @property
    def frames(self) -> NDArray[np.uint8]:
        """(n, H, W, 3) RGB; mapped anew each time, for thousands of open maps are not allowed."""
        if isinstance(self.stored, Path):
            mapped: NDArray[np.uint8] = np.load(self.stored, mmap_mode="r")
            return mapped
        return self.stored

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame to the last."""
        return float(self.times_s[-1])


class ClipCache:
    """Clips decoded by the monitor's own reader and `prepare`, kept in a folder.

    The key is the file's content, so a renamed or copied clip is found and a changed one is decoded
    anew. Files are renamed into place: several processes may share the folder, and a kill leaves
    no half-written clip.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.size = size  # height and width of the frames, pixels
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MonitorError(f"{folder}: no place for decoded clips: {error.strerror}") from None

    def decode(self, path: Path, sha256: str | None = None) -> Decoded:
        """The clip at `path`, decoded now or before; SourceError where it cannot be read.

        `sha256` is the content's, where it is known already.
        """
        key = f"{sha256 or file_sha256(path)}-{self.size}-v{FORMAT}"
        frames, times = self.folder / f"{key}.npy", self.folder / f"{key}.times.npy"
        try:
            decoded = Decoded(frames, np.load(times))
            if len(decoded.frames) == len(decoded.times_s):
                return decoded
        except (FileNotFoundError, ValueError, EOFError):
            pass  # not decoded yet, or cut short by a full disk or a careless hand
        self._write(path, frames, times)
        return Decoded(frames, np.load(times))

    def _write(self, path: Path, frames: Path, times: Path) -> None:
        pictures: list[NDArray[np.uint8]] = []
        times_s: list[float] = []
        source = FileSource(path)
        source.open()
        try:
            while (picture := source.read()) is not None:
                pictures.append(prepare(picture.frame, self.size))
                times_s.append(picture.time_s)
        finally:
            source.close()
        _save(times, np.array(times_s, np.float64))
        _save(frames, np.stack(pictures))


def default_cache() -> Path:
    """Where decoded clips are kept unless the user says otherwise."""
    return Path.home() / ".cache" / "har-monitor"


def file_sha256(path: Path) -> str:
    """sha256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _save(path: Path, array: NDArray[np.generic]) -> None:
    with replacing(path) as temporary:
        np.save(temporary, array)
