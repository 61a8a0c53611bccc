"""Events that people reviewed on the page, as clips to train on and to test with."""

from __future__ import annotations

import csv
import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from monitor.atomic import replacing
from monitor.errors import ConfigError, DataError
from monitor.evidence.folder import event_files
from monitor.store.event import Event, EventFilter, Review
from monitor.store.store import EventStore
from monitor.store.taught import NOTHING
from train.data.clips import TRAIN_ONLY
from train.data.listed import COLUMNS, TIMES

log = logging.getLogger(__name__)

FOLDS = 5  # that reviewed events are dealt into at most, if nothing else is trained on
NEAR = timedelta(seconds=60)  # from one event to a neighbour, which may show the same
EVENT_WEIGHT = 4.0  # clips of other data that a reviewed event counts as
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

    Those that have none are counted in the log. ConfigError without such a store; DataError if no
    clip is left.
    """
    if "://" not in where and not Path(where).exists():
        raise ConfigError(f"event store {where}: no such file")  # or it would be made
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
    span_s: float,
    known: Sequence[str] = (),
) -> None:
    """Write reviewed events as a table of clips.

    A confirmed event has its own label, a relabelled one the other one, a dismissed one the
    background label. One that is shorter than a window of `span_s` is shown with what is beside it.
    With `known` labels, of the other data, others become the background label, and all are trained
    on alone; without, they are dealt into folds. A camera's day is one group, or, if a label was
    seen on one day alone, what lies within a minute: neighbours are on one side of a split. The
    clips stay in the folder `evidence`. DataError if there is nothing to tell activities from.
    """
    strange = Counter(
        clip.label for clip in clips if known and clip.label and clip.label not in known
    )
    for text, count in strange.items():
        log.warning("%d events of %s are %s: no other data has it", count, text, background)
    labels = [background if clip.label in strange else clip.label or background for clip in clips]
    groups = [clip.group for clip in clips]
    folds: Mapping[str, int] = dict.fromkeys(groups, TRAIN_ONLY)
    if not known:
        _check_labels(set(labels), background)
        if _fewest_groups(labels, groups) < 2:
            groups = _neighbours(clips)
            log.warning(
                "a label was seen on one day alone: the days that are tested on are trained on"
            )
        folds = _dealt(labels, groups)
    rows = []
    for clip, label, group in zip(clips, labels, groups, strict=True):
        beside_s = max(0.0, span_s - (clip.end_s - clip.start_s)) / 2
        start_s = max(0.0, clip.start_s - beside_s)
        times = (start_s, max(clip.end_s + beside_s, start_s + span_s))
        path = clip.path.relative_to(evidence).as_posix()
        rows.append((path, label, group, folds[group], *(f"{time_s:.2f}" for time_s in times)))
    with replacing(table) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((*COLUMNS, *TIMES))
        writer.writerows(sorted(rows))


def _check_labels(labels: Set[str], background: str) -> None:
    """DataError if there is nothing to tell the activities from, or no activity."""
    if background not in labels:
        raise DataError(
            f"every reviewed event is {', '.join(sorted(labels))}: events of {background} are "
            "needed, too: dismiss some, or teach spans of nothing"
        )
    if len(labels) == 1:
        raise DataError(f"every reviewed event is {background}: confirm some, or teach an activity")


def _fewest_groups(labels: Sequence[str], groups: Sequence[str]) -> int:
    """In how many groups the rarest label is."""
    return min(Counter(label for label, _ in set(zip(labels, groups, strict=True))).values())


def _neighbours(clips: Sequence[ReviewedClip]) -> list[str]:
    """A group for each clip: its camera, and the first of events that follow close on another."""
    found: dict[str, str] = {}  # by the id of the event
    last: Event | None = None
    for event in sorted((clip.event for clip in clips), key=lambda one: (one.camera, one.at)):
        if last is not None and last.camera == event.camera and event.at - last.at <= NEAR:
            found[event.id] = found[last.id]
        else:
            found[event.id] = f"{event.camera} {event.at:%Y-%m-%d %H:%M:%S}"
        last = event
    return [found[clip.event.id] for clip in clips]


def _dealt(labels: Sequence[str], groups: Sequence[str]) -> dict[str, int]:
    """The folds of groups: labels are spread as evenly as whole groups allow."""
    members: dict[str, Counter[str]] = defaultdict(Counter)
    for label, group in zip(labels, groups, strict=True):
        members[group][label] += 1
    folds: list[Counter[str]] = [
        Counter() for _ in range(max(2, min(FOLDS, _fewest_groups(labels, groups))))
    ]
    found: dict[str, int] = {}
    for group, own in sorted(members.items(), key=lambda item: (-item[1].total(), item[0])):
        least = min(
            range(len(folds)),
            key=lambda fold: (sum(folds[fold][one] for one in own), folds[fold].total()),
        )
        folds[least] += own
        found[group] = least
    return found


def _label(event: Event) -> str | None:
    match event.review:
        case Review.CONFIRMED:
            label: str | None = event.label
        case Review.RELABELLED:
            label = event.review_label
        case _:
            label = None
    return None if label == NOTHING else label  # also if somebody confirmed that nothing was


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
