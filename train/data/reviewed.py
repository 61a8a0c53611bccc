"""Events that people reviewed on the page, as clips to train on and to test with."""

from __future__ import annotations

import csv
import logging
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from monitor.atomic import replacing
from monitor.errors import ConfigError, DataError
from monitor.evidence.folder import event_files
from monitor.store.event import Event, EventFilter, Review
from monitor.store.store import EventStore
from train.data.clips import TRAIN_ONLY
from train.data.listed import COLUMNS, TIMES

log = logging.getLogger(__name__)

FOLDS = 5  # that reviewed events are dealt into, if nothing else is trained on
_REVIEWED = (Review.CONFIRMED, Review.DISMISSED, Review.RELABELLED)


@dataclass(frozen=True)
class ReviewedClip:
    """A reviewed event, and the part of its clip that it lasted."""

    event: Event
    path: Path
    start_s: float  # in the clip
    end_s: float
    label: str | None  # what it was, as the person said; None: nothing that is to be found

    @property
    def group(self) -> str:
        """A camera's day: its events are alike."""
        return f"{self.event.camera} {self.event.at:%Y-%m-%d}"


def evidence_folder(where: str, evidence: Path | None) -> Path:
    """Where the evidence of a store's events is, if it is not named; ConfigError without one."""
    folder = evidence or Path("" if "://" in where else where).parent / "evidence"
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; --evidence names that of the events")
    return folder


def reviewed_clips(
    where: str, evidence: Path, since: datetime | None = None, until: datetime | None = None
) -> list[ReviewedClip]:
    """The reviewed events of a store that have a clip, of a span of time or of all.

    Those that have none are counted in the log. DataError if no clip is left.
    """
    store = EventStore(where)
    found: list[ReviewedClip] = []
    missing: Counter[str] = Counter()
    for event in store.all(EventFilter(review=_REVIEWED, origin=(), since=since, until=until)):
        clip = _clip(event, evidence)
        if isinstance(clip, str):
            missing[clip] += 1
        else:
            found.append(clip)
    store.close()
    for text, count in missing.items():
        log.warning("%s: %d reviewed events are left out: %s", store.name, count, text)
    if not found:
        raise DataError(f"{store.name}: no reviewed event with a clip; review some on the page")
    return found


def write_reviewed(
    clips: Sequence[ReviewedClip],
    evidence: Path,
    table: Path,
    background: str,
    known: Sequence[str] = (),
) -> None:
    """Write reviewed events as a table of clips.

    A confirmed event has its own label, a relabelled one the other one, a dismissed one the
    background label. With `known` labels, of the other data, others become the background label,
    and all are trained on alone; without, they are dealt into folds. A camera's day is one group:
    neighbours are on one side of a split. The clips stay in the folder `evidence`.
    """
    strange: Counter[str] = Counter()
    rows = []
    for clip in clips:
        label = clip.label or background
        if known and label not in known:
            strange[label] += 1
            label = background
        fold = TRAIN_ONLY if known else zlib.crc32(clip.group.encode()) % FOLDS
        times = (f"{clip.start_s:.2f}", f"{clip.end_s:.2f}")
        path = clip.path.relative_to(evidence).as_posix()
        rows.append((path, label, clip.group, fold, *times))
    for text, count in strange.items():
        log.warning("%d events of %s are %s: no other data has it", count, text, background)
    with replacing(table) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((*COLUMNS, *TIMES))
        writer.writerows(sorted(rows))


def _label(event: Event) -> str | None:
    match event.review:
        case Review.CONFIRMED:
            return event.label
        case Review.RELABELLED:
            return event.review_label
        case _:
            return None


def _clip(event: Event, evidence: Path) -> ReviewedClip | str:
    """The clip of an event, or why it has none."""
    if event.region is not None:
        return "the model saw a region, and the clip shows the whole picture"
    try:
        files = event_files(evidence, event.camera, event.id, event.at)
    except ValueError:
        return "their ids are none of har-monitor"
    begin_s = files.facts.clip_begin_s
    if not files.clip.is_file() or begin_s is None or event.end_s is None:
        return "they have no clip"
    start_s = max(0.0, event.start_s - begin_s)
    return ReviewedClip(event, files.clip, start_s, event.end_s - begin_s, _label(event))
