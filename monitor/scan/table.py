"""The result of a scan as Parquet: a row for each window that the model saw, and for each file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from monitor.names import printable
from monitor.scan.job import SeenWindow

_ROWS = 100_000  # of a row group of the result
_METADATA = b"har-scan"  # the key of what the file says of itself, JSON
_COMPRESSION = "zstd"
_ROUNDED_S = 0.001


@dataclass(frozen=True)
class FileRow:
    """What became of a file."""

    file: str
    camera: str  # what it is called in alerts
    state: str  # scanned, partial or failed
    reason: str | None  # why it was not scanned, or not all of it
    faults: str | None  # of the file, as far as it was scanned
    bytes: int
    seconds: float  # of video
    windows: int  # that the model saw
    skipped: Mapping[str, int]  # windows that it did not see, by reason
    activities: int

    @classmethod
    def failed(cls, path: Path, camera: str, reason: str, size: int = 0) -> Self:
        """Of a file of which nothing is known."""
        return cls(str(path), camera, "failed", reason, None, size, 0.0, 0, {}, 0)


_FILES = pa.schema(
    [
        ("file", pa.string()),
        ("camera", pa.string()),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("faults", pa.string()),
        ("bytes", pa.int64()),
        ("seconds", pa.float64()),
        ("windows", pa.int64()),
        ("skipped", pa.map_(pa.string(), pa.int64())),
        ("activities", pa.int64()),
    ]
)


def schema(labels: Sequence[str]) -> pa.Schema:
    """The columns of the windows of a model with these labels."""
    return pa.schema(
        [
            ("file", pa.string()),
            ("camera", pa.string()),
            ("region", pa.string()),
            ("start_s", pa.float64()),
            ("end_s", pa.float64()),
            *((f"score_{label}", pa.float32()) for label in labels),
            ("novelty", pa.float32()),
            ("unknown", pa.bool_()),
            ("box", pa.list_(pa.float32(), 4)),
        ]
    )


def write_windows(
    path: Path, file: Path, camera: str, windows: Iterable[SeenWindow], labels: Sequence[str]
) -> None:
    """Write the windows of a file that the model saw."""
    seen = [one for one in windows if one.scores]
    scores = zip(*(one.scores for one in seen), strict=True) if seen else [()] * len(labels)
    columns: list[Any] = [
        [printable(str(file))] * len(seen),
        [camera] * len(seen),
        [one.region or None for one in seen],
        [one.start_s for one in seen],
        [one.end_s for one in seen],
        *map(list, scores),
        [one.novelty for one in seen],
        [one.skipped is not None for one in seen],
        [one.box for one in seen],
    ]
    form = schema(labels)
    arrays = [pa.array(values, kind.type) for values, kind in zip(columns, form, strict=True)]
    pq.write_table(pa.table(arrays, schema=form), path, compression=_COMPRESSION)


def start_of(table: Path, region: str, end_s: float) -> float | None:
    """When the window of a file began that ends at a time, which may be rounded as in an alert."""
    found = pq.read_table(table, columns=["region", "start_s", "end_s"])
    for one in found.to_pylist():
        if (one["region"] or "") == region and abs(one["end_s"] - end_s) < _ROUNDED_S:
            return float(one["start_s"])
    return None


def write_result(
    path: Path, tables: Iterable[Path], labels: Sequence[str], metadata: Mapping[str, Any]
) -> int:
    """Write one table of those of all files; how many rows it has."""
    form = schema(labels).with_metadata({_METADATA: json.dumps(metadata)})
    rows = 0
    with pq.ParquetWriter(path, form, compression=_COMPRESSION) as writer:
        waiting: list[pa.Table] = []
        for table in tables:
            waiting.append(pq.read_table(table))
            if sum(map(len, waiting)) >= _ROWS:
                rows += _write(writer, waiting)
        rows += _write(writer, waiting)
    return rows


def _write(writer: pq.ParquetWriter, waiting: list[pa.Table]) -> int:
    """Write tables as one row group, and forget them."""
    if not waiting:
        return 0
    together = pa.concat_tables(waiting).cast(writer.schema)
    waiting.clear()
    if len(together):
        writer.write_table(together, row_group_size=len(together))
    return len(together)


def write_files(path: Path, rows: Iterable[FileRow], metadata: Mapping[str, Any]) -> None:
    """Write the table of the files."""
    listed = [
        vars(row) | {"file": printable(row.file), "skipped": list(row.skipped.items())}
        for row in rows
    ]
    form = _FILES.with_metadata({_METADATA: json.dumps(metadata)})
    pq.write_table(pa.Table.from_pylist(listed, schema=form), path, compression=_COMPRESSION)
