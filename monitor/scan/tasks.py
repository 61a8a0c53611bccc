"""A scan by the nodes of a Ray cluster, which read the files under the same names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from monitor.cluster.ray_nodes import Trial
from monitor.cluster.ray_pool import TaskPool
from monitor.errors import MonitorError
from monitor.paths import describe_os_error
from monitor.scan.job import Film, ModelFile
from monitor.scan.models import load_model
from monitor.scan.scan import Task

_TRIED = 20  # files, of different folders, that a node must be able to read


def task_pool(films: Sequence[Film], model: ModelFile) -> TaskPool[Task]:
    """The nodes that can run the model and read the files; MonitorError if none can."""
    folders = {film.path.parent: film.path for film in films}
    each = max(1, len(folders) // _TRIED)
    sample = list(folders.values())[::each][:_TRIED]
    # What this machine cannot read either is no fault of the node.
    trial = Trial(can_scan, lambda: [path for path in sample if not list(_faults([path]))])
    return TaskPool(trial, model)


def can_scan(paths: Sequence[Path], model: ModelFile) -> None:
    """MonitorError if the model does not run here, or a file cannot be read."""
    load_model(model)
    for fault in _faults(paths):
        raise MonitorError(fault)


def _faults(paths: Sequence[Path]) -> Iterator[str]:
    for path in paths:
        try:
            path.open("rb").close()
        except OSError as error:
            yield describe_os_error(str(path), error)
