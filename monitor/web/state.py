"""What all routes share."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import HTTPConnection

from monitor.errors import MonitorError
from monitor.evidence.folder import EventFiles, event_files
from monitor.evidence.places import Elsewhere, EvidenceFinder
from monitor.evidence.segments import is_recorded
from monitor.store.event import Event, Verdict
from monitor.store.journal import DeletedLine, Journal, PromotionLine, ReviewLine, SpanLine
from monitor.store.lease import Fence
from monitor.store.store import EventStore
from monitor.store.taught import NOTHING, take_back, teach
from monitor.web.copies import Copies
from monitor.web.keeper import Keeper
from monitor.web.live import LiveState
from monitor.web.sessions import Sessions
from monitor.web.settings import CameraSettings, ShadowSettings, WebSettings
from monitor.web.users import Users

log = logging.getLogger(__name__)


@dataclass
class WebState:
    """The store, the reviews' journal, the evidence, and what is live."""

    settings: WebSettings
    store: EventStore
    journal: Journal
    live: LiveState
    users: Users | None = None  # None: whoever is at this machine
    sessions: Sessions | None = None
    copies: Copies = field(default_factory=Copies)
    elsewhere: Sequence[Elsewhere] = ()  # where evidence is found that is not in the folder
    keeper: Keeper | None = None  # who keeps it on other machines, and does more than give it out

    def renew(self, settings: bytes) -> None:
        """Take what the configuration says now, as JSON."""
        self.settings = WebSettings.model_validate_json(settings)
        self.guard_store()

    def guard_store(self) -> None:
        """Write to the store only as long as the lease of the watching process has its epoch."""
        lease = self.settings.lease
        self.store.fence = None if lease is None else Fence(*lease)

    def camera(self, name: str) -> CameraSettings | None:
        """A camera that is watched; None if there is none of this name."""
        return next((one for one in self.settings.cameras if one.name == name), None)

    @property
    def finder(self) -> EvidenceFinder:
        """Where evidence is found."""
        return EvidenceFinder(self.settings.evidence, self.elsewhere, self.settings.beside)

    def files(self, event: Event) -> EventFiles | None:
        """The evidence of an event; None if its id or its camera is none of har-monitor's."""
        return self.finder.files(event)

    def review(self, event: Event, verdict: Verdict, by: str) -> Event:
        """Keep what somebody says of an event, in the journal and in the store, or in neither."""
        if verdict.empty:
            return event
        now = datetime.now(UTC)
        line = ReviewLine(id=event.id, time=now, by=by, verdict=verdict)
        reviewed = self.store.review(event.id, verdict, by, now, lambda: self.journal.write(line))
        if verdict.marked is not None:
            self._mark_anywhere(reviewed)
        log.info("review of %s (%s) by %s: %s", event.id, event.title, by, _said(verdict))
        return reviewed

    def promote(self, camera: str, tried: ShadowSettings, by: str) -> None:
        """Write into the journal that the two models of a camera change places; StoreError.

        The watching process is to be told of it then.
        """
        former, promoted = tried.model, tried.shadow
        first, second = (promoted, former) if tried.promoted else (former, promoted)
        line = PromotionLine(
            camera=camera,
            time=datetime.now(UTC),
            by=by,
            promoted=not tried.promoted,
            model=first.sha256,
            shadow=second.sha256,
        )
        self.journal.write(line)
        what = "rollback" if tried.promoted else "promotion"
        log.info(
            "%s of camera %s by %s: %s %s raises its alerts in place of %s %s",
            what,
            camera,
            by,
            promoted.name,
            promoted.sha256[:8],
            former.name,
            former.sha256[:8],
        )

    def teach(
        self, camera: str, start: datetime, end: datetime, label: str | None, by: str
    ) -> Event:
        """Keep a span of what is recorded as an event, here or on the machine that recorded it.

        NotRecorded if not all of it is recorded by one; MonitorError if it cannot be kept.
        """
        line = SpanLine(
            id=str(uuid.uuid4()),
            time=datetime.now(UTC),
            by=by,
            camera=camera,
            label=None if label == NOTHING else label,
            start_time=start,
            end_time=end,
        )
        recorded = self._recorded_here(line)
        if self.keeper is None or recorded is not None:
            return self._keep(line, recorded)
        self.keeper.teach(line)
        return self.store.event(line.id)

    def teach_here(self, line: SpanLine) -> Event:
        """Keep a span that is recorded here, in journal, store and evidence, or nowhere.

        As `teach`; ValueError if no file can be called by its id.
        """
        return self._keep(line, self._recorded_here(line))

    def _keep(self, line: SpanLine, recorded: Path | None) -> Event:
        """The same, of a span that is recorded in a folder; None: in none, which is told."""
        from monitor.evidence.spans import discard, keep_span  # PyAV, only if it is needed

        folder = self.settings.evidence
        start, end = line.start_time, line.end_time
        files = event_files(folder, line.camera, line.id, start)
        source = recorded or folder
        keep_span(source, line.camera, start, end, files, self.settings.min_free_gib)
        try:
            event = teach(self.store, line, lambda: self.journal.write(line))
        except BaseException:
            discard(files)
            raise
        log.info("span %s (%s) taught by %s", event.id, event.title, line.by)
        return event

    def _recorded_here(self, line: SpanLine) -> Path | None:
        """The folder in which all of a span is recorded; None if there is none."""
        span = line.camera, line.start_time, line.end_time
        return next((one for one in self.finder.folders if is_recorded(one, *span)), None)

    def take_back(self, event: Event, by: str) -> None:
        """Delete an event that was taught, everywhere; MonitorError if who has it is silent."""
        line = DeletedLine(id=event.id, time=datetime.now(UTC), by=by)
        files = self.files(event)
        if self.keeper is None or (files is not None and files.there):
            self.take_back_here(event, line)
        else:
            self.keeper.take_back(event, line)

    def take_back_here(self, event: Event, line: DeletedLine) -> None:
        """The same, of one that was taught here."""
        from monitor.evidence.spans import discard  # PyAV, only if it is needed

        take_back(self.store, event.id, lambda: self.journal.write(line))
        if (files := self.files(event)) is not None:
            self.copies.give_up(files)
            discard(files)
        log.info("span %s (%s) taken back by %s", event.id, event.title, line.by)

    def _mark_anywhere(self, event: Event) -> None:
        self.mark(event)
        files = self.files(event)
        if self.keeper is None or (files is not None and files.there):
            return
        try:
            self.keeper.mark(event)
        except MonitorError as error:
            log.warning("%s; it looks for marked events once an hour", error)

    def mark(self, event: Event) -> None:
        """Let retention here know that the evidence of an event is to stay, or no longer is."""
        files = self.files(event)
        if files is None or not files.stem.parent.is_dir():
            return
        with suppress(FileNotFoundError):
            files.keep.touch() if event.marked else files.keep.unlink()


def state_of(connection: HTTPConnection) -> WebState:
    """The state of the application that serves this."""
    state: WebState = connection.app.state.web
    return state


def _said(verdict: Verdict) -> str:
    values = verdict.model_dump(mode="json", exclude_none=True)
    return ", ".join(f"{name} {value!r}" for name, value in values.items()) or "nothing"
