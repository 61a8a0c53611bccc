"""har-scan: watch an archive of video files, on all cores."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from monitor.cli.cluster import ray_needed
from monitor.cli.command import (
    EXIT_FAILED,
    ClusterCommand,
    exit_codes,
    hide_arguments,
    quieter,
    start_logging,
)
from monitor.cli.interrupt import EXIT_INTERRUPTED, interruptible
from monitor.config.options import CameraDefaults, MonitorOptions
from monitor.config.outputs import AlertLogOptions, EvidenceOptions, StoreOptions
from monitor.config.yaml_file import explain, load
from monitor.errors import ConfigError
from monitor.recognition.shipped import DEFAULT, SHIPPED, model_path

if TYPE_CHECKING:
    from monitor.scan.archive import BeginPool, Outcome
    from monitor.scan.scan import Progress

log = logging.getLogger(__name__)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

SEGMENT_S = 300.0
_QUIET = "decode", "pipeline", "sources", "windows"  # rooms that speak of a single file
_LINE_S = 30.0  # from one line about the progress to the next, where there is no terminal


@app.command(cls=ClusterCommand)
def main(
    archive: Annotated[
        Path, typer.Argument(help="Folder of video files, or a text file with a path in each line.")
    ],
    out: Annotated[
        Path, typer.Option(help="Parquet file with a row for each window that the model saw.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(SHIPPED)}, or an ONNX file from har-export.", show_default=DEFAULT
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Configuration of har-monitor, for its defaults.")
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(
            help="Camera of --config whose regions and rules are taken.", show_default="none"
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes that decode.", min=1, max=1024, show_default="one per core"),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="Let the nodes of a Ray cluster decode, which read the files under the same "
            "names; HOST:PORT of its head may be left out.",
            metavar="[HOST:PORT]",
            show_default="none",
        ),
    ] = None,
    segment_s: Annotated[
        float,
        typer.Option(help="Seconds of video that are one piece of work.", min=10, max=86400),
    ] = SEGMENT_S,
    log_path: Annotated[
        Path | None,
        typer.Option(
            "--log", help="Alert log, JSON lines; - is standard output.", show_default="none"
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            help="Event store: SQLite file, or postgresql://USER:PASSWORD@HOST/DATABASE.",
            show_default="none",
        ),
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option(
            help="Folder for a clip, a snapshot and a filmstrip of each activity.",
            show_default="none",
        ),
    ] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Log more.")] = False,
) -> None:
    """Watch an archive of video files on all cores, and write what the model saw as a table.

    The same command goes on where it was stopped, and takes files that have come since.
    """
    hide_arguments()
    console = Console(stderr=True)
    # What is found in a file stands in the table of the files.
    level = logging.NOTSET if verbose else logging.ERROR
    with exit_codes(console), quieter(level, *(f"monitor.{room}" for room in _QUIET)):
        start_logging(console, verbose=verbose)
        if find_spec("pyarrow") is None:
            raise ConfigError("har-scan: needs pip install 'har-monitor[scan]'")
        options = MonitorOptions() if config is None else load(config, MonitorOptions)
        watched = _watched(options, camera, config)
        if cluster is not None and workers is not None:
            raise ConfigError("--workers: not with --cluster: Ray knows the CPUs of its nodes")
        try:
            with interruptible(console.show_cursor), _scanners(workers, cluster) as begin:
                from monitor.scan.archive import Archive, Outputs, scan_archive

                outputs = Outputs(
                    out,
                    None if log_path is None else AlertLogOptions(path=log_path),
                    None if store is None else _store(store),
                    None if evidence is None else _evidence(options, evidence),
                )
                chosen = watched.model if model is None else Path(model_path(model))
                with _Shown(console) as shown:
                    found = scan_archive(
                        Archive(archive, watched, chosen, options.inference.provider),
                        outputs,
                        begin=begin,
                        segment_s=segment_s,
                        on_progress=shown.update,
                    )
        except KeyboardInterrupt:
            log.warning("stopped; the same command goes on from here")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        _tell(found, out)
        if found.failures:
            raise typer.Exit(EXIT_FAILED)


def _watched(options: MonitorOptions, camera: str | None, config: Path | None) -> CameraDefaults:
    """What every file is watched with."""
    if camera is None:
        return options.defaults
    if config is None:
        raise ConfigError(f"--camera {camera}: is a camera of a configuration; --config is needed")
    found = next((one for one in options.cameras if one.name == camera), None)
    if found is None:
        allowed = ", ".join(one.name for one in options.cameras) or "none"
        raise ConfigError(f"--camera {camera}: not in {config}; its cameras: {allowed}")
    return found


def _store(url: str) -> StoreOptions:
    try:
        return StoreOptions(url=url)
    except ValidationError as error:
        raise ConfigError(f"--store: {explain(error, StoreOptions)}") from None


def _evidence(options: MonitorOptions, folder: Path) -> EvidenceOptions:
    """As the configuration has it, but for the folder; nothing copies it elsewhere."""
    given = options.evidence or EvidenceOptions()
    return given.model_copy(update={"folder": folder, "copy_to": None})


@contextmanager
def _scanners(workers: int | None, cluster: str | None) -> Iterator[BeginPool]:
    """Processes of this machine, or the nodes of a cluster."""
    if cluster is None:
        from monitor.pipeline.monitor import cores
        from monitor.scan.pool import Pool

        count = workers or cores()
        yield lambda films, model: Pool(count, model)
        return
    with ray_needed():
        from monitor.cluster.ray_session import joined_for_tasks
        from monitor.scan.tasks import task_pool
    with joined_for_tasks(cluster):
        yield task_pool


def _tell(found: Outcome, out: Path) -> None:
    """Say what was done, and how fast."""
    progress = found.progress
    if progress.seconds:
        log.info(
            "%s of video in %s: %.1f times as fast as real time, by %s",
            _duration(progress.seconds),
            _duration(progress.took_s),
            progress.speed,
            found.by,
        )
    log.info("%s: %d windows, %d activities", out, progress.windows, progress.activities)
    for failure in found.failures:
        log.error("%s", failure)


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


class _Shown:
    """How far a scan is: a bar in a terminal, a line now and then elsewhere."""

    def __init__(self, console: Console) -> None:
        self._terminal = console.is_terminal
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[text]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("files", total=None, text="")
        self._said_s = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def update(self, progress: Progress) -> None:
        """Show it."""
        text = f"{_duration(progress.seconds)} of video, {progress.speed:.1f}x real time"
        if progress.failed:
            text += f", {progress.failed} failed"
        self._bar.update(self._task, total=progress.files, completed=progress.done, text=text)
        if not self._terminal and progress.took_s - self._said_s >= _LINE_S:
            self._said_s = progress.took_s
            log.info("%d of %d files: %s", progress.done, progress.files, text)
