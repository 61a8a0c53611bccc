"""/api/v1: one more camera, looked at and added by the watching process."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field, StringConstraints

from monitor.link import LinkClosed
from monitor.web.access import Admin, Visit
from monitor.web.api import PROBLEMS, Problem

ANSWER_S = 90.0  # that the watching process has: a camera may need most of it to send a key frame

_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {
        "model": Problem,
        "description": "The configuration does not allow it, or the watching has ended.",
    }
}

router = APIRouter(prefix="/api/v1", tags=["har-monitor"], responses=PROBLEMS | _CONFLICT)


class NewCamera(BaseModel):
    """A camera that is to be looked at."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    source: Annotated[str, StringConstraints(min_length=1, max_length=2000)] = Field(
        description="the address of a stream, or a host that knows ONVIF"
    )
    user: Annotated[str, StringConstraints(max_length=128)] = ""
    password: Annotated[str, StringConstraints(max_length=256)] = Field("", repr=False)


class Fact(BaseModel):
    """Something that was seen of a camera."""

    name: str
    text: str


class Warning(BaseModel):
    """Something of a camera that will hurt."""

    found: str
    remedy: str


class Looked(BaseModel):
    """A camera that was looked at, and what adding it would change."""

    id: str = Field(description="by which it is added")
    stream: str = Field(description="which of its streams was chosen, if it told them by ONVIF")
    facts: list[Fact]
    advice: list[Warning]
    difference: str = Field(description="of the configuration, as a unified diff; without secrets")


class Wanted(BaseModel):
    """Which camera is to be added."""

    id: Annotated[str, StringConstraints(pattern="^[0-9a-f]{16}$")]


class Done(BaseModel):
    """What became of a camera; `GET /api/v1/cameras` says when it is so."""

    camera: str
    done: str


@router.post("/cameras/look")
async def look(visit: Admin, camera: NewCamera) -> Looked:
    """Watch a camera for some seconds; nothing is written."""
    told = await _ask(visit, {"what": "look", "camera": camera.model_dump()})
    return Looked(
        id=told["id"],
        stream=told["stream"],
        facts=[Fact(name=name, text=text) for name, text in told["facts"]],
        advice=[Warning(found=found, remedy=remedy) for found, remedy in told["advice"]],
        difference=told["difference"],
    )


@router.post("/cameras/add", status_code=202)
async def add(visit: Admin, wanted: Wanted) -> Done:
    """Write a camera that was looked at into the configuration, and watch it."""
    return Done.model_validate(await _ask(visit, {"what": "add", "id": wanted.id}))


@router.post("/cameras/undo", status_code=202)
async def undo(visit: Admin) -> Done:
    """Take the camera back that was added last."""
    return Done.model_validate(await _ask(visit, {"what": "undo"}))


async def _ask(visit: Visit, order: dict[str, Any]) -> dict[str, Any]:
    check_may_add(visit)
    try:
        told = await visit.web.live.ask(order | {"by": visit.user.name}, ANSWER_S)
    except LinkClosed:
        raise HTTPException(409, "the watching has ended") from None
    except TimeoutError:
        raise HTTPException(409, f"no answer within {ANSWER_S:g} s: see the log") from None
    if "error" in told:
        raise HTTPException(422, told["error"])
    return told


def check_may_add(visit: Visit) -> None:
    """403 or 409 if this user must not add cameras, or nobody may."""
    if not visit.web.settings.adding:
        raise HTTPException(
            409, "cameras are added on the page only with web.add_cameras: true, and --config"
        )
    if not visit.may_add:
        raise HTTPException(403, "this needs an admin who sees all cameras")
