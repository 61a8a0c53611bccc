"""A scan: what is done next, and what becomes of it."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import av

from monitor.errors import SourceError
from monitor.events.alert import AlertEvent, AlertMaker
from monitor.jobs import JobPool, Outcome
from monitor.pipeline.lane import make_trackers
from monitor.recognition.models import Classifier
from monitor.records import Window
from monitor.scan.delivery import Delivery
from monitor.scan.job import Film, Plan, PlanJob, SegmentJob, SegmentResult
from monitor.scan.join import activities, fit, joined
from monitor.scan.parts import Part, Parts, PlannedFilm, ScannedFilm
from monitor.scan.plan import WHOLE, plan_file
from monitor.scan.segment import scan_segment
from monitor.scan.strip import window_again
from monitor.scan.table import FileRow, start_of, write_windows
from monitor.states import Pace

log = logging.getLogger(__name__)

_TRIES = 2  # of a job whose process died
_LOOK_S = 1.0  # from one look at the processes to the next, if none has ended its job


@dataclass
class Progress:
    """How far a scan is; only what this run did counts for its speed."""

    files: int
    done: int = 0  # of these files
    failed: int = 0  # of those
    seconds: float = 0.0  # of video that this run scanned
    windows: int = 0  # of all that is done: that the model saw
    activities: int = 0
    began_s: float = field(default_factory=time.monotonic)

    @property
    def took_s(self) -> float:
        """For how long this run has been at work."""
        return time.monotonic() - self.began_s

    @property
    def speed(self) -> float:
        """Seconds of video in a second."""
        return self.seconds / max(self.took_s, 1e-6)


@dataclass
class _Work:
    """A file that is under way."""

    film: Film
    part: Part
    plan: Plan = field(default_factory=lambda: Plan((), 0.0))
    left: int = 0  # segments
    failures: dict[int, str] = field(default_factory=dict)  # why, by the segment


@dataclass(frozen=True)
class Task:
    """A job of a process: to plan a file, or to scan a segment of it."""

    work: _Work
    plan: Plan | None = None  # None: it is to be made
    number: int = 0  # of the segment
    tries: int = 1


class Scan:
    """Scans the files of an archive; what was done by an earlier run is not done again."""

    def __init__(
        self,
        films: Sequence[Film],
        classifier: Classifier,
        pool: JobPool[Task],
        parts: Parts,
        delivery: Delivery,
        *,
        segment_s: float,
        on_progress: Callable[[Progress], object],
    ) -> None:
        self._films = films
        self._classifier = classifier
        self._pool = pool
        self._parts = parts
        self._delivery = delivery
        self._segment_s = segment_s
        self._on_progress = on_progress
        self._progress = Progress(len(films))
        self._rows: dict[Path, FileRow] = {}
        self._waiting: deque[_Work] = deque()  # that are to be planned
        self._ready: deque[Task] = deque()
        metadata = classifier.metadata
        self._alerts = AlertMaker(classifier.sha256, metadata.name, metadata.clip.span_s)

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._progress

    def run(self) -> list[FileRow]:
        """Scan; what became of each file, in their order."""
        for film in self._films:
            self._begin(film)
        pool = self._pool
        while True:
            while pool.has_room and (task := self._next()) is not None:
                self._start(task)
            if not pool.busy:
                break
            for outcome in pool.outcomes(_LOOK_S):
                self._take(outcome)
            self._on_progress(self._progress)
        return [self._rows[film.path] for film in self._films]

    def _begin(self, film: Film) -> None:
        """Take up a file where an earlier run left it."""
        part = self._parts.of(film.path)
        planned = part.planned
        if planned is not None and not planned.fits(film):
            log.warning("%s: changed since it was scanned: it is scanned again", film.path)
            planned = None
        work = _Work(film, part)
        if planned is None:
            self._waiting.append(work)
            return
        scanned = part.scanned
        if scanned is not None and not scanned.missing:
            self._note(work, planned.plan, scanned)
            return
        self._follow(work, planned.plan)

    def _next(self) -> Task | None:
        if self._ready:
            return self._ready.popleft()
        return Task(self._waiting.popleft()) if self._waiting else None

    def _start(self, task: Task) -> None:
        film = task.work.film
        if task.plan is None:
            self._pool.start(task, plan_file, PlanJob(film, self._segment_s))
        else:
            segment = task.plan.segments[task.number]
            self._pool.start(task, scan_segment, SegmentJob(film, segment))

    def _take(self, outcome: Outcome[Task]) -> None:
        task, work = outcome.key, outcome.key.work
        if task.plan is not None and task.plan is not work.plan:
            return  # of a plan that was given up meanwhile
        if outcome.crashed and task.tries < _TRIES:
            log.warning("%s: %s: it is tried once more", work.film.path, outcome.failure)
            self._ready.appendleft(replace(task, tries=task.tries + 1))
        elif task.plan is None:
            if outcome.failure:
                self._fail(work, outcome.failure)
            else:
                self._plan(work, outcome.value)
        elif outcome.failure and not outcome.crashed and task.number:
            self._scan_whole(work, outcome.failure)
        else:
            self._end_segment(work, task.number, outcome)

    def _plan(self, work: _Work, plan: Plan) -> None:
        film = work.film
        work.part.begin(PlannedFilm(film.camera.name, film.size, film.mtime_ns, plan))
        self._follow(work, plan)

    def _follow(self, work: _Work, plan: Plan) -> None:
        """Let the segments be scanned that were not yet."""
        numbers = [n for n in range(len(plan.segments)) if work.part.segment(n) is None]
        work.plan, work.left = plan, len(numbers)
        work.failures.clear()
        self._ready.extend(Task(work, plan, number) for number in numbers)
        if not numbers:
            self._finish(work)

    def _scan_whole(self, work: _Work, why: str) -> None:
        """Scan a file in one piece, because it cannot be read from its key frames."""
        log.info("%s: it is scanned in one piece", _of(work.film, why))
        self._ready = deque(task for task in self._ready if task.work is not work)
        self._plan(work, Plan(WHOLE, work.plan.declared_s))

    def _end_segment(self, work: _Work, number: int, outcome: Outcome[Task]) -> None:
        if outcome.failure:
            work.failures[number] = outcome.failure
        else:
            result: SegmentResult = outcome.value
            work.part.keep(number, result)
            from_s = max(0.0, work.plan.segments[number].from_s)
            self._progress.seconds += max(0.0, _until_s(work.plan, number, result) - from_s)
        work.left -= 1
        if not work.left:
            self._finish(work)

    def _finish(self, work: _Work) -> None:
        """Put a file together, all segments of which were tried."""
        film, plan = work.film, work.plan
        parts = [(one, work.part.segment(n)) for n, one in enumerate(plan.segments)]
        results = [(n, one) for n, (_, one) in enumerate(parts) if one is not None]
        if not results:
            self._fail(work, next(iter(work.failures.values())))
            return
        if not fit(parts):
            self._scan_whole(work, "its key frames do not stand for themselves")
            return
        windows = joined(parts)
        metadata = self._classifier.metadata
        trackers = make_trackers(film.camera, Pace.FILE, metadata, self._classifier.sha256)
        found = activities(windows, trackers, metadata.labels)
        faults = dict.fromkeys(fault for _, one in results for fault in one.faults)
        scanned = ScannedFilm(
            seconds=_until_s(plan, *results[-1]),
            windows=sum(bool(one.scores) for one in windows),
            skipped=dict(Counter(one.skipped.value for one in windows if one.skipped is not None)),
            faults=tuple(faults),
            missing="; ".join(_missing(work)),
            alerts=tuple(
                # How late it comes tells nothing of an archive.
                self._alerts.make(activity).model_copy(update={"latency_ms": None})
                for activity in found
            ),
        )
        work.part.finish(
            scanned,
            lambda path: write_windows(path, film.path, film.camera.name, windows, metadata.labels),
        )
        self._note(work, plan, scanned)

    def _note(self, work: _Work, plan: Plan, scanned: ScannedFilm) -> None:
        """Count a file that is done, and see to it that the sinks have its alerts."""
        film, progress = work.film, self._progress
        if scanned.missing:
            log.error("%s: %s", film.path, scanned.missing)
        self._rows[film.path] = FileRow(
            file=str(film.path),
            camera=film.camera.name,
            state="partial" if scanned.missing else "scanned",
            reason=scanned.missing or None,
            faults="; ".join(scanned.faults) or None,
            bytes=film.size,
            seconds=scanned.seconds,
            windows=scanned.windows,
            skipped=scanned.skipped,
            activities=scanned.activities,
        )
        progress.done += 1
        progress.failed += bool(scanned.missing)
        progress.windows += scanned.windows
        progress.activities += scanned.activities

        @lru_cache(maxsize=1)  # the start and the end of an activity often have the same
        def window(region: str, peak_s: float | None) -> Window | None:
            return self._window(film, work.part, plan, region, peak_s)

        def find(alert: AlertEvent) -> Window | None:
            return window(alert.region or "", alert.peak_s)

        self._delivery.give(film, scanned.alerts, work.part, find)

    def _fail(self, work: _Work, why: str) -> None:
        film = work.film
        log.error("%s", _of(film, why))
        self._rows[film.path] = FileRow.failed(film.path, film.camera.name, why, film.size)
        self._progress.done += 1
        self._progress.failed += 1

    def _window(
        self, film: Film, part: Part, plan: Plan, region: str, peak_s: float | None
    ) -> Window | None:
        """What the model saw in the window that ended at the highest score of an activity."""
        start_s = None if peak_s is None else start_of(part.table, region, peak_s)
        if start_s is None:
            return None
        try:
            return window_again(film, self._classifier, plan.segments, region, start_s)
        except (SourceError, av.FFmpegError) as error:
            log.warning("%s: no filmstrip of %.1f s: %s", film.path, start_s, error)
            return None


def _of(film: Film, why: str) -> str:
    """What went wrong with a file, which its name begins."""
    return why if why.startswith(str(film.path)) else f"{film.path}: {why}"


def _until_s(plan: Plan, number: int, result: SegmentResult) -> float:
    """Where a segment ends in its file."""
    until_s = plan.segments[number].until_s
    return result.end_s if until_s is None else until_s


def _missing(work: _Work) -> Iterator[str]:
    """What of a file could not be scanned, and why."""
    for number, why in sorted(work.failures.items()):
        segment = work.plan.segments[number]
        to = "the end" if segment.until_s is None else f"{segment.until_s:.1f} s"
        yield f"from {max(0.0, segment.from_s):.1f} s to {to}: {why}"
