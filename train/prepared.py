"""Clips decoded and ready to be cut, and those that had to be left out."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from monitor.clip import ClipSpec
from monitor.errors import DataError, MonitorError, SourceError
from train.cache import ClipCache, Decoded, file_sha256
from train.clips import Clip, Dataset, data_hash
from train.progress import Bar
from train.windows import is_held, uniform_window, windows

log = logging.getLogger(__name__)

Sampling = Literal["time", "uniform"]
WORKERS = 2  # decoding releases the GIL


@dataclass(frozen=True)
class Skipped:
    """A clip that is not used, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Prepared:
    """The usable clips of a dataset, decoded."""

    clips: tuple[Clip, ...]
    skipped: tuple[Skipped, ...]
    held: tuple[str, ...]  # paths of clips whose last frame is held to fill a window
    _decoded: dict[str, Decoded]
    _contents: dict[str, str]  # path -> sha256 of the file

    def decoded(self, clip: Clip) -> Decoded:
        """The frames of a usable clip."""
        return self._decoded[clip.path]

    def path_of(self, sha256: str) -> str | None:
        """The usable clip whose file has this content."""
        return next((clip.path for clip in self.clips if self._contents[clip.path] == sha256), None)

    def sha256(self, clips: Sequence[Clip]) -> str:
        """The hash of some of the usable clips: paths, labels and contents."""
        return data_hash(clips, self._contents)


def cut(decoded: Decoded, spec: ClipSpec, sampling: Sampling, stride: int) -> NDArray[np.uint8]:
    """The windows (n, T, H, W, 3) that score a clip."""
    if sampling == "uniform":
        return uniform_window(decoded, spec)
    return windows(decoded, spec, stride)


def prepare_clips(
    dataset: Dataset, spec: ClipSpec, sampling: Sampling, folder: Path, console: Console
) -> Prepared:
    """Decode every clip of `dataset` into the cache `folder`; list and skip what cannot be used.

    DataError where nothing is left of a label.
    """
    cache = ClipCache(folder, spec.size)
    decoded: dict[str, Decoded] = {}
    contents: dict[str, str] = {}
    skipped: list[Skipped] = []

    def decode(clip: Clip) -> Decoded | str:
        try:
            contents[clip.path] = file_sha256(dataset.file(clip))
            return cache.decode(dataset.file(clip), contents[clip.path])
        except SourceError as error:
            return str(error).removeprefix(f"{dataset.file(clip)}: ")
        except (FileNotFoundError, PermissionError) as error:
            return f"cannot be read: {error.strerror}"
        except OSError as error:  # the machine's fault, and not this clip's alone
            raise MonitorError(f"{dataset.file(clip)}: {error.strerror}") from error

    with (
        ThreadPoolExecutor(WORKERS, "decode") as workers,
        Bar(console, "clips", len(dataset.clips)) as bar,
    ):
        try:
            for clip, result in zip(dataset.clips, workers.map(decode, dataset.clips), strict=True):
                if isinstance(result, Decoded) and (fault := _too_short(result, spec, sampling)):
                    result = fault
                if isinstance(result, Decoded):
                    decoded[clip.path] = result
                else:
                    skipped.append(Skipped(clip.path, result))
                bar.advance(f"{len(skipped)} skipped", line=False)
        except BaseException:
            workers.shutdown(wait=False, cancel_futures=True)
            raise
    for skip in skipped:
        log.warning("skipped %s: %s", skip.path, skip.reason)
    usable = tuple(clip for clip in dataset.clips if clip.path in decoded)
    _check_labels(dataset, usable)
    _check_copies(usable, contents)
    held = _held(usable, decoded, spec, sampling)
    return Prepared(usable, tuple(skipped), held, decoded, contents)


def _too_short(decoded: Decoded, spec: ClipSpec, sampling: Sampling) -> str | None:
    if len(cut(decoded, spec, sampling, spec.frames)):
        return None
    if sampling == "uniform":
        return f"too short: {len(decoded.frames)} frames, a clip needs {spec.frames}"
    return (
        f"too short: {decoded.duration_s:.2f} s in {len(decoded.frames)} frames, less than half of "
        f"the {spec.span_s:.2f} s of a window"
    )


def _held(
    clips: Sequence[Clip], decoded: dict[str, Decoded], spec: ClipSpec, sampling: Sampling
) -> tuple[str, ...]:
    if sampling == "uniform":
        return ()
    held = tuple(clip.path for clip in clips if is_held(decoded[clip.path], spec))
    if held:
        log.info(
            "%d of %d clips are shorter than a window of %.1f s: their last frame is held",
            len(held), len(clips), spec.span_s,
        )  # fmt: skip
    return held


def _check_copies(clips: Sequence[Clip], contents: dict[str, str]) -> None:
    """The same file in two groups would be on both sides of a split, in two labels a lie."""
    first: dict[str, Clip] = {}
    for clip in clips:
        other = first.setdefault(contents[clip.path], clip)
        if other.label != clip.label:
            raise DataError(
                f"{clip.path} and {other.path} are the same video, labelled {clip.label} and "
                f"{other.label}"
            )
        if other.group != clip.group and {clip.group, other.group} != {clip.path, other.path}:
            raise DataError(
                f"{clip.path} and {other.path} are the same video, in groups {clip.group} and "
                f"{other.group}"
            )


def _check_labels(dataset: Dataset, usable: Sequence[Clip]) -> None:
    left = {clip.label for clip in usable}
    for label in dataset.labels:
        if label not in left:
            raise DataError(f"{dataset.root}: label {label}: none of its clips can be used")
