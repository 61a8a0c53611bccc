"""The pages: HTML that the server writes, with a little script."""

from __future__ import annotations

import shlex
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from monitor.evidence.retention import free_bytes
from monitor.evidence.segments import recorded
from monitor.notify.outbox import Outbox
from monitor.states import NOTHING_MOVES, CameraState, SkipReason
from monitor.store.comparison import Found
from monitor.store.event import PAGE_MAX, Cursor, Event, EventFilter, Origin, Review
from monitor.store.taught import LEAST_S, MOST_S, NOTHING
from monitor.web.access import Admin, Viewer, Visit, cursor_of
from monitor.web.adding import check_may_add
from monitor.web.charts import DAY_WIDTH, day_rows, trace_chart
from monitor.web.html import page, zone_of
from monitor.web.media import Media, media_of
from monitor.web.recorded import recordings_of
from monitor.web.recordings import recordings
from monitor.web.shadows import DAYS, Days, tried_out
from monitor.web.users import Role

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

EVENTS_OF_PAGE = 40
COUNTED = 1000  # events, at most: of more, the page says so
_YEARS = (1970, 9000)
NEWEST = 6  # events below live pictures
EVENTS_OF_DAY = 2000  # that a timeline shows, at most
LOST_OF_DAY = 300  # times in which nothing was seen that it lists, at most
_AROUND = timedelta(minutes=10)  # before and after such a time, whose events may say more


@router.get("/")
def live(request: Request, visit: Viewer) -> HTMLResponse:
    """The wall."""
    cameras = visit.cameras
    found, _ = visit.page(EventFilter(), None, NEWEST)
    any_live = any(one.live for one in cameras)
    newest = _with_media(visit, found)
    return page(request, visit, "live", cameras=cameras, events=newest, any_live=any_live)


@router.get("/cameras/{name}")
def camera(request: Request, visit: Viewer, name: str) -> HTMLResponse:
    """One camera, and its newest events."""
    found = visit.web.camera(name)
    if found is None or not visit.user.sees(name):
        raise HTTPException(404, f"there is no camera {name}")
    newest, _ = visit.page(EventFilter(camera=(name,)), None, NEWEST)
    return page(request, visit, "camera", camera=found, events=_with_media(visit, newest))


@router.get("/cameras/{name}/recorded")
def recorded_of_camera(request: Request, visit: Viewer, name: str) -> HTMLResponse:
    """What is recorded of a camera, to be looked at and taught from."""
    told = recordings_of(visit, name)
    found = visit.web.camera(name)
    assert found is not None  # or there would be no segments to ask for
    at = request.query_params.get("at")
    return page(
        request,
        visit,
        "recorded",
        camera=found,
        times=recorded(told.segments[name]),
        silent=told.silent,
        at=None if at is None else _local(at, zone_of(request), "at"),
        rolling_min=visit.web.settings.rolling_min,
        labels=sorted({*found.labels, *visit.names()[1]} - {NOTHING}),
        known=found.labels,
        longest_s=MOST_S,
        shortest_s=LEAST_S,
        events=_events_for_training(visit),
    )


@router.get("/events")
def events(request: Request, visit: Viewer) -> HTMLResponse:
    """The events, newest first."""
    wanted = _wanted(request)
    after = cursor_of(request.query_params.get("after"))
    found, following = visit.page(wanted, after, EVENTS_OF_PAGE)
    cameras, labels = visit.names()
    return page(
        request,
        visit,
        "events",
        events=_with_media(visit, found),
        wanted=wanted,
        count=visit.count(wanted, COUNTED + 1),
        counted=COUNTED,
        cameras=cameras,
        labels=labels,
        shadows=visit.count(EventFilter(origin=(Origin.SHADOW,)), most=1) > 0,
        older=None if following is None else _query(request, after=str(following)),
        query=_query(request, after=None),
        first=after is None,
        last_day=request.query_params.get("until", "")[:10],
        hours=any(":" in request.query_params.get(name, "") for name in ("since", "until")),
    )


@router.get("/events/{id}")
def event(request: Request, visit: Viewer, id: str) -> HTMLResponse:
    """One event: what happened, and why it was raised."""
    found, wanted = visit.event(id), _wanted(request)
    newer, older = visit.neighbours(found, wanted)
    facts = visit.web.finder.facts(found)
    return page(
        request,
        visit,
        "event",
        event=found,
        media=media_of(visit.web, found)[0],
        facts=facts,
        chart=trace_chart(found, facts),
        newer=newer,
        older=older,
        query=_query(request, after=None),
        labels=visit.names()[1],
    )


