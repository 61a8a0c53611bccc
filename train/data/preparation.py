"""Clips decoded and ready to be cut, and those that had to be left out."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from monitor.errors import DataError, MonitorError, SourceError
from monitor.windows.clip import ClipSpec
from train.data.cache import ClipCache, DecodedClip, file_sha256
from train.data.clips import Clip, Dataset, data_hash
from train.data.duplicates import find_copies
from train.data.frame_rates import slow_clips, slow_reason, slow_words, told_by_rate
from train.data.windows import Sampling, cut, is_held
from train.progress import Bar

log = logging.getLogger(__name__)

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
    _decoded: dict[str, DecodedClip]
    _contents: dict[str, str]  # path -> sha256 of the file
    joined: Mapping[str, str] = field(default_factory=dict)  # group -> group it counts as
    notes: tuple[str, ...] = ()  # what a report on them must say

    def decoded(self, clip: Clip) -> DecodedClip:
        """The frames of a usable clip."""
        return self._decoded[clip.path]

    def path_of(self, sha256: str) -> str | None:
        """The usable clip whose file has this content."""
        return next((clip.path for clip in self.clips if self._contents[clip.path] == sha256), None)

    def sha256(self, clips: Sequence[Clip]) -> str:
        """The hash of some of the usable clips: paths, labels and contents."""
        return data_hash(clips, self._contents)


def prepare_clips(
    dataset: Dataset, spec: ClipSpec, sampling: Sampling, folder: Path, console: Console
) -> Prepared:
    """Decode every clip of `dataset` into the cache `folder`; list and skip what cannot be used.

    Copies of a clip are in its group. DataError if nothing is left of a label.
    """
    decoded, contents, skipped = _decode(dataset, spec, sampling, folder, console)
    for skip in skipped:
        log.warning("skipped %s: %s", skip.path, skip.reason)
    notes = []
    slow = slow_clips(decoded, spec) if sampling == "time" else {}
    if slow:
        notes.append(slow_words(dataset.clips, slow, spec))
        skipped += [Skipped(path, slow_reason(fps, spec)) for path, fps in slow.items()]
    ready = [clip for clip in dataset.clips if clip.path in decoded]
    usable = tuple(clip for clip in ready if clip.path not in slow)
    lost = set(dataset.labels) - {clip.label for clip in usable}
    if sampling == "time" and (told := told_by_rate(ready if lost else usable, decoded, spec)):
        notes.append(told)
    if lost:
        none = f"{dataset.root}: label {min(lost)}: none of its clips can be used"
        raise DataError("; ".join((none, *notes)))
    copies = find_copies(usable, decoded, contents)
    notes += copies.notes
    for note in notes:
        log.warning("%s: %s", dataset.name, note)
    usable = copies.regrouped(usable)
    held = _held(usable, decoded, spec, sampling)
    return Prepared(usable, tuple(skipped), held, decoded, contents, copies.joined, tuple(notes))


def _decode(
    dataset: Dataset, spec: ClipSpec, sampling: Sampling, folder: Path, console: Console
) -> tuple[dict[str, DecodedClip], dict[str, str], list[Skipped]]:
    """Clips and their files' sha256, by path, and what cannot be read or is too short."""
    cache = ClipCache(folder, spec.size)
    decoded: dict[str, DecodedClip] = {}
    contents: dict[str, str] = {}
    skipped: list[Skipped] = []

    def decode(clip: Clip) -> DecodedClip | str:
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
                if isinstance(result, DecodedClip) and (
                    fault := _too_short(result, spec, sampling)
                ):
                    result = fault
                if isinstance(result, DecodedClip):
                    decoded[clip.path] = result
                else:
                    skipped.append(Skipped(clip.path, result))
                bar.advance(f"{len(skipped)} skipped", line=False)
        except BaseException:
            workers.shutdown(wait=False, cancel_futures=True)
            raise
    return decoded, contents, skipped


def _too_short(decoded: DecodedClip, spec: ClipSpec, sampling: Sampling) -> str | None:
    if len(cut(decoded, spec, sampling, spec.frames)):
        return None
    if sampling == "uniform":
        return f"too short: {len(decoded.frames)} frames, a clip needs {spec.frames}"
    return (
        f"too short: {decoded.duration_s:.2f} s in {len(decoded.frames)} frames, less than half of "
        f"the {spec.span_s:.2f} s of a window"
    )


def _held(
    clips: Sequence[Clip], decoded: dict[str, DecodedClip], spec: ClipSpec, sampling: Sampling
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
