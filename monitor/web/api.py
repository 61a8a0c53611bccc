"""/api/v1: everything that the page does, as JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from monitor.store.event import PAGE_MAX, Event, EventFilter, Verdict
from monitor.store.skips import SkipSpan
from monitor.store.states import StateSpan
from monitor.store.store import UnknownEvent
from monitor.web.access import Admin, Reviewer, Viewer, Visit, cursor_of
from monitor.web.media import Media, media_of


class Problem(BaseModel):
    """What went wrong, in a line."""

    detail: str


PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "There are users, and nobody is logged in."},
    403: {"model": Problem, "description": "The role is not enough, or a foreign page asks."},
    422: {"model": Problem, "description": "The request makes no sense."},
    503: {"model": Problem, "description": "The event store fails."},
}
UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "There is no such event; it may have been pruned."}
}

router = APIRouter(prefix="/api/v1", tags=["har-monitor"], responses=PROBLEMS)

LONGEST = timedelta(days=31)  # of a timeline
_TIMELINE: dict[str, Any] = {
    "cameras": ["door"],
    "states": [
        {
            "camera": "door",
            "start": "2026-05-04T08:00:00Z",
            "end": "2026-05-04T09:12:44Z",
            "state": "retrying",
            "cause": "unreachable",
        }
    ],
    "skipped": [
        {
            "camera": "door",
            "start": "2026-05-04T09:13:00Z",
            "end": "2026-05-04T09:20:00Z",
            "reason": "black",
            "windows": 392,
            "total": 420,
        }
    ],
}

QUIET_S = 15.0  # after which a stream of changes says that it is still there


class EventQuery(EventFilter):
    """Which events, and from where on."""

    after: str | None = Field(None, description="`next` of the page before")
    limit: int = Field(50, ge=1, le=PAGE_MAX)


class EventOut(BaseModel):
    """An event with the addresses of its evidence."""

    event: Event
    media: Media


class EventPage(BaseModel):
    """Events from the newest on."""

    events: list[EventOut]
    next: str | None = Field(description="`after` of the next page; null: this is the last")


EventId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{1,64}$")]


class Reviews(BaseModel):
    """The same verdict on several events."""

    ids: list[EventId] = Field(min_length=1, max_length=PAGE_MAX)
    verdict: Verdict


class Reviewed(BaseModel):
    """What became of it."""

    reviewed: list[str]
    unknown: list[str] = Field(description="there are no such events; they may have been pruned")


class Fact(BaseModel):
    """Something that is known of the models."""

    name: str = Field(description="empty: it belongs to the fact before")
    text: str


class CameraOut(BaseModel):
    """A camera that is watched."""

    name: str
    source: str = Field(description="without credentials")
    state: str
    cause: str
    score: float = Field(description="highest smoothed score of an alert label just now")
    open: list[dict[str, str]] = Field(description="activities that go on: region and label")


class TimelineQuery(BaseModel):
    """Of which time, and of which cameras."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime = Field(examples=["2026-05-04T00:00:00Z"])
    until: AwareDatetime = Field(
        description=f"at most {LONGEST.days} days later", examples=["2026-05-05T00:00:00Z"]
    )
    camera: tuple[str, ...] = Field((), description="none: all", examples=[["door"]])

    @model_validator(mode="after")
    def _is_a_time(self) -> Self:
        if not timedelta() < self.until - self.since <= LONGEST:
            raise ValueError(f"until must be later than since, by at most {LONGEST.days} days")
        return self