@router.get("/timeline")
def timeline(request: Request, visit: Viewer) -> HTMLResponse:
    """A day by camera, in the zone of the viewer."""
    zone = zone_of(request)
    today = datetime.now(zone).date()
    try:
        day = date.fromisoformat(request.query_params.get("day", today.isoformat()))
    except ValueError:
        raise HTTPException(422, "day: a date such as 2026-05-04 is needed") from None
    if not _YEARS[0] <= day.year <= _YEARS[1]:
        raise HTTPException(422, f"day: a year from {_YEARS[0]} to {_YEARS[1]} is needed")
    began, ended = (
        datetime.combine(one, time(), zone).astimezone(UTC)
        for one in (day, day + timedelta(days=1))
    )
    wanted = _wanted(request).model_copy(update={"since": began, "until": ended})
    found, more = _up_to(visit, wanted, EVENTS_OF_DAY)
    cameras, _ = visit.names()
    spans = visit.states(began, ended)
    minutes = visit.skipped_minutes(cameras, began, ended)
    watched = [name for name in cameras if visit.watches(name)]
    told = recordings(visit.web, watched, joined=True)
    times = {name: recorded(segments) for name, segments in told.segments.items()}
    rows = day_rows(cameras, found, spans, minutes, times, began, ended)
    hours = int((ended - began) / timedelta(hours=1))
    return page(
        request,
        visit,
        "timeline",
        day=day,
        before=day - timedelta(days=1),
        after=None if day >= today else day + timedelta(days=1),
        rows=rows,
        silent=told.silent,
        lost=sum(len(row.lost) for row in rows),
        listed=LOST_OF_DAY,
        api=f"/api/v1/timeline?{urlencode({'since': began, 'until': ended})}",
        around=lambda camera, lost: _around(camera, lost.start, lost.end, zone),
        count=visit.count(wanted),
        shown=len(found),
        first=found[-1].at if more else None,
        now=_place(datetime.now(UTC), began, ended),
        width=DAY_WIDTH,
        hours=[
            (
                hour * DAY_WIDTH / hours,
                (began + timedelta(hours=hour)).astimezone(zone).strftime("%H"),
            )
            for hour in range(0, hours, 2)
        ],
        zone=str(zone),
    )


@router.get("/models")
def models(request: Request, visit: Viewer, days: Days = DAYS) -> HTMLResponse:
    """Models that are tried out beside those of cameras, and how they do."""
    health = {one["name"]: one for one in visit.health["cameras"]}
    return page(
        request,
        visit,
        "models",
        compared=[
            (camera, tried, visit.compare(camera, tried, days), health.get(camera))
            for camera, tried in visit.shadows.items()
        ],
        days=days,
        Found=Found,
    )


@router.get("/models/{name}")
def compared(
    request: Request,
    visit: Viewer,
    name: str,
    found: Found,
    review: Review | None = None,
    days: Days = DAYS,
) -> HTMLResponse:
    """The events that both models of a camera found, or one alone."""
    tried = tried_out(visit, name)
    ids = visit.compare(name, tried, days).ids(found, review)
    return page(
        request,
        visit,
        "compared",
        camera=name,
        tried=tried,
        found=found,
        review=review,
        days=days,
        count=len(ids),
        events=_with_media(visit, visit.some(ids[:PAGE_MAX])),
    )


@router.get("/add")
def add(request: Request, visit: Admin) -> HTMLResponse:
    """One more camera."""
    check_may_add(visit)
    return page(request, visit, "add")


@router.get("/health")
def health(request: Request, visit: Viewer) -> HTMLResponse:
    """How everything does."""
    web = visit.web
    said = visit.health
    cameras = [one | {"share": _classified(one)} for one in said["cameras"]]
    folder = web.settings.evidence
    is_admin = visit.user.role >= Role.ADMIN
    return page(
        request,
        visit,
        "health",
        pid=said.get("pid"),
        watched=cameras,
        sinks=said.get("sinks", ()),
        shards=said.get("shards", ()),
        free_gib=free_bytes(folder) / 2**30 if folder.is_dir() else None,
        total=visit.count(EventFilter()),
        unreviewed=visit.count(EventFilter(review=(Review.UNREVIEWED,))),
        models=web.settings.models,
        configuration=web.settings.configuration if is_admin else None,
        told=_told(Outbox(web.store)) if is_admin else (),
        states={one.value: one.meaning for one in CameraState},
        reasons={one.value: one.meaning for one in SkipReason},
    )


