"""What is recorded of the cameras all the time, and what people teach from it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

from monitor.events.alert import Moment
from monitor.evidence.places import RemoteFile
from monitor.evidence.segments import Recorded, recorded
from monitor.names import Label
from monitor.store.event import milliseconds, moment_of
from monitor.store.taught import LEAST_S, MOST_S, taught_of
from monitor.web.access import Reviewer, Viewer, Visit
from monitor.web.api import PROBLEMS, UNKNOWN, EventId, EventOut, Problem, event_out
from monitor.web.media import EvidenceFile
from monitor.web.recordings import Recordings, find_recording, recordings
from monitor.web.remote import remote_response

router = APIRouter(tags=["har-monitor"], responses=PROBLEMS)

_NO_CAMERA: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "No such camera is watched."}
}
_NOT_TAUGHT: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "It was not taught: a model raised it."}
}


class SegmentOut(BaseModel):
    """A part of what is recorded: a video of the camera's own packets."""

    start: Moment
    end: Moment
    address: str = Field(description="MP4, with ranges; the newest one grows")


class RecordedTime(BaseModel):
    """A time without a gap."""

    start: Moment
    end: Moment
    segments: list[SegmentOut]


class RecordedOut(BaseModel):
    """What is recorded of a camera, and what was taught from it."""

    camera: str
    rolling_min: float = Field(description="minutes that are kept at most; 0: nothing is recorded")
    recorded: list[RecordedTime]
    silent: list[str] = Field(
        description="of the page of all machines: which may have more and do not answer, and why"
    )
    taught: dict[str, int] = Field(description="spans of the camera that were taught, by label")


class RecordedQuery(BaseModel):
    """Which part of it; what is not given restricts nothing."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime | None = Field(None, description="segments that end then or later")
    until: AwareDatetime | None = Field(None, description="segments that begin before")


class SpanIn(BaseModel):
    """A span of what is recorded, and what is done in it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "camera": "door",
                    "start": "2026-05-04T08:15:02.400Z",
                    "end": "2026-05-04T08:15:06Z",
                    "label": "parcel thrown",
                },
                {
                    "camera": "door",
                    "start": "2026-05-04T08:20:00Z",
                    "end": "2026-05-04T08:20:10Z",
                    "label": None,
                },
            ]
        },
    )

    camera: str
    start: AwareDatetime
    end: AwareDatetime
    label: Label | None = Field(description="null: nothing that is to be found")

    @field_validator("start", "end")
    @classmethod
    def _as_stored(cls, moment: AwareDatetime) -> AwareDatetime:
        """UTC, in whole milliseconds."""
        return moment_of(milliseconds(moment))

    @model_validator(mode="after")
    def _is_a_span(self) -> SpanIn:
        lasts_s = (self.end - self.start) / timedelta(seconds=1)
        if not LEAST_S <= lasts_s <= MOST_S:
            raise ValueError(
                f"a span lasts {LEAST_S:g} to {MOST_S:g} s; this one would last {lasts_s:g} s"
            )
        return self


@router.get("/api/v1/cameras/{name}/recorded", responses=_NO_CAMERA)
def get_recorded(visit: Viewer, name: str, query: Annotated[RecordedQuery, Query()]) -> RecordedOut:
    """What is recorded of a camera all the time (`evidence.rolling_min`), in order."""
    told = recordings_of(visit, name)
    found = [
        one
        for one in told.segments[name]
        if (query.since is None or one.end >= query.since)
        and (query.until is None or one.start < query.until)
    ]
    return RecordedOut(
        camera=name,
        rolling_min=visit.web.settings.rolling_min,
        recorded=[_time(name, one) for one in recorded(found)],
        silent=told.silent,
        taught=taught_of(visit.web.store, name),
    )


@router.post("/api/v1/spans", responses=_NO_CAMERA, status_code=201)
def teach_span(visit: Reviewer, span: SpanIn) -> EventOut:
    """Teach a span: it becomes an event that is reviewed and kept, with a clip of its own."""
    if not visit.watches(span.camera):
        raise HTTPException(404, f"there is no camera {span.camera}")
    return event_out(visit, visit.teach(span.camera, span.start, span.end, span.label))


@router.delete("/api/v1/events/{id}", responses=UNKNOWN | _NOT_TAUGHT, status_code=204)
def take_back_event(visit: Reviewer, id: EventId) -> None:
    """Take back an event that was taught, with its clip."""
    event = visit.event(id)
    if not event.taught:
        raise HTTPException(409, f"event {id} was not taught: dismiss it if it is wrong")
    visit.take_back(event)


@router.get("/media/recorded/{name}/{stamp}.mp4", include_in_schema=False)
def get_segment(request: Request, visit: Viewer, name: str, stamp: str) -> Response:
    """A segment, or the part of it that is asked for."""
    found = find_recording(visit.web, name, stamp) if visit.watches(name) else None
    if found is None:
        raise HTTPException(404, f"camera {name}: nothing is recorded under {stamp}")
    response: Response
    if isinstance(found, RemoteFile):
        response = remote_response(found, "video/mp4", request.headers)
    else:
        response = EvidenceFile(found, media_type="video/mp4")
    response.headers["cache-control"] = "no-cache"  # it may grow
    return response


def recordings_of(visit: Visit, name: str) -> Recordings:
    """All that is recorded of a camera; 404 if none of that name is watched, or theirs to see."""
    if not visit.watches(name):
        raise HTTPException(404, f"there is no camera {name}")
    return recordings(visit.web, [name])


def _time(camera: str, found: Recorded) -> RecordedTime:
    segments = [
        SegmentOut(
            start=one.start,
            end=one.end,
            address=f"/media/recorded/{quote(camera, safe='')}/{one.stamp}.mp4",
        )
        for one in found.segments
    ]
    return RecordedTime(start=found.start, end=found.end, segments=segments)
