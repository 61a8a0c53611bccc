"""Events that people reviewed on the page, as clips to train on."""

from __future__ import annotations

import csv
import logging
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor.atomic import replacing
from monitor.errors import DataError
from monitor.evidence.folder import event_files
from monitor.store.event import Event, EventFilter, Review
from monitor.store.store import EventStore
from train.data.clips import TRAIN_ONLY
from train.data.listed import COLUMNS, TIMES

log = logging.getLogger(__name__)

FOLDS = 5  # that reviewed events are dealt into, if nothing else is trained on
_REVIEWED = (Review.CONFIRMED, Review.DISMISSED, Review.RELABELLED)


@dataclass(frozen=True)
class _Row:
    path: str
    label: str
    group: str
    fold: int
    start_s: float
    end_s: float


def write_reviewed(
    where: str, evidence: Path, table: Path, background: str, known: Sequence[str] = ()
) -> int:
    """Write the reviewed events of a store as a table of clips; how many they are.

    A confirmed event has its own label, a relabelled one the other one, a dismissed one the
    background label. With `known` labels, of the other data, others become the background label,
    and all are trained on alone; without, they are dealt into folds. A camera's day is one group:
    neighbours are on one side of a split. The clips stay in the folder `evidence`. DataError if
    there are none.
    """
    store = EventStore(where)
    rows: list[_Row] = []
    missing: Counter[str] = Counter()
    strange: Counter[str] = Counter()
    for event in store.all(EventFilter(review=_REVIEWED)):
        label = _label(event, background)
        if known and label not in known:
            strange[label] += 1
            label = background
        row = _row(event, evidence, label, TRAIN_ONLY if known else None)
        if isinstance(row, str):
            missing[row] += 1
        else:
            rows.append(row)
    store.close()
    for text, count in missing.items():
        log.warning("%s: %d reviewed events are left out: %s", store.name, count, text)
    for text, count in strange.items():
        log.warning(
            "%s: %d of %s are %s: no other data has it", store.name, count, text, background
        )
    if not rows:
        raise DataError(f"{store.name}: no reviewed event with a clip; review some on the page")
    with replacing(table) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((*COLUMNS, *TIMES))
        for one in sorted(rows, key=lambda row: row.path):
            times = (f"{one.start_s:.2f}", f"{one.end_s:.2f}")
            writer.writerow((one.path, one.label, one.group, one.fold, *times))
    return len(rows)


def _label(event: Event, background: str) -> str:
    match event.review:
        case Review.CONFIRMED:
            return event.label
        case Review.RELABELLED:
            return event.review_label or background
        case _:
            return background


def _row(event: Event, evidence: Path, label: str, fold: int | None) -> _Row | str:
    """The row of an event, or why it has none."""
    if event.region is not None:
        return "the model saw a region, and the clip shows the whole picture"
    try:
        files = event_files(evidence, event.camera, event.id, event.at)
    except ValueError:
        return "their ids are none of har-monitor"
    begin_s = files.facts.clip_begin_s
    if not files.clip.is_file() or begin_s is None or event.end_s is None:
        return "they have no clip"
    group = f"{event.camera} {event.at:%Y-%m-%d}"
    dealt = zlib.crc32(group.encode()) % FOLDS if fold is None else fold
    start_s = max(0.0, event.start_s - begin_s)
    path = files.clip.relative_to(evidence).as_posix()
    return _Row(path, label, group, dealt, start_s, event.end_s - begin_s)