class Timeline(BaseModel):
    """How cameras did, and what of them was not classified."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TIMELINE]})

    cameras: list[str] = Field(description="those that are watched, and those that have events")
    states: list[StateSpan] = Field(
        description="by camera, in their order; what lies between them nobody knows"
    )
    skipped: list[SkipSpan] = Field(
        description="whole minutes that follow one another, by camera and reason; `windows` of "
        "all `total` windows were not classified for this reason"
    )


@router.get("/events")
def list_events(visit: Viewer, query: Annotated[EventQuery, Query()]) -> EventPage:
    """Events from the newest on, a page at a time."""
    wanted = EventFilter.model_validate(query.model_dump(exclude={"after", "limit"}))
    events, following = visit.page(wanted, cursor_of(query.after), query.limit)
    return EventPage(
        events=events_out(visit, events),
        next=None if following is None else str(following),
    )


@router.get("/events/{id}", responses=UNKNOWN)
def get_event(visit: Viewer, id: str) -> EventOut:
    """One event."""
    return event_out(visit, visit.event(id))


@router.patch("/events/{id}", responses=UNKNOWN)
def review_event(visit: Reviewer, id: str, verdict: Verdict) -> EventOut:
    """Say what an event was; what is not given stays as it is."""
    return event_out(visit, visit.review(id, verdict))


@router.post("/reviews")
def review_events(visit: Reviewer, reviews: Reviews) -> Reviewed:
    """The same verdict on several events."""
    reviewed: list[str] = []
    unknown: list[str] = []
    for id in reviews.ids:
        try:
            visit.review(id, reviews.verdict)
            reviewed.append(id)
        except UnknownEvent:
            unknown.append(id)
    return Reviewed(reviewed=reviewed, unknown=unknown)


@router.get("/cameras")
async def list_cameras(visit: Viewer) -> list[CameraOut]:
    """The cameras that are watched, as they are just now."""
    return [
        CameraOut(
            name=one.name,
            source=one.source,
            **(
                visit.web.live.states.get(one.name)
                or {"state": "unknown", "cause": "", "score": 0.0, "open": []}
            ),
        )
        for one in visit.cameras
    ]


@router.get("/timeline")
def get_timeline(visit: Viewer, query: Annotated[TimelineQuery, Query()]) -> Timeline:
    """How cameras did between two times, and what of them was not classified and why."""
    known, _ = visit.names()
    cameras = [name for name in known if not query.camera or name in query.camera]
    spans = visit.states(query.since, query.until)
    return Timeline(
        cameras=cameras,
        states=[span for span in spans if span.camera in cameras],
        skipped=visit.skip_spans(cameras, query.since, query.until),
    )


@router.get("/health")
async def get_health(visit: Viewer) -> dict[str, Any]:
    """How everything does, as in the health file; of the user's cameras."""
    return visit.health


@router.get("/models")
async def list_models(visit: Viewer) -> list[Fact]:
    """What is known of the models."""
    return [Fact(name=name, text=text) for name, text in visit.web.settings.models]


@router.get("/configuration")
async def get_configuration(visit: Admin) -> dict[str, str]:
    """The configuration in force, without secrets, as YAML."""
    return {"yaml": visit.web.settings.configuration}


@router.get("/changes", response_class=StreamingResponse)
async def follow_changes(visit: Viewer) -> StreamingResponse:
    """Server-sent events: `state` when cameras change, `alert` when an activity starts or ends."""
    return StreamingResponse(_changes(visit), media_type="text/event-stream")


async def _changes(visit: Visit) -> AsyncIterator[str]:
    live, said = visit.web.live, ""
    alerts, told = live.alerts, 0
    while visit.holds:
        states = {name: one for name, one in live.states.items() if visit.user.sees(name)}
        if (text := json.dumps(states)) != said:
            said = text
            yield f"event: state\ndata: {text}\n\n"
        for alert in live.alerts_after(alerts):
            if visit.user.sees(alert["camera"]):
                yield f"event: alert\ndata: {json.dumps(alert)}\n\n"
        alerts = live.alerts
        before, told = told, await live.changed(told, QUIET_S)
        if before == told:
            yield ": still here\n\n"
        await asyncio.sleep(0.1)


def event_out(visit: Visit, event: Event) -> EventOut:
    """An event as the API gives it."""
    (found,) = events_out(visit, [event])
    return found


def events_out(visit: Visit, events: Sequence[Event]) -> list[EventOut]:
    """Events as the API gives them."""
    found = zip(events, media_of(visit.web, *events), strict=True)
    return [EventOut(event=event, media=media) for event, media in found]
