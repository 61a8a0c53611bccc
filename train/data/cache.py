"""Decoded videos on disk, so that each is decoded once and not in every epoch."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from export.atomic import replacing
from monitor.errors import MonitorError
from monitor.sources.file import read_frames
from monitor.windows.clip import prepare

# Part of every key: to be raised when `prepare` or what is stored changes.
FORMAT = 2


@dataclass(frozen=True)
class Stored:
    """Frames in an .npy file whose header has been read.

    NumPy parses it as Python, for which CPython 3.11 counts the nesting of all threads in one
    place: two threads that parse at once, TensorFlow's functions too, may get a SystemError.
    """

    path: Path
    offset: int  # of the first frame, in bytes
    shape: tuple[int, ...]  # (m, H, W, 3)

    @classmethod
    def of(cls, path: Path) -> "Stored":
        """The frames of a file; ValueError or EOFError if it was cut short."""
        mapped: np.memmap[Any, np.dtype[np.uint8]] = np.load(path, mmap_mode="r")
        return cls(path, mapped.offset, mapped.shape)

    def mapped(self) -> NDArray[np.uint8]:
        """Its frames, not read before they are used."""
        return np.memmap(self.path, np.uint8, "r", self.offset, self.shape)


@dataclass(frozen=True)
class DecodedClip:
    """Every frame of a clip as the model sees it, and when it is shown."""

    stored: Stored | NDArray[np.uint8]  # (m, H, W, 3) RGB, in a file or in memory; m >= n
    times_s: NDArray[np.float64]  # (n,) seconds since the first frame
    first: int = 0  # of the frames stored

    @property
    def frames(self) -> NDArray[np.uint8]:
        """(n, H, W, 3) RGB; mapped anew each time, for thousands of open maps are not allowed."""
        stored = self.stored
        if isinstance(stored, Stored):
            stored = stored.mapped()
        return stored[self.first : self.first + len(self.times_s)]

    def part(self, start: int, stop: int) -> "DecodedClip":
        """The frames from `start` to before `stop` as a clip of its own; nothing is copied."""
        times_s = self.times_s[start:stop]
        return DecodedClip(self.stored, times_s - times_s[0], self.first + start)

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame to the last."""
        return float(self.times_s[-1])

    @property
    def fps(self) -> float:
        """Frames a second, on average; infinite if it has no duration."""
        return (len(self.times_s) - 1) / self.duration_s if self.duration_s > 0 else math.inf


class ClipCache:
    """Clips decoded by the monitor's own reader and `prepare`, kept in a folder.

    The key is the file's content, so a renamed or copied clip is found and a changed one is decoded
    anew. Files are renamed into place: several processes may share the folder, and a kill leaves
    no half-written clip.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.size = size  # height and width of the frames, pixels
        self._parsing = Lock()  # of headers: see Stored
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MonitorError(
                f"{folder}: no place for decoded clips: {error.strerror}; --cache names another"
            ) from None

    def decode(self, path: Path, sha256: str | None = None) -> DecodedClip:
        """The clip at `path`, decoded now or before; SourceError if it cannot be read.

        `sha256` is the content's, where it is known already.
        """
        key = f"{sha256 or file_sha256(path)}-{self.size}-v{FORMAT}"
        frames, times = self.folder / f"{key}.npy", self.folder / f"{key}.times.npy"
        try:
            found = self._load(frames, times)
            if found.stored.shape[0] == len(found.times_s):
                return found
        except (FileNotFoundError, ValueError, EOFError):
            pass  # not decoded yet, or cut short by a full disk or a careless hand
        self._write(path, frames, times)
        return self._load(frames, times)

    def _load(self, frames: Path, times: Path) -> DecodedClip:
        with self._parsing:
            return DecodedClip(Stored.of(frames), np.load(times))

    def _write(self, path: Path, frames: Path, times: Path) -> None:
        """Frame by frame: those of an hour of footage may be more than the memory."""
        times_s: list[float] = []
        with replacing(frames) as temporary, temporary.open("wb") as file:
            self._header(file, 0)
            for time_s, picture in read_frames(path):
                file.write(prepare(picture, self.size).tobytes())
                times_s.append(time_s)
            file.seek(0)
            self._header(file, len(times_s))
        with replacing(times) as temporary:
            np.save(temporary, np.array(times_s, np.float64))

    def _header(self, file: BinaryIO, count: int) -> None:
        """That of an .npy file of `count` frames; NumPy makes it equally long for any count."""
        shape = (count, self.size, self.size, 3)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)


def file_sha256(path: Path) -> str:
    """sha256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
