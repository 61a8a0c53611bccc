"""An archive scanned from its files to its tables."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from monitor import __version__
from monitor.atomic import replacing
from monitor.config.options import CameraDefaults, CameraOptions
from monitor.config.outputs import AlertLogOptions, EvidenceOptions, StoreOptions
from monitor.config.yaml_file import explain
from monitor.errors import ConfigError, MonitorError, SourceOpenError
from monitor.jobs import JobPool
from monitor.paths import STDOUT, describe_os_error, stat_or_none, video_file
from monitor.recognition.classifier import OnnxClassifier, read_model
from monitor.recognition.shipped import DEFAULT, model_path
from monitor.scan.delivery import Delivery
from monitor.scan.files import ENDINGS, camera_names, find_files
from monitor.scan.job import Film, ModelFile
from monitor.scan.parts import Parts
from monitor.scan.scan import Progress, Scan, Task
from monitor.scan.table import FileRow, write_files, write_result

log = logging.getLogger(__name__)

BeginPool = Callable[[Sequence[Film], ModelFile], JobPool[Task]]

# What of a camera's options tells its windows and activities from those of another scan.
_SETTINGS = "windows", "activity", "decode", "regions"


@dataclass(frozen=True)
class Archive:
    """What is scanned, and with which model and options."""

    where: Path  # a folder, or a list of paths
    watched: CameraDefaults  # or a camera, with its regions
    model: Path | None  # None: `fight` of the package
    provider: str


@dataclass(frozen=True)
class Outputs:
    """Where what is found goes."""

    windows: Path
    log: AlertLogOptions | None
    store: StoreOptions | None
    evidence: EvidenceOptions | None

    @property
    def files(self) -> Path:
        """The table of the files, beside that of the windows."""
        return self.windows.with_name(f"{self.windows.stem}.files{self.windows.suffix}")


@dataclass(frozen=True)
class Outcome:
    """What was done, and what failed."""

    progress: Progress
    by: str  # who did it, in words
    failures: tuple[str, ...]  # a line each


def scan_archive(
    archive: Archive,
    outputs: Outputs,
    *,
    begin: BeginPool,
    segment_s: float,
    on_progress: Callable[[Progress], object],
) -> Outcome:
    """Scan what of an archive is not scanned yet, and write the tables of all of it.

    `begin` makes who does the work, once it is known what there is to be done.
    ConfigError or ModelError if it cannot begin. What fails of a file is its own.
    """
    faults: list[str] = []
    model = archive.model or Path(model_path(DEFAULT))
    content = read_model(model)
    classifier = OnnxClassifier(model, archive.provider, content)
    given = ModelFile(model, classifier.sha256, content, archive.provider)
    archive.watched.activity.rules(classifier.metadata)  # or an error, before anything is done
    paths = find_files(archive.where, faults.append)
    if not paths:
        endings = ", ".join(sorted(ENDINGS))
        raise ConfigError(f"{archive.where}: holds no video files; in a folder: {endings}")
    _check_outputs(outputs, [*paths, model])
    if outputs.evidence is not None:
        _check_evidence(outputs.evidence.folder, archive.where)
    parts = Parts(outputs.windows)
    settings = _settings(archive, classifier)
    with parts.opened(settings):
        films, rows = _films(archive, paths, parts)
        with (
            closing(Delivery(outputs.log, outputs.store, outputs.evidence)) as delivery,
            closing(begin(films, given)) as pool,
        ):
            scan = Scan(
                films,
                classifier,
                pool,
                parts,
                delivery,
                segment_s=segment_s,
                on_progress=on_progress,
            )
            rows |= {film.path: row for film, row in zip(films, scan.run(), strict=True)}
            by = pool.described
        metadata = classifier.metadata
        done = [path for path in paths if rows[path].state != "failed"]
        with replacing(outputs.windows) as temporary:
            tables = [parts.of(path).table for path in done]
            write_result(temporary, tables, metadata.labels, settings)
        with replacing(outputs.files) as temporary:
            write_files(temporary, (rows[path] for path in paths), settings)
    return Outcome(scan.progress, by, tuple(_failures(rows.values(), outputs, faults, delivery)))


def _settings(archive: Archive, classifier: OnnxClassifier) -> dict[str, Any]:
    """What makes the result what it is; the tables hold it, too."""
    options = archive.watched.model_dump(mode="json", include=set(_SETTINGS))
    return {
        "version": __version__,
        "model": classifier.sha256,
        "model_name": classifier.metadata.name,
        "labels": list(classifier.metadata.labels),
        "thresholds": dict(archive.watched.activity.rules(classifier.metadata).thresholds),
        **options,
    }


def _films(
    archive: Archive, paths: Sequence[Path], parts: Parts
) -> tuple[list[Film], dict[Path, FileRow]]:
    """The files as films, and what is to be said of those that are none."""
    folder = archive.where if archive.where.is_dir() else archive.where.parent
    known = {path: old.camera for path in paths if (old := parts.of(path).planned) is not None}
    names = camera_names(paths, known, Path(os.path.abspath(folder)))
    shared = {name: getattr(archive.watched, name, ()) for name in _SETTINGS}
    films: list[Film] = []
    rows: dict[Path, FileRow] = {}
    for path in paths:
        try:
            there = video_file(path, str(path))
            camera = CameraOptions.model_validate({"name": names[path], "source": str(path)})
        except SourceOpenError as error:
            rows[path] = FileRow.failed(path, names[path], str(error))
        except ValidationError as error:
            rows[path] = FileRow.failed(path, names[path], explain(error, CameraOptions))
        else:
            camera = camera.model_copy(update=shared)  # of many files, it is kept once
            films.append(Film(camera, there.st_size, there.st_mtime_ns))
    for row in rows.values():
        log.error("%s", row.reason)
    return films, rows


def _failures(
    rows: Iterable[FileRow], outputs: Outputs, faults: Iterable[str], delivery: Delivery
) -> Iterator[str]:
    """What failed, a line each."""
    states = [row.state for row in rows]
    for state, words in (
        ("failed", "could not be scanned"),
        ("partial", "could be scanned only in part"),
    ):
        if count := states.count(state):
            yield f"{count} of {len(states)} files {words}: {outputs.files} says why"
    yield from faults
    yield from delivery.failures.values()


def _check_outputs(outputs: Outputs, inputs: Iterable[Path]) -> None:
    """ConfigError if an output would overwrite what is read; MonitorError if it has no folder."""
    read = set(map(os.path.abspath, inputs))
    written = [("--out", outputs.windows), ("--out", outputs.files)]
    if outputs.log is not None and outputs.log.path != STDOUT:
        written.append(("--log", outputs.log.path))
    for option, path in written:
        named = f"{option} {path}"
        if os.path.abspath(path) in read:
            raise ConfigError(f"{named}: would overwrite what is read")
        folder = stat_or_none(path.parent, partial(_no_folder, named))
        if folder is None or not stat.S_ISDIR(folder.st_mode):
            raise MonitorError(f"{named}: there is no folder {path.parent}")


def _check_evidence(folder: Path, archive: Path) -> None:
    """ConfigError if clips of activities would be scanned as recordings by the next run."""
    if archive.is_dir() and folder.resolve().is_relative_to(archive.resolve()):
        raise ConfigError(f"--evidence {folder}: lies in {archive}, which is scanned")


def _no_folder(named: str, error: OSError) -> MonitorError:
    return MonitorError(describe_os_error(named, error))