def _told(outbox: Outbox) -> list[tuple[str, dict[str, int], str]]:
    """Each target of notifications: how many are in each state, and the last error."""
    return [
        (name, {state.value: count for state, count in found.items()}, outbox.last_error(name))
        for name, found in outbox.counts().items()
    ]


def _classified(camera: dict[str, Any]) -> float | None:
    """The share of a camera's windows that were classified, of those in which something moved."""
    missed = sum(count for why, count in camera["dropped"].items() if why not in NOTHING_MOVES)
    wanted = camera["windows"] + missed
    return camera["windows"] / wanted if wanted else None


def _up_to(visit: Visit, wanted: EventFilter, most: int) -> tuple[list[Event], bool]:
    """The newest such events, and whether there are more."""
    found: list[Event] = []
    after: Cursor | None = None
    while len(found) < most:
        events, after = visit.page(wanted, after, PAGE_MAX)
        found += events
        if after is None:
            return found, False
    return found, True


def _events_for_training(visit: Visit) -> str:
    """How `har-train` is told where the events are; without the paths, for those who are no admin.

    Nor with the address of a server, which may hold a password.
    """
    settings = visit.web.settings
    store, evidence = settings.store, str(settings.evidence)
    if visit.user.role < Role.ADMIN or "://" in store:
        store, evidence = "STORE", "EVIDENCE"
    return f"--from-events {shlex.quote(store)} --evidence {shlex.quote(evidence)}"


def _place(moment: datetime, began: datetime, ended: datetime) -> float | None:
    """Where a moment is in a day, in units of the timeline; None if it is in another day."""
    part = (moment - began) / (ended - began)
    return round(part * DAY_WIDTH, 1) if 0 <= part < 1 else None


def _around(camera: str, start: datetime, end: datetime, zone: tzinfo) -> str:
    """The address of the events of a camera about a time."""
    times = {"since": start - _AROUND, "until": end + _AROUND}
    local = {name: at.astimezone(zone).isoformat() for name, at in times.items()}
    return f"/events?{urlencode({'camera': camera} | local)}"


def _with_media(visit: Visit, events: list[Event]) -> list[tuple[Event, Media]]:
    return list(zip(events, media_of(visit.web, *events), strict=True))


def _wanted(request: Request) -> EventFilter:
    """The filter in an address; fields that a form left empty are none."""
    given = request.query_params
    values: dict[str, Any] = {
        name: tuple(value for value in given.getlist(name) if value)
        for name in ("camera", "label", "review")
    }
    if origins := tuple(value for value in given.getlist("origin") if value):
        values["origin"] = origins
    values |= {
        name: value
        for name in ("since", "until", "min_score", "marked")
        if (value := given.get(name))
    }
    zone = zone_of(request)
    for name in ("since", "until"):
        if name in values:
            values[name] = _local(values[name], zone, name)
    if "until" in values and len(given["until"]) == len("2026-05-04"):
        values["until"] += timedelta(days=1)  # a day, to its end
    try:
        return EventFilter.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise HTTPException(422, f"{first['loc'][0]}: {first['msg'].lower()}") from None


def _local(text: str, zone: tzinfo, name: str) -> datetime:
    """A time as a form gives it: without a zone it is the viewer's."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise HTTPException(422, f"{name}: a date such as 2026-05-04 is needed") from None
    if not _YEARS[0] <= found.year <= _YEARS[1]:
        raise HTTPException(422, f"{name}: a year from {_YEARS[0]} to {_YEARS[1]} is needed")
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _query(request: Request, **changes: str | None) -> str:
    """The query of an address with changes, beginning with `?`; empty if nothing is left."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if value]
    kept = [(name, value) for name, value in kept if name not in changes]
    kept += [(name, value) for name, value in changes.items() if value is not None]
    return f"?{urlencode(kept)}" if kept else ""
