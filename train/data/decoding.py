"""The clips of a dataset, decoded into the cache, and those that cannot be used."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console

from monitor.errors import DataError, MonitorError, SourceError
from monitor.windows.clip import ClipSpec
from train.data.cache import ClipCache, DecodedClip, file_sha256
from train.data.clips import Clip, Dataset, data_hash
from train.data.duplicates import find_duplicates
from train.data.frame_rates import describe_rate_leak, describe_slow_clips, slow_clips, slow_reason
from train.data.windows import Sampling, is_padded, sample_windows
from train.progress import Bar

log = logging.getLogger(__name__)

WORKERS = 2  # decoding releases the GIL


@dataclass(frozen=True)
class SkippedClip:
    """A clip that is not used, with the reason."""

    path: str
    reason: str


@dataclass(frozen=True)
class DecodedClips:
    """The usable clips of a dataset, decoded."""

    clips: tuple[Clip, ...]
    skipped: tuple[SkippedClip, ...]
    padded: tuple[str, ...]  # paths of clips whose last frame is held to fill a window
    _decoded: dict[str, DecodedClip]
    _contents: dict[str, str]  # path -> sha256 of the file
    merged_groups: Mapping[str, str] = field(default_factory=dict)  # group -> group it counts as
    notes: tuple[str, ...] = ()  # for the report

    def load(self, clip: Clip) -> DecodedClip:
        """The frames of a usable clip."""
        return self._decoded[clip.path]

    def path_of(self, sha256: str) -> str | None:
        """The path of the usable clip whose file has this hash."""
        return next((clip.path for clip in self.clips if self._contents[clip.path] == sha256), None)

    def sha256(self, clips: Sequence[Clip]) -> str:
        """The hash of some of the usable clips: paths, labels and contents."""
        return data_hash(clips, self._contents)


def decode_clips(
    dataset: Dataset, spec: ClipSpec, sampling: Sampling, folder: Path, console: Console
) -> DecodedClips:
    """Decode every clip of `dataset` into the cache `folder`; skip and list those it cannot use.

    Copies of a clip join its group. DataError if a label has no usable clip.
    """
    decoded, contents, skipped = _decode(dataset, spec, sampling, folder, console)
    for skip in skipped:
        log.warning("skipped %s: %s", skip.path, skip.reason)
    notes = []
    slow = slow_clips(decoded, spec) if sampling == "time" else {}
    if slow:
        notes.append(describe_slow_clips(dataset.clips, slow, spec))
        skipped += [SkippedClip(path, slow_reason(fps, spec)) for path, fps in slow.items()]
    ready = [clip for clip in dataset.clips if clip.path in decoded]
    usable = tuple(clip for clip in ready if clip.path not in slow)
    lost = set(dataset.labels) - {clip.label for clip in usable}
    if sampling == "time" and (
        told := describe_rate_leak(ready if lost else usable, decoded, spec)
    ):
        notes.append(told)
    if lost:
        none = f"{dataset.where}: label {min(lost)}: none of its clips can be used"
        raise DataError("; ".join((none, *notes)))
    copies = find_duplicates(usable, decoded, contents)
    notes += copies.notes
    for note in notes:
        log.warning("%s: %s", dataset.name, note)
    usable = copies.regrouped(usable)
    held = _padded(usable, decoded, spec, sampling)
    return DecodedClips(
        usable, tuple(skipped), held, decoded, contents, copies.merged_groups, tuple(notes)
    )


def _decode(
    dataset: Dataset, spec: ClipSpec, sampling: Sampling, folder: Path, console: Console
) -> tuple[dict[str, DecodedClip], dict[str, str], list[SkippedClip]]:
    """Decoded clips and files' sha256, by path, and the clips that are unreadable or too short."""
    cache = ClipCache(folder, spec.size)
    decoded: dict[str, DecodedClip] = {}
    contents: dict[str, str] = {}
    skipped: list[SkippedClip] = []

    files: dict[Path, list[Clip]] = defaultdict(list)
    for clip in dataset.clips:
        files[dataset.file(clip)].append(clip)

    def decode(file: Path) -> DecodedClip | str:
        try:
            sha256 = file_sha256(file)
            contents.update((clip.path, sha256) for clip in files[file])
            return cache.decode(file, sha256)
        except SourceError as error:
            return str(error).removeprefix(f"{file}: ")
        except (FileNotFoundError, PermissionError) as error:
            return f"cannot be read: {error.strerror}"
        except OSError as error:  # a fault of the machine, not of this clip
            raise MonitorError(f"{file}: {error.strerror}") from error

    with (
        ThreadPoolExecutor(WORKERS, "decode") as workers,
        Bar(console, "videos", len(files)) as bar,
    ):
        try:
            for file, result in zip(files, workers.map(decode, files), strict=True):
                for clip in files[file]:
                    usable = result if isinstance(result, str) else _part_of(clip, result)
                    if isinstance(usable, DecodedClip):
                        usable = _too_short(usable, spec, sampling) or usable
                    if isinstance(usable, DecodedClip):
                        decoded[clip.path] = usable
                    else:
                        skipped.append(SkippedClip(clip.path, usable))
                bar.advance(f"{len(skipped)} skipped", line=False)
        except BaseException:
            workers.shutdown(wait=False, cancel_futures=True)
            raise
    return decoded, contents, skipped


def _part_of(clip: Clip, decoded: DecodedClip) -> DecodedClip | str:
    """The clip's part of its decoded file, or why there is none."""
    if not clip.is_part:
        return decoded
    if (np.diff(decoded.times_s) < 0).any():
        return "a part of a video whose times step back cannot be found"
    start, stop = np.searchsorted(decoded.times_s, (clip.start_s, clip.end_s))
    if start == stop:
        return f"there is no frame; the last one of the video is at {decoded.duration_s:.2f} s"
    return decoded.part(int(start), int(stop))


def _too_short(decoded: DecodedClip, spec: ClipSpec, sampling: Sampling) -> str | None:
    if len(sample_windows(decoded, spec, sampling, spec.frames)):
        return None
    if sampling == "uniform":
        return f"too short: {len(decoded.frames)} frames, a clip needs {spec.frames}"
    return (
        f"too short: {decoded.duration_s:.2f} s in {len(decoded.frames)} frames, less than half of "
        f"the {spec.span_s:.2f} s of a window"
    )


def _padded(
    clips: Sequence[Clip], decoded: dict[str, DecodedClip], spec: ClipSpec, sampling: Sampling
) -> tuple[str, ...]:
    if sampling == "uniform":
        return ()
    held = tuple(clip.path for clip in clips if is_padded(decoded[clip.path], spec))
    if held:
        log.info(
            "%d of %d clips are shorter than a window of %.1f s: their last frame is held",
            len(held), len(clips), spec.span_s,
        )  # fmt: skip
    return held
