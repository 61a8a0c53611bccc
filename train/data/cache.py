"""Decoded videos on disk, so that each is decoded once and not in every epoch."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from monitor.atomic import replacing
from monitor.errors import MonitorError
from monitor.sources.file import read_frames
from monitor.windows.clip import scale_frame

# Part of every key. Raise it when `scale_frame` or the stored format changes.
FORMAT = 2


@dataclass(frozen=True)
class FrameFile:
    """Frames in an .npy file whose header has been read.

    NumPy parses the header as Python. CPython 3.11 counts the nesting of all parsing threads in one
    place, so two threads that parse at once, even inside TensorFlow, may get a SystemError.
    """

    path: Path
    offset: int  # of the first frame, in bytes
    shape: tuple[int, ...]  # (m, H, W, 3)

    @classmethod
    def open(cls, path: Path) -> "FrameFile":
        """Read the header of a file; ValueError or EOFError if the file is incomplete."""
        mapped: np.memmap[Any, np.dtype[np.uint8]] = np.load(path, mmap_mode="r")
        return cls(path, mapped.offset, mapped.shape)

    def mapped(self) -> NDArray[np.uint8]:
        """The frames, memory-mapped: read when they are used."""
        return np.memmap(self.path, np.uint8, "r", self.offset, self.shape)


@dataclass(frozen=True)
class DecodedClip:
    """Every frame of a clip at the model's size, with its time."""

    stored: FrameFile | NDArray[np.uint8]  # (m, H, W, 3) RGB, in a file or in memory; m >= n
    times_s: NDArray[np.float64]  # (n,) seconds since the first frame
    first: int = 0  # of the frames stored

    @property
    def frames(self) -> NDArray[np.uint8]:
        """(n, H, W, 3) RGB; mapped on each call, because open maps are limited in number."""
        stored = self.stored
        if isinstance(stored, FrameFile):
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
    """Clips decoded by the monitor's own reader and `scale_frame`, kept in a folder.

    The key is the hash of the file's content: a renamed or copied clip is found, a changed one is
    decoded again. Files are renamed into place, so that several processes may share the folder and
    a kill leaves no incomplete clip.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.size = size  # height and width of the frames, pixels
        self._parsing = Lock()  # of headers: see FrameFile
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MonitorError(
                f"{folder}: cannot hold decoded clips: {error.strerror}; "
                "--cache names another folder"
            ) from None

    def decode(self, path: Path, sha256: str | None = None) -> DecodedClip:
        """The clip at `path`, from the cache or decoded now; SourceError if it cannot be read.

        `sha256` saves hashing the file again if its hash is known.
        """
        key = f"{sha256 or file_sha256(path)}-{self.size}-v{FORMAT}"
        frames, times = self.folder / f"{key}.npy", self.folder / f"{key}.times.npy"
        try:
            found = self._load(frames, times)
            if found.stored.shape[0] == len(found.times_s):
                return found
        except (FileNotFoundError, ValueError, EOFError):
            pass  # not decoded yet, or incomplete
        self._write(path, frames, times)
        return self._load(frames, times)

    def _load(self, frames: Path, times: Path) -> DecodedClip:
        with self._parsing:
            return DecodedClip(FrameFile.open(frames), np.load(times))

    def _write(self, path: Path, frames: Path, times: Path) -> None:
        """Decode frame by frame, because an hour of footage may not fit into memory."""
        times_s: list[float] = []
        with replacing(frames) as temporary, temporary.open("wb") as file:
            self._header(file, 0)
            for time_s, picture in read_frames(path):
                file.write(scale_frame(picture, self.size).tobytes())
                times_s.append(time_s)
            file.seek(0)
            self._header(file, len(times_s))
        with replacing(times) as temporary:
            np.save(temporary, np.array(times_s, np.float64))

    def _header(self, file: BinaryIO, count: int) -> None:
        """Write the .npy header for `count` frames; NumPy makes it equally long for any count."""
        shape = (count, self.size, self.size, 3)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)


def file_sha256(path: Path) -> str:
    """sha256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
