"""/api/v1: models that are tried out beside those of cameras, and how they change places."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field, StringConstraints

from monitor.store.comparison import Comparison, Found
from monitor.store.event import PAGE_MAX, Review
from monitor.web.access import Admin, Viewer, Visit
from monitor.web.api import PROBLEMS, EventOut, Problem, events_out
from monitor.web.settings import ModelSettings, ShadowSettings

DAYS, DAYS_MAX = 7, 366  # that are compared, if nothing else is asked for, and at most

_UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "There is no such camera, or no model is tried out."}
}
_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "The models of the camera are others by now."},
}

router = APIRouter(prefix="/api/v1", tags=["har-monitor"], responses=PROBLEMS)

Days = Annotated[int, Query(ge=1, le=DAYS_MAX, description="that are compared, up to now")]
Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class ShadowOut(BaseModel):
    """A camera with a model that is tried out, and what both of its models found."""

    camera: str
    model: ModelSettings = Field(description="raises the alerts")
    shadow: ModelSettings = Field(description="is tried out: its events are recorded, not raised")
    promoted: bool = Field(
        description="whether the two have changed places: the configuration names them the other "
        "way round"
    )
    compared_s: float = Field(description="for how long both have watched, within these days")
    events: dict[Found, dict[Review, int]] = Field(
        description="how many events both found, or one alone, by review; both: those of the model"
    )


class Order(BaseModel):
    """What is to be; refused if somebody else was faster."""

    model: Sha256 = Field(description="sha256 of the model that is to raise the alerts from now on")


class Ordered(BaseModel):
    """What was ordered; `GET /api/v1/shadows` says when it is so."""

    camera: str
    promoted: bool


@router.get("/shadows")
def list_shadows(visit: Viewer, days: Days = DAYS) -> list[ShadowOut]:
    """What models that are tried out find, beside what the cameras' own models find."""
    return [
        _out(camera, tried, visit.compare(camera, tried, days))
        for camera, tried in visit.shadows.items()
    ]


@router.get("/shadows/{name}/events", responses=_UNKNOWN)
def list_compared(
    visit: Viewer,
    name: str,
    found: Found,
    review: Review | None = None,
    days: Days = DAYS,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE_MAX,
) -> list[EventOut]:
    """The events that both models of a camera found, or one alone; the newest, at most `limit`."""
    ids = visit.compare(name, tried_out(visit, name), days).ids(found, review)
    return events_out(visit, visit.some(ids[:limit]))


@router.post("/cameras/{name}/promote", status_code=202, responses=_UNKNOWN | _CONFLICT)
async def promote(visit: Admin, name: str, order: Order) -> Ordered:
    """Let the model that is tried out raise the camera's alerts; the other one is tried out then.

    It stays so until it is rolled back, or the configuration names other models.
    """
    return await _change(visit, name, order, promoted=True)


@router.post("/cameras/{name}/rollback", status_code=202, responses=_UNKNOWN | _CONFLICT)
async def roll_back(visit: Admin, name: str, order: Order) -> Ordered:
    """Take a promotion back."""
    return await _change(visit, name, order, promoted=False)


async def _change(visit: Visit, name: str, order: Order, *, promoted: bool) -> Ordered:
    web, tried = visit.web, tried_out(visit, name)
    if web.settings.site:
        raise HTTPException(
            409, "the page over all shards changes no models: name others in the configuration"
        )
    if tried.promoted is promoted:
        raise HTTPException(409, f"camera {name} is {'' if promoted else 'not '}promoted already")
    if tried.shadow.sha256 != order.model:
        raise HTTPException(409, f"camera {name}: another model is tried out by now")
    if not web.live.connected:
        raise HTTPException(409, "the watching has ended")
    await asyncio.to_thread(web.promote, name, tried, visit.user.name)
    web.live.tell_of_promotion()
    return Ordered(camera=name, promoted=promoted)


def tried_out(visit: Visit, name: str) -> ShadowSettings:
    """The models of one of their cameras of which one is tried out; 404 if there is none."""
    tried = visit.shadows.get(name)
    if tried is None:
        raise HTTPException(404, f"there is no camera {name} for which a model is tried out")
    return tried


def _out(camera: str, tried: ShadowSettings, comparison: Comparison) -> ShadowOut:
    return ShadowOut(
        camera=camera,
        model=tried.model,
        shadow=tried.shadow,
        promoted=tried.promoted,
        compared_s=comparison.side_by_side.total_seconds(),
        events={
            found: {review: comparison.count(found, review) for review in Review} for found in Found
        },
    )
