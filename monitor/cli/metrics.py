"""The metrics of a monitor: where they come from, and where they are served."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from monitor.config.options import MonitorOptions
from monitor.config.outputs import MetricsOptions
from monitor.metrics.collector import Watched, exposition
from monitor.metrics.endpoint import Endpoint
from monitor.metrics.facts import Evidence, FactReader, Reviews
from monitor.records import CopyStatus


class Metrics:
    """The metrics of one monitor; MonitorError if their address cannot be listened at."""

    def __init__(self, options: MetricsOptions) -> None:
        self._endpoint = Endpoint(options.host, options.port)
        self._reader: FactReader | None = None

    def serve(
        self,
        watched: Watched,
        options: MonitorOptions,
        used_bytes: Callable[[], int | None] | None,  # by all evidence; None: none is kept
        copies: Callable[[], CopyStatus] | None = None,  # of it; None: it is not copied
    ) -> None:
        """Begin to serve."""
        store = options.store
        reviews = None if store is None else Reviews(store.url, options.log_path)
        self._reader = fact_reader(options, reviews, used_bytes, copies)
        self._reader.start()
        self._endpoint.serve(exposition(watched, self._reader.newest))

    def close(self) -> None:
        """End; twice is fine."""
        self._endpoint.close()
        if self._reader is not None:
            self._reader.close()


def fact_reader(
    options: MonitorOptions,
    reviews: Reviews | None,
    used_bytes: Callable[[], int | None] | None,  # see Metrics.serve
    copies: Callable[[], CopyStatus] | None,
) -> FactReader:
    """What finds out of these outputs what takes a while."""
    kept = options.evidence
    most = 0 if kept is None else int(kept.max_gib * 2**30)
    return FactReader(
        reviews,
        _folders(options, options.log_path),
        lambda: (
            None
            if used_bytes is None
            else Evidence(used_bytes(), most, None if copies is None else copies())
        ),
    )


def _folders(options: MonitorOptions, log_path: Path | None) -> dict[str, Path]:
    """Whose disks must not become full, by what lies there."""
    folders = {}
    if log_path is not None:
        folders["log"] = log_path.parent
    if options.store is not None and "://" not in options.store.url:
        folders["store"] = Path(options.store.url).parent
    if options.evidence is not None:
        folders["evidence"] = options.evidence.folder
    return folders
